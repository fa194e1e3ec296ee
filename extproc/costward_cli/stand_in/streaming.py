"""A paced stream of events, in whatever dialect; settled by what left, also when the caller goes away in the middle."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from costward_cli.stand_in.completion import Event
from costward_cli.stand_in.faults import Faults

Settle = Callable[[int, bool], None]
"""Called once, at the end: output tokens that left, and whether that was all."""


class EventStream(Response):
    media_type = "text/event-stream"

    def __init__(
        self,
        events: Iterable[Event],
        settle: Settle,
        faults: Faults,
        *,
        pause: float,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`pause`: seconds between two events."""
        encoding = {"content-encoding": "gzip"} if faults.gzip else {}
        super().__init__(headers={"cache-control": "no-cache", **encoding, **(headers or {})})
        del self.headers["content-length"]
        self._events, self._settle, self._faults, self._pause = events, settle, faults, pause
        self._zip = zlib.compressobj(wbits=31) if faults.gzip else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        gone = asyncio.ensure_future(receive())
        sent = 0
        complete = False
        try:
            for number, event in enumerate(self._events):
                if number == self._faults.cut_after_chunks:
                    raise ConnectionAbortedError("the stand-in was told to cut this stream")
                await send({"type": "http.response.body", "body": self._encoded(event), "more_body": True})
                sent += event.tokens
                if await self._caller_left(gone):
                    return
            complete = True
            await send({"type": "http.response.body", "body": self._last()})
        finally:
            gone.cancel()
            self._settle(sent, complete)

    async def _caller_left(self, gone: asyncio.Future[Any]) -> bool:
        if self._pause:
            await asyncio.wait([gone], timeout=self._pause)
        else:
            # One turn of the loop, or nobody could notice that the caller left.
            await asyncio.sleep(0)
        return gone.done()

    def _encoded(self, event: Event) -> bytes:
        if self._zip is None:
            return event.data
        return self._zip.compress(event.data) + self._zip.flush(zlib.Z_SYNC_FLUSH)

    def _last(self) -> bytes:
        return self._zip.flush() if self._zip is not None else b""
