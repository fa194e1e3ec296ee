"""Whatever comes, in whatever order: one reply a message, one settlement a reservation, one record an exchange."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from costward_contract.snapshot import (
    Alias,
    CachePolicy,
    FixedThreshold,
    LadderStep,
    MicroUSD,
    Mode,
    OnFailure,
    Snapshot,
)
from costward_extproc.cache.entries import DIMENSIONS, Embedding, Entry, Neighbour
from costward_extproc.core import exchange
from costward_extproc.core.events import (
    Closed,
    Done,
    Effect,
    Embed,
    Event,
    Failure,
    FindExact,
    FindNear,
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
from costward_extproc.core.ledger import Granted, Position, Refused, Standing
from costward_extproc.core.states import Arriving, Finished, Responding, Upstream
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes.world import NOW, REPLIES, WORKLOAD, completion, means, policy, stream, tier

LADDER = (
    LadderStep(500_000, "UseModel", rung="small"),
    LadderStep(1_000_000, "Message", text="Over.", deliver="Answer"),
)
REQUESTS = [
    b'{"model": "gpt-5", "messages": [{"role": "user", "content": "How do I reset my password?"}]}',
    b'{"model": "gpt-5", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}',
    b'{"model": "gpt-5"',
    b"",
]
CHAT = ("POST", "/v1/chat/completions")
UNKNOWN = ("GET", "/favicon.ico")
OTHER_CALLS = [UNKNOWN, ("POST", "/v1/batches"), ("GET", "/v1/models"), ("GET", "/v1/models/auto")]
ANSWERS = [completion(), stream(), stream()[:700], b"\xff", b""]
VECTOR = np.eye(1, DIMENSIONS, dtype=np.float32)[0]


class Exchange(RuleBasedStateMachine):
    """Envoy, the ports and the clock as adversaries of one exchange."""

    @initialize(
        mode=st.sampled_from(["Off", "Observe", "Enforce"]),
        capped=st.booleans(),
        on_failure=st.sampled_from(["Open", "Closed"]),
        semantic=st.booleans(),
        governed=st.sampled_from([True, True, True, False]),
    )
    def begin(self, mode: Mode, capped: bool, on_failure: OnFailure, semantic: bool, governed: bool) -> None:
        limited = tier(1_000_000, *LADDER, on_ledger_failure=on_failure)
        cache = CachePolicy(mode=mode, semantic=FixedThreshold(900_000) if semantic else None)
        aliases = (Alias("auto", ("small", "large")),)
        rules = policy(cache=cache, tiers=(limited if capped else replace(limited, caps=()),), aliases=aliases)
        snapshot = Snapshot((rules,) if governed else (), "sha256:test")
        self.state = exchange.begin("x1", snapshot, WORKLOAD, means(answer_limit=2_000))
        self.now = NOW
        self.effects: list[Effect] = []
        self.open: dict[str, Any] = {}
        self.messages = 0
        self.governed = False
        self.owed = 0
        """Settlements that the ledger must see."""
        self.closed = False

    def _send(self, event: Event) -> None:
        self.state, effects = exchange.step(self.state, event)
        self.effects += effects
        asked = [effect for effect in effects if isinstance(effect, Stand | FindExact | Embed | FindNear | Reserve)]
        for effect in asked:
            assert effect.op not in self.open, "asked twice at once"
            self.open[effect.op] = effect

    def _count(self, *kinds: type[Any]) -> int:
        return sum(isinstance(effect, kinds) for effect in self.effects)

    @rule(end=st.booleans(), call=st.sampled_from([CHAT, CHAT, CHAT, *OTHER_CALLS]))
    def request_headers(self, end: bool, call: tuple[str, str]) -> None:
        first = isinstance(self.state, Arriving)
        # It has begun.
        self.governed |= first and call != UNKNOWN and bool(self.state.snapshot.policies)  # type: ignore[union-attr]
        self.messages += 1
        headers = {":method": call[0], ":path": call[1], "content-type": "application/json"}
        self._send(RequestHeaders(self.now, headers, end))

    @rule(body=st.sampled_from(REQUESTS))
    def request_body(self, body: bytes) -> None:
        self.messages += 1
        self._send(RequestBody(self.now, body, end=True))

    @rule(
        status=st.sampled_from(["200", "200", "429", "504", ""]),
        kind=st.sampled_from(["application/json", "text/event-stream", ""]),
        encoding=st.sampled_from(["identity", "identity", "gzip", "br"]),
        end=st.booleans(),
    )
    def response_headers(self, status: str, kind: str, encoding: str, end: bool) -> None:
        self.messages += 1
        headers = {":status": status, "content-type": kind, "content-encoding": encoding}
        self._send(ResponseHeaders(self.now, headers, end))

    @rule(chunk=st.sampled_from(ANSWERS), end=st.booleans(), waited=st.sampled_from([0.0, 2.0]))
    def response_body(self, chunk: bytes, end: bool, waited: float) -> None:
        self.now += waited
        self.messages += 1
        self._send(ResponseBody(self.now, chunk, end))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def an_operation_is_done(self, data: st.DataObject) -> None:
        op = data.draw(st.sampled_from(sorted(self.open)))
        effect = self.open.pop(op)
        value = data.draw(st.sampled_from(_results(effect)))
        if op == "reserve" and not self.closed and not isinstance(value, Refused):
            self.owed += 1
        self._send(Done(self.now, op, value))

    @rule(op=st.sampled_from(["stand", "exact", "embed", "near", "reserve", "what"]))
    def a_result_that_nobody_waits_for(self, op: str) -> None:
        if op not in self.open:
            before = len(self.effects)
            self._send(Done(self.now, op, Granted()))
            assert len(self.effects) == before

    @rule()
    def close(self) -> None:
        if "reserve" in self.open and not self.closed:
            self.owed += 1
        if isinstance(self.state, Upstream | Responding) and self.state.case.charges:
            # Let through without a reservation, for the ledger could not say: what it cost is known now.
            self.owed += not self.state.case.reservation
        self.closed = True
        self._send(Closed(self.now))
        assert isinstance(self.state, Finished)

    @invariant()
    def one_reply_a_message(self) -> None:
        replies = self._count(*REPLIES)
        assert replies <= self.messages
        if not self.open and not self.closed:
            assert replies == self.messages

    @invariant()
    def one_reservation_and_one_settlement(self) -> None:
        assert self._count(Reserve) <= 1
        assert self._count(Settle) <= self.owed
        if isinstance(self.state, Finished) and not self.open:
            assert self._count(Settle) == self.owed

    @invariant()
    def one_record(self) -> None:
        assert self._count(Write) == (self.governed and isinstance(self.state, Finished))
        assert self._count(Store) <= 1

    def teardown(self) -> None:
        if hasattr(self, "state"):
            self.close()
            self.one_reservation_and_one_settlement()
            self.one_record()


def _results(effect: Stand | FindExact | Embed | FindNear | Reserve) -> list[Result]:
    down: list[Result] = [Failure("down"), None]
    match effect:
        case Stand(charges):
            spent = (0, 600_000, 1_000_000)
            return [Position((Standing(MicroUSD(part), MicroUSD(0)),) * len(charges), None) for part in spent] + down
        case FindExact(partition, key):
            return [_entry(partition, key), *down]
        case Embed():
            return [Embedding(VECTOR, truncated=False), Embedding(VECTOR, truncated=True), *down]
        case FindNear(partition):
            return [(), (Neighbour(_entry(partition, "k"), 0.99),), *down]
        case Reserve(reservation):
            charge = reservation.charges[0]
            spent_or_held = [Standing(MicroUSD(1_000_000), MicroUSD(0)), Standing(MicroUSD(0), MicroUSD(1_000_000))]
            refusals = [Refused(charge, standing) for standing in spent_or_held]
            return [Granted(), Granted(alone=True), *refusals, *down]


def _entry(partition: str, key: str) -> Entry:
    return Entry("e1", partition, key, "team/bot", "Hi", completion(), "gpt-5", "large", 85, NOW, NOW + 60, VECTOR)


TestMachine = Exchange.TestCase
TestMachine.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
