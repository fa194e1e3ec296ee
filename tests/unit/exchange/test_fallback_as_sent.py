"""A request that we changed and the provider refused goes once more in the caller's own bytes."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import LadderStep
from costward_extproc.core.events import GoUpstream
from costward_extproc.core.tickets import Verdict
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.two_attempts import EASY, TwoAttempts, falling_back
from tests.fakes.world import World, chat, policy, stream, tier

RULES = falling_back()


def again(
    document: object, status: int | None, headers: dict[str, str] | None = None
) -> tuple[TwoAttempts, GoUpstream]:
    attempts = TwoAttempts.of(World.of(RULES), document, headers)
    reply = attempts.fail(status)
    assert isinstance(reply, GoUpstream)
    return attempts, reply


@pytest.mark.parametrize("first", [True, False], ids=["model first", "model last"])
@pytest.mark.parametrize("streamed", [True, False])
def test_byte_for_byte(streamed: bool, first: bool) -> None:
    model, messages = (
        b'"model" :  "gpt\\u002d5"',
        b'"messages":[{"role":"user","content":"h\\u00e9 ' + b"x" * 5_000 + b'"}]',
    )
    parts = [model, messages] if first else [messages, model]
    body = b"{ " + b", ".join(parts) + (b', "stream":true' if streamed else b"") + b" }"
    attempts, reply = again(body, 400)
    assert attempts.sent != body
    assert reply.body == body
    assert Verdict.of(reply.verdict) == Verdict("as-sent", 400)


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.booleans() | st.none() | st.integers(), max_size=4)
)
def test_whatever_else_the_request_holds(members: dict[str, object]) -> None:
    document = chat(stream=True) | {k: v for k, v in members.items() if k not in ("model", "messages", "stream")}
    body = json.dumps(document).encode()
    attempts = TwoAttempts.of(World.of(RULES), body)
    assert attempts.fail(400).body == body


def test_an_alias_becomes_what_it_stands_for() -> None:
    attempts, reply = again(chat(model="auto"), 400)
    assert reply.body == attempts.sent.replace(b'"gpt-5-mini"', b'"gpt-5"')


def test_its_stream_keeps_the_usage_chunk_that_it_may_have() -> None:
    attempts, reply = again(chat(stream=True), 400, {})
    body = stream()
    run = attempts.answer(reply.verdict, body=body)
    assert run.flowed == body
    assert (run.record.reason, run.record.decision) == ("as-sent", "pass")


def test_other_failures_take_the_rung_and_keep_our_wish_for_usage() -> None:
    attempts, reply = again(chat(stream=True), 503)
    assert json.loads(reply.body or b"")["stream_options"] == {"include_usage": True}
    run = attempts.answer(reply.verdict, body=stream())
    assert b'"usage": {' not in run.flowed


def test_it_needs_no_fallback_in_the_policy() -> None:
    attempts = TwoAttempts.of(World.of(policy(tiers=(tier(),))), chat(stream=True), EASY)
    assert attempts.asked == {"x-envoy-retry-on": "retriable-status-codes", "x-envoy-retriable-status-codes": "400"}
    assert b"stream_options" not in (attempts.fail(400).body or b"")


def _degraded(document: object) -> TwoAttempts:
    ladder = LadderStep(900_000, "UseModel", rung="small")
    world = World.of(falling_back(tiers=(tier(10_000_000, ladder),)), already_spent=9_500_000)
    return TwoAttempts.of(world, document, {})


@pytest.mark.parametrize("model", ["gpt-5", "auto"])
def test_a_400_is_no_way_off_the_rung_of_a_ladders_step(model: str) -> None:
    assert _degraded(chat(model=model)).ticket == ""
    attempts = _degraded(chat(model=model, stream=True))
    reply = attempts.fail(400)
    assert isinstance(reply, GoUpstream)
    assert json.loads(reply.body or b"") == chat(model="gpt-5-mini", stream=True)
    record = attempts.answer(reply.verdict, body=stream()).record
    assert (record.decision, record.reason, record.rung) == ("degrade", "as-sent", "small")


def test_another_body_than_the_tickets_is_left_alone() -> None:
    attempts = TwoAttempts.of(World.of(RULES), chat())
    reply = attempts.fail(503, sent=b"{}")
    assert isinstance(reply, GoUpstream)
    assert (reply.body, Verdict.of(reply.verdict)) == (None, Verdict("same", 503))
