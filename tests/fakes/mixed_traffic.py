"""Mixed traffic as agents and applications make it: a fixed list of exchanges for each seed.

One in five is given up by its client at a random byte, one in twenty fails at the provider, one in twenty has a body
that is not as it should be. What the provider is to do stands in the request's own headers, so that the same exchange
means the same wherever and however often it is sent.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.fakes import mixed_requests
from tests.fakes.mixed_malformed import BREAKS
from tests.fakes.mixed_requests import Shape

Where = Literal["head", "body", "waiting", "answer", "racing"]

SMALL, LARGE, ALIAS = "gpt-5-mini", "gpt-5", "auto"
BROKE = "broke"
"""A tier whose cap is spent, and its user."""

POLICY = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {{name: mixed}}
spec:
  owner: {{team: support-platform}}
  models: [{{name: small, model: gpt-5-mini}}, {{name: large, model: gpt-5}}]
  aliases: {{auto: small..large}}
  identity:
    user: {{header: x-user-id, trustedFrom: [local]}}
    tier: {{header: x-user-tier, default: paid, trustedFrom: [local]}}
    session: {{headers: [x-session-id]}}
  tiers:
  - {{name: paid, caps: [{{per: User, window: Month, limitUSD: "100000"}}]}}
  - {{name: broke, caps: [{{per: User, window: Month, limitUSD: "0.000001"}}]}}
  cache: {{mode: {cache}, scope: User}}
  routing: {{mode: Enforce, rules: [{{when: {{taskType: Classification}}, use: small}}]}}
"""
"""One cap counts for each exchange, so that the ledger's sum is the exchanges' own."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Where a client gives up: in its own request, between request and answer, or in the answer. `racing` is in the
    answer too, while the provider goes on sending; everywhere else it has stopped."""

    where: Where
    permille: int
    """Of the bytes of the part that is named."""
    hard: bool
    """By a reset instead of an orderly end."""


@dataclass(frozen=True, slots=True)
class Exchange:
    number: int
    dialect: str
    shape: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    plain_body: bytes
    """What has to be sent where there is no Costward to resolve an alias; elsewhere the same as `body`."""
    stream: bool
    wish: bool
    """A stream that does not ask for its usage: Costward does, and takes it out again."""
    chunked: bool = False
    reuse: bool = True
    """On a connection that was used before."""
    fault: str = ""
    """What the provider does instead of answering: `status:503`, `reset`, `cut:PERMILLE`, `early:…`, `error:…`."""
    abort: Abort | None = None
    malformed: str = ""
    capped: bool = False
    slow: bool = False

    @property
    def task(self) -> str:
        return f"mixed-{self.number}"

    @property
    def alias(self) -> bool:
        return self.body != self.plain_body

    @property
    def rewritten(self) -> bool:
        return self.alias or self.wish

    @property
    def again(self) -> bool:
        """Refused with a 400, it goes once more as it was sent: an alias as what it stands for without rules."""
        classified = any(name == "x-costward-task-type" for name, _ in self.headers)
        return self.fault == "status:400" and (self.wish or (self.alias and classified))

    def head(self, authority: str, *, ours: bool) -> bytes:
        """The request's first bytes, up to the empty line."""
        body = self.body if ours else self.plain_body
        framing = "transfer-encoding: chunked" if self.chunked else f"content-length: {len(body)}"
        lines = [f"POST {self.target} HTTP/1.1", f"host: {authority}", *(f"{k}: {v}" for k, v in self.headers)]
        return "\r\n".join([*lines, framing, "", ""]).encode()

    def payload(self, *, ours: bool) -> bytes:
        """The request's body as it is framed."""
        body = self.body if ours else self.plain_body
        if not self.chunked:
            return body
        size = max(len(body) // 3, 1)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Flavour:
    """Shares of all exchanges."""

    aborted: float = 0.20
    failing: float = 0.05
    malformed: float = 0.05
    capped: float = 0.01
    aliases: float = 0.05
    slow: float = 0.0
    """Sent and answered slowly enough to be caught in every phase."""
    repeats: bool = False
    """Few questions and users, asked again and again."""


def traffic(seed: int, numbers: Iterable[int], flavour: Flavour = Flavour()) -> Iterator[Exchange]:
    """The exchanges of this seed that have these numbers."""
    for number in numbers:
        # Each by a generator of its own: one more draw in one exchange changes no other.
        yield _exchange(random.Random(f"{seed}/{number}"), number, flavour)


def _exchange(draw: random.Random, number: int, flavour: Flavour) -> Exchange:
    shape = mixed_requests.shape(draw, number, flavour.repeats)
    exchange = _plain(draw, number, shape, flavour)
    lot = draw.random()
    if lot < flavour.aborted:
        return _aborted(draw, exchange)
    if lot < flavour.aborted + flavour.failing:
        return _failing(draw, exchange)
    if lot < flavour.aborted + flavour.failing + flavour.malformed:
        return _malformed(draw, exchange, shape)
    if lot < flavour.aborted + flavour.failing + flavour.malformed + flavour.capped:
        headers = [header for header in exchange.headers if header[0] != "x-user-id"]
        return replace(exchange, capped=True, headers=(*headers, ("x-user-id", BROKE), ("x-user-tier", BROKE)))
    return exchange


def _plain(draw: random.Random, number: int, shape: Shape, flavour: Flavour) -> Exchange:
    document, aliased = dict(shape.document), dict(shape.document)
    headers = list(_headers(draw, number, shape, flavour))
    if shape.dialect in ("openai.chat", "openai.responses") and draw.random() < flavour.aliases:
        # A history with encrypted reasoning stays with its model, whatever a rule says.
        classified = draw.random() < 0.5 and shape.name != "agent"
        aliased["model"], document["model"] = ALIAS, SMALL if classified else LARGE
        headers += [("x-costward-task-type", "Classification")] if classified else []
    writer = draw.choice(_WRITERS)
    stream = document.get("stream") is True
    options = document.get("stream_options") or {}
    slow = draw.random() < flavour.slow
    if slow:
        headers.append(("x-mixed-pace", "20"))
    return Exchange(
        number=number,
        dialect=shape.dialect,
        shape=shape.name,
        target=shape.target,
        headers=tuple(headers),
        body=_written(aliased, writer),
        plain_body=_written(document, writer),
        stream=stream,
        wish=shape.dialect == "openai.chat" and stream and options.get("include_usage") is not True,
        chunked=draw.random() < 0.1,
        reuse=draw.random() < 0.8,
        slow=slow,
    )


_WRITERS: tuple[Mapping[str, Any], ...] = (
    {"separators": (",", ":"), "ensure_ascii": False},
    {},
    {"indent": 2},
    {"separators": (" , ", " : ")},
)
"""As JavaScript, Python, a person and nobody in particular write JSON."""


def _written(document: Mapping[str, Any], writer: Mapping[str, Any]) -> bytes:
    return json.dumps(document, **writer).encode()


def _headers(draw: random.Random, number: int, shape: Shape, flavour: Flavour) -> Iterator[tuple[str, str]]:
    yield "content-type", draw.choice(["application/json", "application/json; charset=utf-8"])
    yield "authorization", "Bearer sk-mixed"
    yield "x-mixed", str(number)
    yield "x-costward-task", f"mixed-{number}"
    yield "x-user-id", f"user-{draw.randrange(2 if flavour.repeats else 200)}"
    yield "user-agent", draw.choice(["OpenAI/Python 2.6", "claude-cli/2.1 (external, cli)", "node"])
    if shape.dialect == "anthropic.messages":
        yield "anthropic-version", "2023-06-01"
    if draw.random() < 0.3:
        yield "x-session-id", f"session-{draw.randrange(50)}"
    if draw.random() < 0.4:
        yield "accept-encoding", draw.choice(["gzip, deflate, br", "gzip", "identity"])
    if draw.random() < 0.1:
        yield "cache-control", draw.choice(["no-cache", "no-store", "max-age=60"])
    if draw.random() < 0.05:
        yield "x-costward-tag", "nightly"
    if draw.random() < 0.1:
        yield "x-stainless-retry-count", "0"
        yield "cookie", "a=1; b=2"


def _aborted(draw: random.Random, exchange: Exchange) -> Exchange:
    where: Where = draw.choice(["head", "body", "waiting", "answer", "answer", "answer", "racing"])
    if where == "answer" and not exchange.stream and draw.random() < 0.75:
        # What is no stream leaves a provider in one go: it has rarely stopped in the middle of it.
        where = "racing"
    abort = Abort(where, draw.randrange(1, 1000), hard=draw.random() < 0.5)
    told: tuple[tuple[str, str], ...] = ()
    if where == "waiting":
        told = (("x-mixed-hold", "0"),)
    elif where == "answer":
        told = (("x-mixed-hold", str(abort.permille)),)
    elif where == "racing":
        told = (("x-mixed-pace", "2"),)
    headers = tuple(header for header in exchange.headers if header[0] != "x-mixed-pace")
    return replace(exchange, abort=abort, headers=(*headers, *told), slow=False)


_FAULTS = ("status:500", "status:503", "status:529", "status:429", "status:429", "status:400", "reset")
_CUTS = ("cut", "early", "error")


def _failing(draw: random.Random, exchange: Exchange) -> Exchange:
    fault = draw.choice(_FAULTS if not exchange.stream or draw.random() < 0.5 else _CUTS)
    if fault in _CUTS:
        fault += f":{draw.randrange(1, 1000)}"
    return replace(exchange, fault=fault, headers=(*exchange.headers, ("x-mixed-fault", fault)))


def _malformed(draw: random.Random, exchange: Exchange, shape: Shape) -> Exchange:
    kind = draw.choice(list(BREAKS))
    # What a provider may take all the same is not streamed: of a stream that cannot be asked, nobody knows the usage.
    document = {name: value for name, value in shape.document.items() if name not in ("stream", "stream_options")}
    body = BREAKS[kind](draw, _written(document, _WRITERS[0]))
    headers = dict(exchange.headers)
    if kind == "text-plain":
        headers["content-type"] = "text/plain"
    if kind == "gzip":
        headers["content-encoding"] = "gzip"
    return replace(
        exchange,
        malformed=kind,
        body=body,
        plain_body=body,
        headers=tuple(headers.items()),
        stream=False,
        wish=False,
        chunked=exchange.chunked and bool(body),
    )
