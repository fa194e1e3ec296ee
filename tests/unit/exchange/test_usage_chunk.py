"""The usage chunk that only we asked for is taken out; every other byte reaches the caller, however it is cut."""

from __future__ import annotations

import json

import pytest
from costward_extproc.core.events import PassChunk, ResponseBody, ResponseHeaders
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import NOW, Run, World, chat, policy, stream


def _run(body: bytes, sizes: list[int], asks: bool = False) -> Run:
    run = World.of(policy()).begin()
    options = {"include_usage": True} if asks else None
    run.request(json.dumps(chat(stream=True, stream_options=options)).encode(), {})
    run.response(body, chunks=sizes)
    return run


def _usage_chunk(ending: bytes = b"\n\n") -> bytes:
    events = stream().split(b"\n\n")
    return next(event for event in events if b'"choices": []' in event) + ending


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ENDINGS = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"])


@settings(max_examples=250, deadline=None)
@given(text=TEXTS, ending=ENDINGS, data=st.data())
def test_the_caller_gets_all_but_the_usage_chunk(text: str, ending: bytes, data: st.DataObject) -> None:
    body = stream(text).replace(b"\n\n", ending)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=12)))
    sizes = [end - start for start, end in zip([0, *cuts], cuts, strict=False)]
    run = _run(body, sizes)
    assert run.flowed == body.replace(_usage_chunk(ending), b"")
    assert (run.record.usage.input, run.record.usage.output, run.record.usage.estimated) == (12, 7, False)


@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n"])
def test_cut_in_every_single_place(ending: bytes) -> None:
    """Among them the one between the two line ends before the usage chunk, which belong to the event before it."""
    body = stream("Hi").replace(b"\n\n", ending)
    start = body.index(_usage_chunk(ending))
    for at in range(start - 8, len(body)):
        assert _run(body, [at]).flowed == body.replace(_usage_chunk(ending), b"")


def test_a_caller_that_asked_for_usage_gets_it() -> None:
    run = _run(stream(), [], asks=True)
    assert run.flowed == stream()
    assert run.upstream is not None
    assert run.upstream.body is None
    assert run.record.usage.output == 7


def test_usage_null_stays() -> None:
    assert _run(stream(), []).flowed.count(b'"usage": null') == stream().count(b'"usage": null')


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"index":0,"delta":{"content":"a \\"usage\\" b"}}]}\n\n',
        b'data: {"choices":[],"usage":null}\n\n',
        b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n',
        b": comment\n\n",
        b"event: ping\n\n",
        b"\n\n\n\n",
        b"no event at all",
    ],
)
def test_what_only_looks_like_usage_flows(event: bytes) -> None:
    assert _run(b"data: {}\n\n" + event, [12, 30]).flowed == b"data: {}\n\n" + event


def test_an_event_that_shows_a_choice_is_not_held_back() -> None:
    run = World.of(policy()).begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    for chunk in (b'data: {"choices":[{"delta":{"conte', b"", b'nt":"a"}}]}\n', b"\n"):
        run.send(ResponseBody(NOW, chunk, end=False))
        flowed = run.only(PassChunk, last=True).body
        if b"delta" in chunk or chunk == b"\n":
            assert flowed in (None, chunk) or flowed.endswith(chunk)


def test_an_endless_event_is_not_held_back() -> None:
    """Neither our memory nor the caller's time may hang on an event that never ends."""
    run = World.of(policy()).begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    flowed = 0
    for _ in range(100):
        run.send(ResponseBody(NOW, b"x" * 1_000, end=False))
        body = run.only(PassChunk, last=True).body
        flowed += 1_000 if body is None else len(body)
    assert flowed > 80_000
