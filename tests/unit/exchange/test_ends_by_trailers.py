"""An answer that ends with trailers has no last chunk: what was held by then is lost, so little is held."""

from __future__ import annotations

import json

import pytest
from costward_extproc.core import sse
from costward_extproc.core.events import Closed, PassChunk, ResponseBody, ResponseHeaders
from costward_extproc.dialects.reading import object_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.fakes.world import NOW, Run, World, chat, policy, stream

USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 7}}'
EVENTS = [
    b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": null}',
    b'data: {"choices": [], "prompt_filter_results": [{"index": 0}]}',
    b'data: {"error": {"message": "overloaded"}}',
    b"data: [DONE]",
    USAGE,
]


def _begun() -> Run:
    run = World.of(policy()).begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    return run


def _flow(run: Run, chunk: bytes) -> None:
    run.send(ResponseBody(NOW, chunk, end=False))
    passed = run.only(PassChunk, last=True)
    run.flowed += chunk if passed.body is None else passed.body


class Trailing(RuleBasedStateMachine):
    """A provider that may end its answer behind any byte, without a word."""

    @initialize()
    def begin(self) -> None:
        self.run, self.sent = _begun(), b""

    @rule(event=st.sampled_from(EVENTS), cuts=st.lists(st.integers(1, 90), max_size=4), ending=st.integers(0, 2))
    def say(self, event: bytes, cuts: list[int], ending: int) -> None:
        text = event + b"\n" * ending
        for at in (*sorted(cuts), len(text)):
            piece, text = text[:at], text[at:]
            self.sent += piece
            _flow(self.run, piece)

    def teardown(self) -> None:
        whole, rest = sse.cut(self.sent)
        missing = len(b"".join(event for event in whole if USAGE not in event)) + len(rest) - len(self.run.flowed)
        if missing > 0 and USAGE not in self.sent:
            assert object_of(sse.data_of(rest)) is None, "an event that says all that it has to say was held"
            assert rest.endswith(self.sent[-missing:])


TestTrailing = Trailing.TestCase
TestTrailing.settings = settings(max_examples=200, stateful_step_count=8, deadline=None)


@pytest.mark.parametrize("event", EVENTS[:-1])
@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_what_is_said_reaches_the_caller_without_its_blank_line(event: bytes, ending: bytes) -> None:
    run = _begun()
    for at in range(0, len(event), 7):
        _flow(run, event[at : at + 7])
    _flow(run, ending)
    assert run.flowed == event + ending


def test_the_usage_chunk_goes_without_its_blank_line_too() -> None:
    run = _begun()
    _flow(run, EVENTS[0] + b"\n\n" + USAGE)
    run.send(Closed(NOW))
    assert run.flowed == EVENTS[0] + b"\n\n"
    assert (run.record.usage.input, run.record.usage.output, run.record.usage.estimated) == (12, 7, False)


def test_a_whole_answer_that_ends_so_is_whole() -> None:
    run = _begun()
    _flow(run, stream())
    run.send(Closed(NOW))
    assert (run.record.end, run.record.usage.output) == ("complete", 7)
