"""A compressed request is read and decided like any other; only where it must change does it go on plain."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from costward_contract.snapshot import Alias, FallbackPolicy, LadderStep, RoutingPolicy
from costward_extproc.core.arrival import weight
from costward_extproc.core.events import GoUpstream, RequestBody, RequestHeaders
from costward_extproc.core.states import State
from costward_extproc.dialects.strict_json import MAX_BYTES

from tests.fakes.world import NOW, Run, World, chat, policy, tier

AUTO = json.dumps(chat(model="auto")).encode()
PLAIN = json.dumps(chat()).encode()
ALIAS = (Alias("auto", ("small", "large")),)


def _ask(body: bytes, encoding: str = "gzip", world: World | None = None) -> Run:
    world = world or World.of(policy(tiers=(tier(10**9),), aliases=ALIAS))
    return world.ask(body, {"content-encoding": encoding})


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(AUTO)),
        ("X-GZIP", gzip.compress(AUTO)),
        ("gzip", gzip.compress(AUTO[:40]) + gzip.compress(AUTO[40:])),
        ("deflate", zlib.compress(AUTO)),
    ],
)
def test_what_must_change_goes_on_plain(encoding: str, body: bytes) -> None:
    run = _ask(body, encoding)
    assert run.upstream is not None
    assert run.upstream.body == AUTO.replace(b"auto", b"gpt-5")
    assert run.upstream.remove == ("content-encoding",)
    assert (run.record.decision, run.record.inputs.body_bytes) == ("route", len(body))


def test_what_need_not_change_goes_as_it_came() -> None:
    run = _ask(gzip.compress(PLAIN))
    assert run.upstream is not None
    assert (run.upstream.body, run.upstream.remove) == (None, ())
    assert run.record.asked_model == "gpt-5"


def test_it_shares_its_answer_with_one_that_came_plain() -> None:
    world = World.of(policy())
    assert _ask(gzip.compress(PLAIN), world=world).record.cache.outcome == "miss"
    assert world.ask(PLAIN).record.decision == "hit-exact"


def test_a_plain_one_keeps_its_headers() -> None:
    run = World.of(policy(aliases=ALIAS)).ask(AUTO)
    assert run.upstream is not None
    assert run.upstream.remove == ()


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (gzip.compress(AUTO)[:-4], "gzip", "broken-encoding"),
        (gzip.compress(AUTO) + b"more", "gzip", "broken-encoding"),
        (AUTO, "gzip", "broken-encoding"),
        (gzip.compress(AUTO), "br", "content-encoding"),
        (gzip.compress(AUTO), "gzip, gzip", "content-encoding"),
        (gzip.compress(bytes(64 * 1024 * 1024), 1), "gzip", "too-large"),
        (zlib.compress(bytes(64 * 1024 * 1024), 1), "deflate", "too-large"),
    ],
)
def test_what_is_not_read_passes_and_is_held_to_its_caps_by_its_size(body: bytes, encoding: str, why: str) -> None:
    run = _ask(body, encoding)
    assert run.upstream is not None
    assert run.upstream.body is None
    assert run.record.reason == f"unreadable-{why}"
    assert run.record.inputs.tokens is not None
    assert run.record.inputs.tokens > len(body)


def test_it_is_no_way_around_a_step_that_puts_another_model_in() -> None:
    cheaper = tier(100_000, LadderStep(800_000, "UseModel", "small"))
    world = World.of(policy(tiers=(cheaper,)), already_spent=80_000)
    assert _ask(gzip.compress(PLAIN), world=world).record.decision == "degrade"
    assert _ask(gzip.compress(PLAIN), "br", world).record.reason == "cap-unreadable"


def test_a_second_attempt_reads_it_as_the_first_did() -> None:
    fallback = RoutingPolicy(rewrite_named_models=True, fallback=FallbackPolicy(("ServerError",), 5))
    world = World.of(policy(tiers=(tier(10**9),), routing=fallback))
    body = gzip.compress(PLAIN)
    first = _ask(body, world=world)
    assert first.upstream is not None
    assert (first.upstream.body, bool(first.upstream.ticket)) == (None, True)
    second = world.begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-encoding": "gzip"}
    second.send(RequestHeaders(NOW, headers, end=False, ticket=first.upstream.ticket, failed=503))
    second.send(RequestBody(NOW, body, end=True))
    sent: GoUpstream = second.only(GoUpstream)
    assert sent.body == PLAIN.replace(b'"gpt-5"', b'"gpt-5-mini"')
    assert sent.remove == ("content-encoding",)


def _receiving(encoding: str) -> State:
    run = World.of(policy()).begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-encoding": encoding}
    run.send(RequestHeaders(NOW, headers, end=False))
    return run.state


def test_how_much_there_is_to_read_is_known_before() -> None:
    text = PLAIN * 1_000
    assert weight(_receiving("gzip"), gzip.compress(text)) == len(text)
    assert weight(_receiving("deflate"), zlib.compress(text)) == MAX_BYTES
    assert weight(_receiving("br"), b"1234") == 4
    assert weight(_receiving("identity"), b"1234") == 4
