"""A caller that leaves is charged for what was seen until then, and the figure is told to be an estimate."""

from __future__ import annotations

import json

import pytest
from costward_extproc.core.events import Closed, Renew, ResponseBody, ResponseHeaders, Settle
from costward_extproc.core.states import Finished

from tests.fakes.world import NOW, Run, World, chat, completion, means, policy, stream, tier


def _upstream(streamed: bool = True, limit: int = 4 * 1024 * 1024) -> Run:
    run = World.of(policy(tiers=(tier(),)), means=means(answer_limit=limit)).begin()
    run.request(json.dumps(chat(stream=streamed)).encode(), {})
    return run


def _until(run: Run, part: bytes, kind: str = "text/event-stream") -> Run:
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": kind}, end=False))
    run.send(ResponseBody(NOW, part, end=False))
    run.send(Closed(NOW))
    return run


def test_before_the_headers_it_costs_the_input() -> None:
    run = _upstream()
    run.send(Closed(NOW))
    record = run.record
    tokens = record.inputs.tokens
    assert tokens is not None
    assert (record.usage.input, record.usage.output, record.usage.estimated) == (tokens, 0, True)
    assert record.cost == -(-tokens * 1_250_000 // 1_000_000)
    assert (record.end, record.status, record.price_source) == ("aborted", None, "catalogue")
    assert record.warnings == ("usage-estimated",)
    assert run.settlement.cost == record.cost
    assert run.settlement.output_key is None


def test_in_the_middle_it_costs_what_was_seen() -> None:
    seen = stream("one two three four")
    run = _until(_upstream(), seen[: seen.index(b'"our"')])
    record = run.record
    assert (record.usage.output, record.usage.estimated, record.end) == (4, True, "aborted")
    assert run.settlement.cost == record.cost > 0
    assert run.settlement.output_tokens is None


def test_tool_calls_in_the_middle_cost_too() -> None:
    piece = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": " one two three"}}]}
    event = json.dumps({"choices": [{"index": 0, "delta": piece}]}).encode()
    run = _until(_upstream(), b"data: " + event + b"\n\ndata: " + event + b"\n\n")
    assert run.record.usage.output >= 6


def test_a_whole_answer_that_was_cut_costs_by_its_size() -> None:
    """Its provider made all of it before the first byte left."""
    answer = completion("word " * 400)
    run = _until(_upstream(streamed=False), answer[:1_600], "application/json")
    assert run.record.usage.output == 400


def test_a_stream_that_says_nothing_costs_next_to_nothing() -> None:
    opening = stream()[: stream().index(b"\n\n") + 2]
    assert _until(_upstream(), opening).record.usage.output <= 1


def test_leaving_at_the_end_of_a_stream_is_no_abort() -> None:
    run = _until(_upstream(), stream())
    assert (run.record.end, run.record.usage.estimated, run.record.cost) == ("complete", False, 85)


def test_usage_at_the_end_of_a_stream_that_is_too_long_to_keep_counts() -> None:
    run = _until(_upstream(limit=1_000), stream("a b c " * 1_000))
    assert (run.record.usage.output, run.record.usage.estimated, run.record.end) == (7, False, "complete")


@pytest.mark.parametrize(("kind", "per_token"), [("text/event-stream", 200), ("application/json", 4)])
def test_an_answer_that_is_too_long_to_read_is_estimated_by_its_size(kind: str, per_token: int) -> None:
    """A stream is mostly framing: charged as if it were text, it would cost fifty times what it did."""
    run = _upstream(limit=1_000)
    body = stream("a b c " * 1_000, usage=False)
    _until(run, body, kind)
    assert run.record.usage.output == len(body) // per_token
    assert run.record.usage.estimated


def test_what_was_seen_is_told_to_the_ledger_once_a_second() -> None:
    run = _upstream()
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    for tenth in range(25):
        run.send(ResponseBody(NOW + tenth / 10, b"x" * 2_000, end=False))
    told = [effect for effect in run.effects if isinstance(effect, Renew)]
    assert len(told) == 2
    assert told[0].seen < told[1].seen
    run.send(Closed(NOW + 3))
    assert len([effect for effect in run.effects if isinstance(effect, Settle)]) == 1


def test_closing_twice_accounts_once() -> None:
    run = _until(_upstream(), stream())
    run.send(Closed(NOW))
    assert isinstance(run.state, Finished)
    assert len(run.world.records) == 1
    assert len([effect for effect in run.effects if isinstance(effect, Settle)]) == 1
