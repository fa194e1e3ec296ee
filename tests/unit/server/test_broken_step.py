"""A step that raises is no way around a cap: the exchange is answered as its policy fails, and its record says so."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from costward_contract.snapshot import CachePolicy
from costward_extproc.core import exchange
from costward_extproc.core.events import Broken, Closed, GoUpstream, PassChunk, ResponseBody, ResponseHeaders, Write
from costward_extproc.server import Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, means, policy, stream, tier

SECRET = "the caller's own words"


def _raise(_text: str) -> Any:
    raise KeyError(SECRET)


async def replies(world: World) -> list[Any]:
    body = json.dumps(chat()).encode()
    context = FakeContext([request_headers(), request_body(body), response_headers(), response_body(completion())])
    processor = Processor(services(world))
    await processor.Process(None, context)
    await processor.drained()
    return context.replies


BROKEN = [
    pytest.param({"count_tokens": _raise}, id="as the body is read"),
    pytest.param({"quote": _raise}, id="as the caps are known"),
]


@pytest.mark.parametrize("changes", BROKEN[:1])
async def test_it_passes_where_the_policy_fails_open_and_is_charged(
    changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    world = World.of(policy(tiers=(tier(),), cache=CachePolicy(mode="Off")), means=means(**changes))
    with caplog.at_level(logging.ERROR):
        assert [reply.WhichOneof("response") for reply in await replies(world)] == [
            "request_headers",
            "request_body",
            "response_headers",
            "response_body",
        ]
    (record,) = world.records
    assert (record.decision, record.reason, record.warnings) == ("pass", "undecided-error", ("undecided-error",))
    assert record.cost > 0
    assert sum(world.spent.values()) in (0, record.cost)
    assert SECRET not in caplog.text
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("changes", BROKEN)
@pytest.mark.parametrize(
    "closed", [{"failure_policy": "Closed"}, {"tiers": (tier(on_ledger_failure="Closed"),)}], ids=["policy", "tier"]
)
async def test_it_is_refused_where_the_policy_or_the_tier_fails_closed(
    changes: dict[str, Any], closed: dict[str, Any]
) -> None:
    given = {"tiers": (tier(),), "cache": CachePolicy(mode="Off"), **closed}
    world = World.of(policy(**given), means=means(**changes))
    told = (await replies(world))[-1].immediate_response
    assert told.status.code == 503
    assert json.loads(told.body)["error"]["code"] == "undecided-error"
    (record,) = world.records
    assert (record.decision, record.status, record.warnings) == ("refuse", 503, ("undecided-error",))


async def test_headers_that_break_a_step_are_refused_as_well() -> None:
    world = World.of(policy(failure_policy="Closed"), means=means(digest_key=None))
    assert [reply.WhichOneof("response") for reply in await replies(world)] == ["immediate_response"]


def test_an_answer_flows_on_whole_and_is_accounted_for() -> None:
    world = World.of(policy(tiers=(tier(),)))
    run = world.begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    assert run.has(GoUpstream)
    run.send(ResponseHeaders(world.now, {":status": "200", "content-type": "text/event-stream"}, end=False))
    whole = stream()
    run.send(ResponseBody(world.now, whole[:-30], end=False))
    flowed = run.only(PassChunk).body or whole[:-30]
    run.state, (passed,) = exchange.step(run.state, Broken(ResponseBody(world.now, whole[-30:], end=True)))
    assert isinstance(passed, PassChunk)
    assert (flowed + (passed.body or b"")).endswith(whole[-30:])
    run.send(Closed(world.now))
    assert "unaccounted" in run.record.warnings
    assert (run.record.usage.input, run.record.usage.output) == (12, 7)
    assert run.has(Write)
