"""OpenAI's responses and embeddings of the stand-in, with the conversations that it stores."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from costward_cli.stand_in import embeddings
from costward_cli.stand_in.answers import answer
from costward_cli.stand_in.bill import is_known
from costward_cli.stand_in.chat import ApiError
from costward_cli.stand_in.completion import complete, prompt_tokens
from costward_cli.stand_in.faults import Faults
from costward_cli.stand_in.responses_answer import Answered, events, response
from costward_cli.stand_in.responses_request import ResponsesRequest, parse
from costward_cli.stand_in.streaming import EventStream

if TYPE_CHECKING:
    from costward_cli.stand_in.app import StandIn

_MOST_STORED = 1_000
"""Responses that can be gone on from: a test has a handful, and a long run must not grow without end."""


class Responses:
    """Endpoints that share the stand-in's knowledge, faults and bill."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._items: dict[str, tuple[Mapping[str, Any], ...]] = {}
        self._bodies: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/v1/responses", self.responses, methods=["POST"]),
            Route("/v1/responses/input_tokens", self.input_tokens, methods=["POST"]),
            Route("/v1/responses/{id}", self.stored),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
        ]

    async def responses(self, request: Request) -> Response:
        try:
            asked = await self._read(request)
        except ApiError as problem:
            self._stand_in.bill.errors += 1
            return _error(problem)
        faults = await self._faults(asked.chat.model)
        return self._stand_in.faulty(request, faults, _error) or self._respond(asked, faults)

    async def input_tokens(self, request: Request) -> Response:
        try:
            asked = await self._read(request)
        except ApiError as problem:
            return _error(problem)
        tokens = prompt_tokens(asked.chat, self._stand_in.tokenizer)
        return _json({"object": "response.input_tokens", "input_tokens": tokens})

    async def stored(self, request: Request) -> Response:
        id = request.path_params["id"]
        if id not in self._bodies:
            return _error(ApiError(404, f"Response with id '{id[:64]}' not found."))
        return _json(self._bodies[id])

    async def embeddings(self, request: Request) -> Response:
        try:
            self._stand_in.check_key(request)
            asked = embeddings.parse(await request.body())
            _check_model(asked.model)
        except ApiError as problem:
            self._stand_in.bill.errors += 1
            return _error(problem)
        faults = await self._faults(asked.model)
        if (faulty := self._stand_in.faulty(request, faults, _error)) is not None:
            return faulty
        tokens = sum(self._size(element) for element in asked.elements)
        self._stand_in.bill.charge(asked.model, tokens, 0)
        return self._whole(embeddings.body(asked, tokens), faults)

    async def _read(self, request: Request) -> ResponsesRequest:
        self._stand_in.check_key(request)
        asked = parse(await request.body(), self._items)
        _check_model(asked.chat.model)
        return asked

    async def _faults(self, model: str) -> Faults:
        faults = self._stand_in.injector.for_model(model)
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        return faults

    def _respond(self, asked: ResponsesRequest, faults: Faults) -> Response:
        stand_in = self._stand_in
        done = complete(
            asked.chat,
            answer(asked.chat, stand_in.knowledge),
            stand_in.tokenizer,
            id=stand_in.next_id("resp_"),
            created=int(stand_in.clock()),
        )
        answered = Answered(asked, done)
        self._keep(answered)
        if asked.chat.stream:
            return self._stream(answered, faults)
        stand_in.bill.charge(done.model, done.prompt_tokens, answered.output_tokens)
        return self._whole(orjson.dumps(response(answered)), faults)

    def _stream(self, answered: Answered, faults: Faults) -> Response:
        def settle(sent: int, complete: bool) -> None:
            bill, done = self._stand_in.bill, answered.done
            bill.aborted += not complete
            bill.charge(done.model, done.prompt_tokens, answered.output_tokens if complete else sent)

        told = events(answered, self._size)
        return EventStream(told, settle, faults, pause=self._stand_in.chunk_seconds)

    def _keep(self, answered: Answered) -> None:
        if not answered.asked.stored:
            return
        self._items[answered.done.id] = (*answered.asked.items, *answered.output)
        self._bodies[answered.done.id] = response(answered)
        if len(self._items) > _MOST_STORED:
            oldest = next(iter(self._items))
            del self._items[oldest], self._bodies[oldest]

    def _size(self, element: str | list[int]) -> int:
        return len(self._stand_in.tokenizer.encode_ordinary(element)) if isinstance(element, str) else len(element)

    @staticmethod
    def _whole(body: bytes, faults: Faults) -> Response:
        if faults.gzip:
            headers = {"content-encoding": "gzip"}
            return Response(gzip.compress(body), media_type="application/json", headers=headers)
        return Response(body, media_type="application/json")


def _check_model(model: str) -> None:
    if not is_known(model):
        message = f"The model `{model[:64]}` does not exist or you do not have access to it."
        raise ApiError(404, message, code="model_not_found")


def _error(error: ApiError, headers: dict[str, str] | None = None) -> Response:
    return Response(error.body, status_code=error.status, media_type="application/json", headers=headers)


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
