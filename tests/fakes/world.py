"""An exchange machine with a world in memory: performs effects at once and keeps what it was asked to do.

It stands for the server and the stores where a test is about decisions alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from costward_contract.snapshot import (
    CachePolicy,
    Cap,
    CapSubject,
    Identity,
    LadderStep,
    MicroUSD,
    OnFailure,
    Owner,
    Policy,
    RoutingPolicy,
    Rung,
    Snapshot,
    Tier,
    Window,
)
from costward_extproc.cache.entries import DIMENSIONS, Embedding, Entry, Neighbour
from costward_extproc.core import exchange
from costward_extproc.core.admission import admit
from costward_extproc.core.events import (
    Answer,
    Closed,
    Done,
    Effect,
    Embed,
    Event,
    Failure,
    FindExact,
    FindNear,
    GoUpstream,
    LetGo,
    PassChunk,
    PassHeaders,
    Raise,
    ReadOn,
    Renew,
    RequestBody,
    RequestHeaders,
    Reserve,
    ResponseBody,
    ResponseHeaders,
    Result,
    Settle,
    Stand,
    Store,
    Write,
)
from costward_extproc.core.identity import Workload
from costward_extproc.core.ledger import Granted, Habit, Position, Settlement, Standing
from costward_extproc.core.means import Means
from costward_extproc.core.money import Quote, Rates
from costward_extproc.core.record import Record
from costward_extproc.core.states import State

NOW = 1_800_000_000.0
WORKLOAD = Workload("test", "team", "app")

RATES = {
    "gpt-5-mini": Rates(250_000, 2_000_000, 25_000, 250_000),
    "gpt-5": Rates(1_250_000, 10_000_000, 125_000, 1_250_000),
    "gpt-5-2025-08-07": Rates(1_250_000, 10_000_000, 125_000, 1_250_000),
}
CEILING = Rates(10_000_000, 50_000_000, 10_000_000, 10_000_000)

SMALL = Rung("small", "gpt-5-mini")
LARGE = Rung("large", "gpt-5")


def quote(model: str) -> Quote:
    rates = RATES.get(model)
    return Quote(model, rates or CEILING, "catalogue" if rates else "ceiling")


def means(**changes: Any) -> Means:
    given = Means(quote=quote, count_tokens=lambda text: len(text.split()), digest_key=b"k" * 32, embedder_id="test")
    return replace(given, **changes)


def policy(**changes: Any) -> Policy:
    """A policy that enforces an exact cache per workload and nothing else."""
    base = Policy(
        namespace="team",
        name="bot",
        generation=1,
        cache_epoch="epoch",
        owner=Owner("support", "#support"),
        priority=0,
        service_accounts=(),
        models=(SMALL, LARGE),
        aliases=(),
        identity=Identity(),
        tiers=(Tier("default"),),
        cache=CachePolicy(mode="Enforce"),
        routing=RoutingPolicy(),
        failure_policy="Open",
    )
    return replace(base, **changes)


def tier(
    limit: int = 1_000_000,
    *ladder: LadderStep,
    per: CapSubject = "Workload",
    window: Window = "Day",
    on_ledger_failure: OnFailure = "Open",
) -> Tier:
    """A tier with one cap of `limit` micro-dollars."""
    cap = Cap(f"default/{per}/{window}", per, window, MicroUSD(limit))
    return Tier("default", (cap,), ladder, on_ledger_failure)


def chat(text: str = "How do I reset my password?", **members: Any) -> dict[str, Any]:
    """A request's document; a member given as None is left out."""
    document = {"model": "gpt-5", "messages": [{"role": "user", "content": text}], **members}
    return {name: value for name, value in document.items() if value is not None}


def completion(text: str = "Open settings.", model: str = "gpt-5-2025-08-07", **choice: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    whole = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", **choice}
    usage = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
    document = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return json.dumps({**document, "choices": [whole], "usage": usage}).encode()


def stream(
    text: str = "Open settings.", *, usage: bool = True, done: bool = True, finish: str | None = "stop"
) -> bytes:
    """The provider's stream; `usage` as if include_usage had been asked for."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-2025-08-07"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[start : start + 5]} for start in range(0, len(text), 5)]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    extra: dict[str, Any] = {"usage": None} if usage else {}
    chunks = [{**head, "choices": [choice], **extra} for choice in choices]
    if usage:
        figures = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
        chunks.append({**head, "choices": [], "usage": figures})
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return (body + ("data: [DONE]\n\n" if done else "")).encode()


@dataclass
class World:
    """Caps, cache and embedder in memory. `fail` names operations that answer with a failure."""

    snapshot: Snapshot = field(default_factory=lambda: Snapshot((policy(),), "sha256:test"))
    means: Means = field(default_factory=means)
    now: float = NOW
    spent: dict[str, int] = field(default_factory=dict)
    already_spent: int = 0
    """On every counter, before the first exchange."""
    already_reserved: int = 0
    """On every counter, by exchanges of others."""
    reserved: dict[str, dict[str, int]] = field(default_factory=dict)
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    typical_output: int | None = None
    habit: Habit | None = None
    fail: frozenset[str] = frozenset()
    records: list[Record] = field(default_factory=list)
    workload: Workload = WORKLOAD
    exchanges: int = 0

    @classmethod
    def of(cls, *policies: Policy, **changes: Any) -> World:
        return cls(snapshot=Snapshot(policies, "sha256:test"), **changes)

    def begin(self) -> Run:
        self.exchanges += 1
        return Run(self, exchange.begin(f"x{self.exchanges}", self.snapshot, self.workload, self.means))

    def ask(self, document: object, headers: Mapping[str, str] | None = None, answer: bytes | None = None) -> Run:
        """A whole exchange: the request, and where it goes upstream the answer."""
        run = self.begin()
        run.request(document if isinstance(document, bytes) else json.dumps(document).encode(), headers or {})
        if run.upstream is not None:
            run.response(completion() if answer is None else answer)
        return run

    def perform(self, effect: Stand | FindExact | Embed | FindNear | Reserve | Raise) -> Result:
        if effect.op in self.fail:
            return Failure("down")
        match effect:
            case Stand():
                standings = tuple(self._standing(charge.key) for charge in effect.charges)
                return Position(standings, self.typical_output, self.habit)
            case FindExact():
                return self.entries.get((effect.partition, effect.key))
            case Embed():
                return Embedding(self.vector(effect.text), truncated=len(effect.text.split()) > 128)
            case FindNear():
                return self._near(effect)
            case Reserve():
                asked = effect.reservation
                verdict = admit(asked.charges, [self._standing(charge.key) for charge in asked.charges], asked.amount)
                if isinstance(verdict, Granted):
                    self.reserved[asked.id] = {charge.key: asked.amount for charge in asked.charges}
                return verdict
            case Raise():
                asked = effect.reservation
                self.reserved.pop(asked.id, None)
                return self.perform(Reserve(asked))

    def vector(self, text: str) -> Any:
        given = np.zeros(DIMENSIONS, np.float32)
        given[: len(self.vectors.get(text, (1.0,)))] = self.vectors.get(text, (1.0,))
        return given / np.linalg.norm(given)

    def _near(self, effect: FindNear) -> tuple[Neighbour, ...]:
        found = [
            Neighbour(entry, float(entry.vector @ effect.vector))
            for entry in self.entries.values()
            if entry.partition == effect.partition and entry.vector is not None
        ]
        found = [neighbour for neighbour in found if neighbour.score >= effect.at_least]
        return tuple(sorted(found, key=lambda neighbour: -neighbour.score)[: effect.k])

    def _standing(self, key: str) -> Standing:
        held = self.already_reserved + sum(amounts.get(key, 0) for amounts in self.reserved.values())
        return Standing(MicroUSD(self.already_spent + self.spent.get(key, 0)), MicroUSD(held))

    def queue(self, effect: Settle | Store | Renew | Write) -> None:
        match effect:
            case Settle(settlement):
                for key in self.reserved.pop(settlement.id, {}):
                    self.spent[key] = self.spent.get(key, 0) + settlement.cost
            case Store(entry):
                self.entries[entry.partition, entry.key] = entry
            case Write(record):
                self.records.append(record)
            case Renew():
                pass


@dataclass
class Run:
    """One exchange in a World: what it did, in order."""

    world: World
    state: State
    effects: list[Effect] = field(default_factory=list)
    flowed: bytes = b""
    """What of the provider's answer reached the caller."""

    def send(self, event: Event) -> None:
        self.state, effects = exchange.step(self.state, event)
        while effects:
            self.effects.extend(effects)
            results = [self._perform(effect) for effect in effects]
            effects = ()
            for done in results:
                if done is not None:
                    self.state, more = exchange.step(self.state, done)
                    effects += more

    def _perform(self, effect: Effect) -> Done | None:
        match effect:
            case Stand() | FindExact() | Embed() | FindNear() | Reserve() | Raise():
                return Done(self.world.now, effect.op, self.world.perform(effect))
            case Settle() | Store() | Renew() | Write():
                self.world.queue(effect)
        return None

    def request(self, body: bytes, headers: Mapping[str, str], chunks: Sequence[int] = ()) -> None:
        base = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
        self.send(RequestHeaders(self.world.now, {**base, "authorization": "Bearer k", **headers}, end=False))
        for chunk, end in cut(body, chunks):
            self.send(RequestBody(self.world.now, chunk, end))
        if self.answer is not None:
            # Envoy ends the stream once it has an immediate answer.
            self.send(Closed(self.world.now))

    def response(
        self, body: bytes, *, status: int = 200, chunks: Sequence[int] = (), end: bool = True, **headers: str
    ) -> None:
        kind = "text/event-stream" if body.startswith(b"data:") else "application/json"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send(ResponseHeaders(self.world.now, {":status": str(status), "content-type": kind, **given}, end=False))
        self.flow(body, chunks, end)

    def flow(self, body: bytes, chunks: Sequence[int] = (), end: bool = True) -> None:
        """The answer's body, after its headers."""
        for chunk, last in cut(body, chunks):
            self.send(ResponseBody(self.world.now, chunk, last and end))
            passed = self.only(PassChunk, last=True)
            self.flowed += chunk if passed.body is None else passed.body
        self.send(Closed(self.world.now))

    def only(self, kind: type[Any], last: bool = False) -> Any:
        """The effect of this kind; there must be one, or several where the last is asked for."""
        found = [effect for effect in self.effects if isinstance(effect, kind)]
        assert found, f"no {kind.__name__} among {[type(effect).__name__ for effect in self.effects]}"
        assert last or len(found) == 1, f"{len(found)} of {kind.__name__}"
        return found[-1]

    def has(self, kind: type[Any]) -> bool:
        return any(isinstance(effect, kind) for effect in self.effects)

    @property
    def upstream(self) -> GoUpstream | None:
        return next((effect for effect in self.effects if isinstance(effect, GoUpstream)), None)

    @property
    def answer(self) -> Answer | None:
        return next((effect for effect in self.effects if isinstance(effect, Answer)), None)

    @property
    def record(self) -> Record:
        return self.only(Write).record  # type: ignore[no-any-return]  # only() gives Any

    @property
    def settlement(self) -> Settlement:
        return self.only(Settle).settlement  # type: ignore[no-any-return]  # only() gives Any

    @property
    def headers(self) -> dict[str, str]:
        """Ours, as the caller sees them."""
        pairs = self.answer.headers if self.answer else self.only(PassHeaders).add
        return dict(pairs)


REPLIES = (LetGo, ReadOn, GoUpstream, Answer, PassHeaders, PassChunk)


def cut(body: bytes, sizes: Sequence[int]) -> list[tuple[bytes, bool]]:
    """(chunk, is last) with chunks of these sizes and then the rest."""
    pieces = []
    for size in sizes:
        pieces.append(body[:size])
        body = body[size:]
    pieces.append(body)
    return [(piece, index == len(pieces) - 1) for index, piece in enumerate(pieces)]
