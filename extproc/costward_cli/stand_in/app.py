"""The stand-in as an ASGI application: OpenAI's endpoints, Anthropic's, and its own under `/_stand_in/`."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from costward_cli.stand_in import anthropic, responses
from costward_cli.stand_in.answers import answer
from costward_cli.stand_in.bill import Bill, is_known
from costward_cli.stand_in.chat import ApiError, ChatRequest, parse
from costward_cli.stand_in.completion import Completion, Tokenizer, complete, events, json_body
from costward_cli.stand_in.faults import Faults, Injector, fault_error, parse_faults
from costward_cli.stand_in.knowledge import Knowledge
from costward_cli.stand_in.streaming import EventStream

MODELS = ("gpt-5-nano", "gpt-5-mini", "gpt-5", "gpt-4.1-nano", "gpt-4.1-mini", "gpt-4.1", "gpt-4o-mini", "gpt-4o")
"""What `/v1/models` lists; every other model that the price catalogue knows is answered too."""

Reset = Callable[[Scope], None]
"""Ends the connection of this request without a word."""


@dataclass(slots=True)
class StandIn:
    knowledge: Knowledge
    tokenizer: Tokenizer
    clock: Callable[[], float]
    chunk_seconds: float = 0.015
    """Between two events: 65 words a second, as a fast model streams."""
    require_key: bool = False
    reset: Reset = lambda _: None
    bill: Bill = field(default_factory=Bill)
    injector: Injector = field(default_factory=Injector)
    prompt_cache: set[str] = field(default_factory=set)
    """Digests of what Anthropic's side keeps of prompts."""
    _ids: Iterable[int] = field(default_factory=itertools.count)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                # Azure's way to the same; its SDK repeats the deployment's name in the body.
                Route("/openai/deployments/{name}/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/models", self.models),
                *anthropic.Anthropic(self).routes(),
                *responses.Responses(self).routes(),
                Route("/_stand_in/faults", self.set_faults, methods=["POST"]),
                Route("/_stand_in/bill", self.show_bill),
                Route("/_stand_in/reset", self.forget, methods=["POST"]),
                Route("/_stand_in/ready", self.ready),
            ]
        )

    async def chat(self, request: Request) -> Response:
        try:
            self.check_key(request)
            asked = parse(await request.body())
            if not is_known(asked.model):
                message = f"The model `{asked.model[:64]}` does not exist or you do not have access to it."
                raise ApiError(404, message, code="model_not_found")
        except ApiError as error:
            self.bill.errors += 1
            return _error(error)
        faults = self.injector.for_model(asked.model)
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        return self.faulty(request, faults, _error) or self._respond(asked, faults)

    async def models(self, request: Request) -> Response:
        if anthropic.speaks(request):
            return anthropic.Anthropic(self).models(request)
        try:
            self.check_key(request)
        except ApiError as error:
            return _error(error)
        rows = [{"id": m, "object": "model", "created": 1_700_000_000, "owned_by": "stand-in"} for m in MODELS]
        return _json({"object": "list", "data": rows})

    async def set_faults(self, request: Request) -> Response:
        try:
            self.injector.set(parse_faults(orjson.loads(await request.body() or b"{}")))
        except orjson.JSONDecodeError:
            return _error(ApiError(400, "The body is not JSON."))
        except ApiError as error:
            return _error(error)
        return _json({"faults": self.injector.faults})

    async def show_bill(self, _: Request) -> Response:
        return _json(self.bill.statement())

    async def forget(self, _: Request) -> Response:
        self.bill = Bill()
        self.prompt_cache.clear()
        self.injector.set(Faults())
        return _json({"reset": True})

    async def ready(self, _: Request) -> Response:
        return Response(b"ready\n", media_type="text/plain")

    def next_id(self, prefix: str) -> str:
        return f"{prefix}{next(iter(self._ids)):012x}"

    def check_key(self, request: Request) -> None:
        if not self.require_key:
            return
        sent = request.headers.get("authorization", "")
        if not sent.startswith("Bearer "):
            raise ApiError(401, "You didn't provide an API key.")
        if "invalid" in sent:
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def faulty(
        self, request: Request, faults: Faults, tell: Callable[[ApiError, dict[str, str] | None], Response]
    ) -> Response | None:
        """The answer that a fault puts in place of the true one; `tell` puts an error into the dialect's words."""
        if faults.reset_rate:
            self.bill.errors += 1
            self.reset(request.scope)
            return _Silence()
        if faults.status is not None:
            self.bill.errors += 1
            headers = {"retry-after": str(faults.retry_after)} if faults.retry_after is not None else None
            return tell(fault_error(faults.status), headers)
        if faults.garbage:
            self.bill.errors += 1
            return Response(b'{"id": "chatcmpl-', media_type="application/json")
        return None

    def _respond(self, asked: ChatRequest, faults: Faults) -> Response:
        done = complete(
            asked,
            answer(asked, self.knowledge),
            self.tokenizer,
            id=self.next_id("chatcmpl-"),
            created=int(self.clock()),
        )
        if asked.stream:
            return self._stream(asked, done, faults)
        self.bill.charge(done.model, done.prompt_tokens, done.completion_tokens)
        body = json_body(done)
        if faults.gzip:
            return Response(gzip.compress(body), media_type="application/json", headers={"content-encoding": "gzip"})
        return Response(body, media_type="application/json")

    def _stream(self, asked: ChatRequest, done: Completion, faults: Faults) -> Response:
        def settle(sent: int, complete: bool) -> None:
            self.bill.aborted += not complete
            self.bill.charge(done.model, done.prompt_tokens, done.completion_tokens if complete else sent)

        encode = self.tokenizer.encode_ordinary
        told = events(done, asked.include_usage, lambda text: len(encode(text)))
        return EventStream(told, settle, faults, pause=self.chunk_seconds)


class _Silence(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The connection is already reset."""


def _error(error: ApiError, headers: dict[str, str] | None = None) -> Response:
    return Response(error.body, status_code=error.status, media_type="application/json", headers=headers)


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
