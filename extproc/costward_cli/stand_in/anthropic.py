"""Anthropic's endpoints of the stand-in: messages, token counts and models, with its errors and its prompt cache."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from costward_cli.stand_in.answers import answer
from costward_cli.stand_in.anthropic_answer import Message, answered, events, json_body
from costward_cli.stand_in.anthropic_cache import Prompt, prompt
from costward_cli.stand_in.anthropic_request import MessagesRequest, parse
from costward_cli.stand_in.bill import Sale, is_known
from costward_cli.stand_in.chat import ApiError
from costward_cli.stand_in.completion import complete
from costward_cli.stand_in.faults import Faults
from costward_cli.stand_in.streaming import EventStream

if TYPE_CHECKING:
    from costward_cli.stand_in.app import StandIn

MODELS = ("claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-8")
"""What `/v1/models` lists; every other model of the provider that the price catalogue knows is answered too."""

_PROVIDER = "anthropic"

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def speaks(request: Request) -> bool:
    """Every client of the provider sends its version, also to paths that others serve too."""
    return "anthropic-version" in request.headers


class Anthropic:
    """Endpoints that share the stand-in's knowledge, faults and bill."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in

    def routes(self) -> list[Route]:
        return [
            Route("/v1/messages", self.messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", self.count_tokens, methods=["POST"]),
        ]

    async def messages(self, request: Request) -> Response:
        id = self._stand_in.next_id("msg_")
        try:
            asked = await self._read(request)
        except ApiError as problem:
            self._stand_in.bill.errors += 1
            return error(problem, id)
        faults = self._stand_in.injector.for_model(asked.chat.model)
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        faulty = self._stand_in.faulty(request, faults, lambda problem, headers: error(problem, id, headers))
        return faulty or self._respond(asked, faults, id)

    async def count_tokens(self, request: Request) -> Response:
        try:
            asked = await self._read(request, counting=True)
        except ApiError as problem:
            return error(problem, self._stand_in.next_id("msg_"))
        return _json({"input_tokens": prompt(asked.segments, set(), self._count).total})

    async def _read(self, request: Request, counting: bool = False) -> MessagesRequest:
        self._check(request)
        asked = parse(await request.body(), counting=counting)
        if not is_known(asked.chat.model, _PROVIDER):
            raise ApiError(404, f"model: {asked.chat.model[:64]}")
        return asked

    def _check(self, request: Request) -> None:
        if not speaks(request):
            raise ApiError(400, "anthropic-version: header is required")
        sent = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._stand_in.require_key and (not sent or "invalid" in sent):
            raise ApiError(401, "invalid x-api-key" if sent else "x-api-key header is required")

    def models(self, request: Request) -> Response:
        try:
            self._check(request)
        except ApiError as problem:
            return error(problem, self._stand_in.next_id("msg_"))
        rows = [
            {"type": "model", "id": id, "display_name": id.replace("-", " ").title(), "created_at": _LONG_AGO}
            for id in MODELS
        ]
        return _json({"data": rows, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})

    def _respond(self, asked: MessagesRequest, faults: Faults, id: str) -> Response:
        stand_in = self._stand_in
        done = complete(asked.chat, answer(asked.chat, stand_in.knowledge), stand_in.tokenizer, id=id, created=0)
        counted = prompt(asked.segments, stand_in.prompt_cache, self._count)
        message = answered(done, counted, asked.thinks, self._count)
        headers = {"request-id": _request_id(id)}
        if asked.chat.stream:
            return self._stream(message, faults, headers)
        stand_in.bill.sell(_sale(message, message.output_tokens))
        body = json_body(message)
        if faults.gzip:
            headers["content-encoding"], body = "gzip", gzip.compress(body)
        return Response(body, media_type="application/json", headers=headers)

    def _stream(self, message: Message, faults: Faults, headers: dict[str, str]) -> Response:
        def settle(sent: int, complete: bool) -> None:
            self._stand_in.bill.aborted += not complete
            self._stand_in.bill.sell(_sale(message, message.output_tokens if complete else sent))

        told = events(message, self._count)
        return EventStream(told, settle, faults, pause=self._stand_in.chunk_seconds, headers=headers)

    def _count(self, text: str) -> int:
        return len(self._stand_in.tokenizer.encode_ordinary(text)) if text else 0


def error(problem: ApiError, id: str, headers: dict[str, str] | None = None) -> Response:
    kind = _KINDS.get(problem.status, "api_error" if problem.status >= 500 else "invalid_request_error")
    request_id = _request_id(id)
    body = {"type": "error", "error": {"type": kind, "message": str(problem)}, "request_id": request_id}
    sent = {"request-id": request_id, **(headers or {})}
    return Response(orjson.dumps(body), status_code=problem.status, media_type="application/json", headers=sent)


def _sale(message: Message, output: int) -> Sale:
    counted: Prompt = message.prompt
    return Sale(message.done.model, counted.total, output, counted.read, counted.written, counted.written_1h, _PROVIDER)


_LONG_AGO = "2025-01-01T00:00:00Z"


def _request_id(id: str) -> str:
    return id.replace("msg_", "req_")


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
