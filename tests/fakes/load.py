"""Mixed callers for fault tests: each knows in which phase its exchange is, and whether it got all that it was owed.

No caller retries: what one of them sees is what Envoy and Costward did.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import httpx

Kind = Literal["stream", "whole", "slow-body", "slow-chunked", "repeat"]
Phase = Literal["idle", "headers", "body", "waiting", "stream", "done"]
"""headers: they are sent and nothing of the body; waiting: all is sent and no answer has begun; stream: it has."""

MIX: tuple[Kind, ...] = ("stream", "slow-body", "whole", "stream", "slow-chunked", "repeat")
REPEATED = "When are you open?"
STREAM_WORDS = 160
"""At 20 ms a word longer than a short lease takes to be renewed."""
_HEADERS_PAUSE_S = 0.25
_PIECES = 6
_PIECE_PAUSE_S = 0.1
_REPEAT_PAUSE_S = 0.05
"""A hit takes milliseconds: without a pause they would take the cores from everything else."""


@dataclass
class Exchange:
    number: int
    kind: Kind
    started: float
    phase: Phase = "idle"
    ended: float = 0.0
    status: int = 0
    decision: str | None = None
    id: str | None = None
    done: bool = False
    """A stream's [DONE], a whole answer's last brace."""
    text: str = ""
    choiceless: int = 0
    """Usage chunks that this caller, who asked for none, got to see."""
    problem: str = ""

    @property
    def words(self) -> int:
        return STREAM_WORDS if self.kind == "stream" else 5 + self.number % 40

    @property
    def whole(self) -> bool:
        """Everything that the provider sends for it arrived, once and in order."""
        expected = self.kind == "repeat" or self.text == "word" + " word" * (self.words - 1)
        return self.status == 200 and self.done and expected and bool(self.text) and not self.problem


@dataclass
class Load:
    """`async with Load(client, workers) as load:` asks until the block ends, then lets what runs come to its end."""

    client: httpx.AsyncClient
    workers: int
    exchanges: list[Exchange] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        kinds = itertools.cycle(MIX)
        self._tasks = [asyncio.create_task(self._work(next(kinds))) for _ in range(self.workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    def phases(self, since: float) -> Counter[str]:
        """How many exchanges that began after `since` (loop time) are in which phase now."""
        return Counter(e.phase for e in self.exchanges if e.started >= since and e.phase not in ("idle", "done"))

    async def _work(self, kind: Kind) -> None:
        while not self._stopping:
            exchange = Exchange(next(self._numbers), kind, asyncio.get_running_loop().time())
            self.exchanges.append(exchange)
            try:
                await self._ask(exchange)
            except httpx.HTTPError as error:
                exchange.problem = f"{type(error).__name__} in {exchange.phase}"
            exchange.phase, exchange.ended = "done", asyncio.get_running_loop().time()
            if kind == "repeat":
                await asyncio.sleep(_REPEAT_PAUSE_S)

    async def _ask(self, exchange: Exchange) -> None:
        body = json.dumps(_body(exchange)).encode()
        headers = {"content-type": "application/json", "x-user-id": _user(exchange)}
        content: bytes | AsyncIterator[bytes] = body
        if exchange.kind in ("slow-body", "slow-chunked"):
            content = _slowly(exchange, body)
        if exchange.kind == "slow-body":
            headers["content-length"] = str(len(body))
        if content is body:
            exchange.phase = "waiting"
        async with self.client.stream("POST", "/chat/completions", content=content, headers=headers) as response:
            exchange.phase, exchange.status = "stream", response.status_code
            exchange.decision = response.headers.get("x-costward-decision")
            exchange.id = response.headers.get("x-costward-request-id")
            if exchange.kind == "stream":
                await _read_stream(exchange, response)
            else:
                _read_whole(exchange, await response.aread())


async def _slowly(exchange: Exchange, body: bytes) -> AsyncIterator[bytes]:
    exchange.phase = "headers"
    await asyncio.sleep(_HEADERS_PAUSE_S)
    exchange.phase = "body"
    size = len(body) // _PIECES + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(_PIECE_PAUSE_S)
    exchange.phase = "waiting"


async def _read_stream(exchange: Exchange, response: httpx.Response) -> None:
    async for line in response.aiter_lines():
        if exchange.done or not line.startswith("data: "):
            continue
        if line == "data: [DONE]":
            exchange.done = True
            continue
        try:
            choices = json.loads(line.removeprefix("data: "))["choices"]
        except (ValueError, KeyError):
            exchange.problem = "an event that is no chunk"
            continue
        exchange.choiceless += not choices
        exchange.text += "".join(choice["delta"].get("content") or "" for choice in choices)


def _read_whole(exchange: Exchange, body: bytes) -> None:
    try:
        exchange.text = json.loads(body)["choices"][0]["message"]["content"]
        exchange.done = True
    except (ValueError, KeyError):
        exchange.problem = f"a body of {len(body)} bytes that is no completion"


def _user(exchange: Exchange) -> str:
    """A user of its own keeps an exchange from being a hit, except where that is the point."""
    return "regular" if exchange.kind == "repeat" else f"load-{exchange.number}"


def _body(exchange: Exchange) -> dict[str, Any]:
    text = REPEATED if exchange.kind == "repeat" else f"repeat {exchange.words} words"
    stream = {"stream": True} if exchange.kind == "stream" else {}
    return {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **stream}
