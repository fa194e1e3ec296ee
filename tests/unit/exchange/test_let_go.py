"""What is not ours to govern is let go at its first message; what is too large to read is charged by its
declared length."""

from __future__ import annotations

import pytest
from costward_extproc.core.events import Closed, GoUpstream, LetGo, ReadOn, RequestHeaders
from costward_extproc.dialects.strict_json import MAX_BYTES

from tests.fakes.world import NOW, Run, World, completion, policy, tier

CHAT = {":method": "POST", ":path": "/v1/chat/completions"}


def _headers(world: World, headers: dict[str, str]) -> Run:
    run = world.begin()
    run.send(RequestHeaders(NOW, headers, end=False))
    return run


@pytest.mark.parametrize(
    "headers",
    [
        {**CHAT, ":method": "GET", ":path": "/"},
        {**CHAT, ":method": "OPTIONS", ":path": "/v1/x"},
        {**CHAT, ":method": "DELETE", ":path": "/v2/things/1"},
    ],
)
def test_what_is_not_known_and_makes_no_model_work(headers: dict[str, str]) -> None:
    run = _headers(World.of(policy()), headers)
    assert run.effects == [LetGo()]
    assert run.world.records == []


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/chat/completions/", "/v1/chat/completions?a=b", "/v1/chat/completions;a=b?c"]
)
def test_other_spellings_of_the_path_are_no_way_around(path: str) -> None:
    assert _headers(World.of(policy()), {**CHAT, ":path": path}).has(ReadOn)


@pytest.mark.parametrize("changes", [{"namespace": "other"}, {"service_accounts": ("somebody-else",)}])
def test_no_policy_for_this_workload(changes: dict[str, object]) -> None:
    run = _headers(World.of(policy(**changes)), CHAT)
    assert run.effects == [LetGo()]


def test_the_first_policy_that_selects_the_workload_governs() -> None:
    world = World.of(policy(service_accounts=("other",), name="a"), policy(name="b"), policy(name="c"))
    run = _headers(world, CHAT)
    run.send(Closed(NOW))
    assert run.record.policy == "team/b"


@pytest.mark.parametrize(
    ("length", "read"),
    [(str(MAX_BYTES), True), (str(MAX_BYTES + 1), False), ("-1", True), ("many", True), ("٣", True)],
)
def test_a_body_over_the_limit_is_not_read(length: str, read: bool) -> None:
    run = _headers(World.of(policy()), {**CHAT, "content-length": length, "x-costward-task": "t"})
    assert run.has(ReadOn) == read
    if not read:
        assert run.only(GoUpstream) == GoUpstream(to="headers", remove=("x-costward-task",))


def test_a_body_over_the_limit_is_no_way_around_a_spent_cap() -> None:
    world = World.of(policy(tiers=(tier(1_000),)), already_spent=1_000)
    run = _headers(world, {**CHAT, "content-length": str(10**9)})
    assert run.answer is not None
    assert run.answer.status == 429


def test_a_body_over_the_limit_is_settled_by_its_answer() -> None:
    world = World.of(policy(tiers=(tier(10**9),)))
    run = _headers(world, {**CHAT, "content-length": str(10**9)})
    run.response(completion())
    assert run.record.reason == "unreadable-body-too-large"
    assert run.record.reserved > run.settlement.cost == run.record.cost > 0


def test_our_controls_and_the_wish_for_compression_stay_here() -> None:
    headers = {**CHAT, "x-costward-task": "t", "x-costward-route": "off", "accept-encoding": "gzip", "user-agent": "u"}
    run = _headers(World.of(policy()), headers)
    assert set(run.only(ReadOn).remove) == {"x-costward-task", "x-costward-route", "accept-encoding"}
    assert _headers(World.of(policy()), CHAT).only(ReadOn).remove == ()


def test_a_snapshot_that_is_published_meanwhile_does_not_matter() -> None:
    world = World.of(policy(generation=1))
    run = world.begin()
    world.snapshot = World.of(policy(generation=2)).snapshot
    run.request(b"{}", {})
    run.response(b"{}")
    assert run.record.generation == 1
