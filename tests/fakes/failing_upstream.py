"""A provider that fails as told, and remembers which model was asked for in which words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.echo_upstream import serving

Fault = int | str | None
"""A status; `hang` for no answer; None for a completion."""


@dataclass(frozen=True)
class Try:
    body: bytes
    headers: dict[str, str]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def model(self) -> str:
        return str(self.document["model"])


@dataclass
class FailingUpstream:
    fault: Callable[[Try], Fault] = lambda _: None
    url: str = ""
    tries: list[Try] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        return [attempt.model for attempt in self.tries]

    async def chat(self, request: Request) -> Response:
        attempt = Try(await request.body(), dict(request.headers))
        self.tries.append(attempt)
        fault = self.fault(attempt)
        if fault == "hang":
            await asyncio.sleep(5)
        if isinstance(fault, int):
            return Response('{"error":{"message":"as told"}}', status_code=fault, media_type="application/json")
        answer = _completion(attempt)
        return Response(
            answer, media_type="text/event-stream" if attempt.document.get("stream") else "application/json"
        )


def _completion(attempt: Try) -> str:
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": attempt.model}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    if not attempt.document.get("stream"):
        message = {"role": "assistant", "content": "Hello."}
        return json.dumps(
            {**head, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        )
    choices = [{"index": 0, "delta": {"content": "Hello."}, "finish_reason": None}]
    chunks: list[dict[str, Any]] = [{**head, "choices": choices}]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if (attempt.document.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": usage})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


@asynccontextmanager
async def failing_upstream(fault: Callable[[Try], Fault] = lambda _: None) -> AsyncIterator[FailingUpstream]:
    upstream = FailingUpstream(fault)
    app = Starlette(routes=[Route("/v1/chat/completions", upstream.chat, methods=["POST"])])
    async with serving(app) as (host, port):
        upstream.url = f"http://{host}:{port}/v1"
        yield upstream
