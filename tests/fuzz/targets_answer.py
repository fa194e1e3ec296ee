"""Each dialect's answers, whole and as streams: never an error, figures within bounds, the same for every cutting, and
what is kept of one comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from costward_extproc.core import sse
from costward_extproc.dialects.base import Asked, Dialect, Reading
from costward_extproc.dialects.reading import MOST_TOKENS
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.inputs import changed_often, odd_document, odd_json
from tests.fuzz.seeds import OF_DIALECT, plain, stream
from tests.fuzz.target import Target, chance, every_cut, pieces
from tests.fuzz.targets_request import DIALECTS

_TOKENS = (
    b"data: ",
    b"data:",
    b"\n\n",
    b"\r\n\r\n",
    b": c\n\n",
    b"event: x\n",
    b"data: [DONE]\n\n",
    b'"delta"',
    b'"usage"',
)
_EVERY_CUT_BYTES = 400
"""Longer streams are cut at random places: at every one would be quadratic."""


def check(dialect: Dialect, streamed: bool, body: bytes) -> None:
    reading = dialect.read_answer(body, streamed, None)
    _bounded(reading)
    if reading.storable is not None:
        _comes_back(dialect, reading)
    if streamed and all(map(_is_clean, [*sse.cut(body)[0], sse.cut(body)[1]])):
        _flows_alike(dialect, body)


def _bounded(reading: Reading) -> None:
    reading.text_seen.encode("utf-8", "surrogatepass")
    if reading.usage is not None:
        usage = reading.usage
        figures = (usage.input, usage.output, usage.cached_input, usage.cache_write, usage.reasoning)
        assert all(0 <= figure <= 3 * MOST_TOKENS for figure in figures), figures
    if reading.storable is not None:
        assert reading.complete
        assert not reading.failed
        assert isinstance(json.loads(reading.storable), dict)


def _comes_back(dialect: Dialect, reading: Reading) -> None:
    assert reading.storable is not None
    # Not the reading's own text: the parts of a stream and the whole at its end may say different things.
    said = dialect.read_answer(reading.storable, False, None).text_seen
    for streamed in (False, True):
        asked = _asked(dialect, streamed)
        if asked is None:
            return
        rendered = dialect.render_answer(reading.storable, asked, "0123", 1_800_000_000)
        again = dialect.read_answer(rendered.body, streamed, asked)
        assert again.complete
        assert again.storable is not None, "a replayed answer is less than the provider's"
        assert dialect.read_answer(again.storable, False, None).text_seen == said, "the replay says something else"
        assert rendered.content_type.startswith("text/event-stream" if streamed else "application/json")


def _asked(dialect: Dialect, streamed: bool) -> Asked | None:
    """None where the dialect has no streams."""
    wish: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    asked = dialect.read_request(plain({**OF_DIALECT[dialect.name].requests[0], **wish}))
    return asked if asked.stream == streamed else None


def _is_clean(event: bytes) -> bool:
    """An event that cannot be the usage chunk flows on before its end, and what comes then is taken for a new one: that
    is right for fields with one line of JSON among them, and for an event of anything else there is nothing to be right
    about."""
    begins = event.lstrip(b"\r\n")
    if (begins and not begins.startswith((b"data:", b"event:", b"id:", b"retry:"))) or event.count(b"data:") > 1:
        return False
    return b'"delta"' not in event or (event.startswith(b"data: {") and b"\n" not in event.strip(b"\r\n"))


def _flows_alike(dialect: Dialect, body: bytes) -> None:
    """What flows on does not depend on how the stream was cut, and is the stream without some of its events."""
    whole = _flow(dialect, [body])
    rng = chance(body)
    cuts: list[Sequence[bytes]] = [pieces(body, rng) for _ in range(3)]
    if len(body) <= _EVERY_CUT_BYTES:
        cuts += every_cut(body)
    for cut in cuts:
        assert _flow(dialect, cut) == whole, "the cutting tells"


def _flow(dialect: Dialect, chunks: Sequence[bytes]) -> bytes:
    flowed, held = [], b""
    for at, chunk in enumerate(chunks):
        flows, held = dialect.take_out_usage(held, chunk, at == len(chunks) - 1)
        flowed.append(flows)
    assert held == b"", "something was held back for ever"
    return b"".join(flowed)


def _odd_stream(streams: Sequence[Sequence[Any]]) -> SearchStrategy[bytes]:
    return _odd_events(streams, odd_document([event for events in streams for event in events]))


@st.composite
def _odd_events(draw: st.DrawFn, streams: Sequence[Sequence[Any]], event: SearchStrategy[Any]) -> bytes:
    events = list(draw(st.sampled_from(list(streams))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(events)))
        if draw(st.booleans()):
            events.insert(at, draw(event))
        else:
            del events[at : at + 1]
    ends, done = draw(st.sampled_from([b"\n", b"\r\n", b"\r"])), draw(st.booleans())
    return stream(events, ends, done, draw(st.booleans()))


def _targets(dialect: Dialect) -> list[Target]:
    shapes = OF_DIALECT[dialect.name]
    whole = tuple(map(plain, shapes.answers))
    made: SearchStrategy[bytes] = changed_often(odd_json(shapes.answers), whole)
    targets = [Target(f"{dialect.name}-answer", partial(check, dialect, False), made, whole)]
    if shapes.streams:
        seeds = tuple(stream(events, ends, True) for events in shapes.streams for ends in (b"\n", b"\r\n"))
        made = changed_often(_odd_stream(shapes.streams), seeds, _TOKENS)
        targets.append(Target(f"{dialect.name}-stream", partial(check, dialect, True), made, seeds))
    return targets


TARGETS = tuple(target for dialect in DIALECTS.values() for target in _targets(dialect))
