"""A body without one safe reading passes byte-identical, is neither cached nor routed, but never uncounted."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import Alias, LadderStep, RoutingPolicy, RoutingRule, When
from costward_extproc.core.events import FindExact, RequestHeaders, Reserve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import NOW, Run, World, chat, completion, policy, stream, tier

GOOD = json.dumps(chat(model="auto"))
DEEP = '{"model": "auto", "messages": [{"role": "user", "content": "a"}], "x": ' + "[" * 63 + "]" * 63 + "}"
UNREADABLE = {
    "empty-body": [b""],
    "malformed": [
        GOOD[:-1].encode(),
        GOOD.encode() + b"}",
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace('"', "'").encode(),
        b'{"model": "auto", "messages": [], "n": ' + b"9" * 5_000 + b"}",
        GOOD.replace("reset", "re\nset").encode(),
        b"model=auto",
    ],
    "not-utf8": [GOOD.encode("utf-16"), GOOD.encode() + b"\xff", GOOD.replace("reset", "caf\xe9").encode("latin-1")],
    "duplicate-key": [
        b'{"model": "gpt-5", "model": "auto", "messages": [{"role": "user", "content": "a"}]}',
        b'{"model": "gpt-5", "mod\\u0065l": "auto", "messages": [{"role": "user", "content": "a"}]}',
        b'{"model": "auto", "messages": [{"role": "user", "content": "a", "content": "b"}]}',
        b'{"model": "auto", "messages": [{"role": "user", "content": "a"}], "x": {"y": [{"z": 1, "z": 1}]}}',
    ],
    "not-a-number": [
        GOOD.replace("{", '{"temperature": NaN, ', 1).encode(),
        GOOD.replace("{", '{"temperature": [-Infinity], ', 1).encode(),
    ],
    "too-deep": [DEEP.encode(), b'{"a":' * 40_000, b"[" * 40_000],
    "too-large": [
        b'{"model": "auto", "messages": [' + b"{}," * 50_000 + b"{}]}",
        GOOD.replace("reset", "x" * 9_000_000).encode(),
    ],
    "not-an-object": [b"[]", b"null", b'"auto"', b"1"],
    "not-chat": [
        b"{}",
        b'{"model": "auto"}',
        b'{"messages": [{"role": "user", "content": "a"}]}',
        b'{"model": "auto", "messages": []}',
        b'{"model": "auto", "messages": {}}',
        b'{"model": "auto", "messages": ["a"]}',
        b'{"model": null, "messages": [{"role": "user", "content": "a"}]}',
        b'{"model": "", "messages": [{"role": "user", "content": "a"}]}',
        b'{"model": ["auto"], "messages": [{"role": "user", "content": "a"}]}',
        b'{"model": "\\ud800", "messages": [{"role": "user", "content": "a"}]}',
    ],
}
CASES = [(reason, body) for reason, bodies in UNREADABLE.items() for body in bodies]


def _world() -> World:
    return World.of(
        policy(
            tiers=(tier(10**9),),
            aliases=(Alias("auto", ("small", "large")),),
            routing=RoutingPolicy("Enforce", True, (RoutingRule(When(), "small"),)),
        )
    )


def _assert_passed_and_counted(run: Run, body: bytes, reason: str) -> None:
    assert run.upstream is not None
    assert run.upstream.body is None, "not one byte changed"
    record = run.record
    assert (record.decision, record.reason) == ("pass", f"unreadable-{reason}")
    assert (record.cache.outcome, record.cache.reason) == ("bypass", "unreadable")
    assert (record.asked_model, record.rung, record.route.rule) == (None, None, None)
    assert not run.has(FindExact)
    assert not run.world.entries
    reservation = run.only(Reserve).reservation
    assert reservation.amount >= 10_240 + len(body) // 4, "the dearest model of the ladder, by size"
    assert record.cost == 85
    assert list(run.world.spent.values()) == [85]
    assert run.world.reserved == {}


@pytest.mark.parametrize(("reason", "body"), CASES, ids=[f"{reason}-{at}" for at, (reason, _) in enumerate(CASES)])
def test_passes_and_is_counted(reason: str, body: bytes) -> None:
    _assert_passed_and_counted(_world().ask(body), body, reason)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/jsonl", "multipart/form-data; boundary=x"])
def test_another_content_type(kind: str) -> None:
    run = _world().ask(GOOD.encode(), {"content-type": kind})
    _assert_passed_and_counted(run, GOOD.encode(), "content-type")


def test_a_charset_is_no_other_content_type() -> None:
    run = _world().ask(GOOD.encode(), {"content-type": "Application/JSON; charset=utf-8"})
    assert run.record.decision == "route"


@pytest.mark.parametrize("kind", ["application/vnd.example+json", "Application/X+JSON; charset=utf-8"])
def test_a_suffix_says_that_it_is_json(kind: str) -> None:
    assert _world().ask(GOOD.encode(), {"content-type": kind}).record.decision == "route"


def test_sixty_three_levels_are_read() -> None:
    shallow = DEEP.replace("[" * 63, "[" * 62).replace("]" * 63, "]" * 62)
    assert _world().ask(shallow.encode()).record.decision == "route"


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=100) | st.text(max_size=50).map(str.encode))
def test_any_bytes_pass(body: bytes) -> None:
    run = _world().ask(body)
    assert run.upstream is not None
    assert run.upstream.body is None
    assert run.record.reason.startswith("unreadable-")


def test_settled_at_the_price_of_the_model_that_answered() -> None:
    run = _world().ask(b"?", answer=completion(model="gpt-5-mini"))
    assert run.record.cost == 17
    assert run.record.served_model == "gpt-5-mini"


def test_without_usage_it_costs_by_size() -> None:
    run = _world().ask(b"?" * 4_000, answer=b"?" * 400)
    usage = run.record.usage
    assert (usage.input, usage.output, usage.estimated) == (1_001, 100, True)
    streamed = _world().ask(b"?" * 4_000, answer=stream(usage=False))
    assert streamed.record.usage.output == 2


def test_it_is_capped_like_any_other() -> None:
    world = _world()
    world.already_spent = 10**9
    assert world.ask(b"?").record.decision == "refuse"
    message = LadderStep(1_000_000, "Message", text="Over.")
    capped = World.of(policy(tiers=(tier(1_000, message),)), already_spent=1_000)
    assert capped.ask(b"?").record.decision == "refuse"


def test_a_request_without_a_body() -> None:
    """It ended with its headers, so the reply that lets it go answers those."""
    run = _world().begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
    run.send(RequestHeaders(NOW, headers, end=True))
    assert run.upstream is not None
    assert run.upstream.to == "headers"
    run.response(b'{"error":{"message":"no body"}}', status=400)
    assert (run.record.reason, run.record.cost) == ("unreadable-empty-body", 0)
