"""An event loop in a thread of its own, for a library that takes the whole loop for its own.

kopf, when it ends, cancels every task that began after it did: also those of the servers and clients beside it, whose
connections then stay open without anybody who answers on them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

_Where = tuple[asyncio.AbstractEventLoop, "asyncio.Task[None]"]

STOP_S = 15.0
"""How long what runs there may take to end once it is cancelled: kopf gives its own parts ten seconds."""
LINGER_S = 0.25
"""What aiohttp's documentation gives TLS connections to say good-bye: a loop that ends at once leaves them open."""


async def apart(work: Callable[[], Awaitable[None]]) -> None:
    """Runs `work()` there until it ends, and raises what it raises. Cancelled here, it is cancelled there, and waited
    for."""
    started: Future[_Where] = Future()
    running = asyncio.ensure_future(asyncio.to_thread(_run, work, started))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        started.add_done_callback(_cancel)
        await asyncio.wait({running}, timeout=STOP_S)
        raise


def _run(work: Callable[[], Awaitable[None]], started: Future[_Where]) -> None:
    async def inside() -> None:
        task = asyncio.current_task()
        assert task is not None
        started.set_result((asyncio.get_running_loop(), task))
        try:
            await work()
        finally:
            await asyncio.sleep(LINGER_S)

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(inside())


def _cancel(started: Future[_Where]) -> None:
    loop, task = started.result()
    # Closed: it has ended meanwhile.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(task.cancel)
