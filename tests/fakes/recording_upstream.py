"""A provider that keeps every byte of what reaches it, and answers bytes that no JSON library would write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.echo_upstream import serving

ODD_ANSWER = b'{"id" : "x",\r\n\t"a":1e400, "a":NaN, "text":"\xff\xfe\xc3(", "choices":[ ]  }\n\n'
"""Not UTF-8, a key twice, no JSON number: what a client must get as it is."""


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    """Path with query."""
    headers: dict[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass
class Recorder:
    url: str = ""
    received: list[Received] = field(default_factory=list)
    usage: dict[str, int] | None = None
    """Answer a chat completion with this usage instead of odd bytes."""

    def take(self) -> Received:
        """The one request since the last call."""
        (only,) = self.received
        self.received.clear()
        return only

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._keep, methods=["GET", "POST", "PUT", "DELETE"])])

    async def _keep(self, request: Request) -> Response:
        body = await request.body()
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.received.append(Received(request.method, target, dict(request.headers), body))
        if self.usage is not None:
            return Response(json.dumps(_completion(self.usage)), media_type="application/json")
        # The tail differs with the request, so that no answer can be another's.
        tail = hashlib.sha256(body).hexdigest().encode()
        status = int(request.headers.get("x-answer-status", "200"))
        media = request.headers.get("x-answer-type", "application/json")
        return Response(ODD_ANSWER + tail, status_code=status, headers={"content-type": media, "x-odd": "yes"})


def _completion(usage: dict[str, int]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello."}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "c", "object": "chat.completion", "model": "gpt-5-mini", "choices": choices, "usage": usage}


@asynccontextmanager
async def recording_upstream() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    async with serving(recorder.app()) as (host, port):
        recorder.url = f"http://{host}:{port}/v1"
        yield recorder
