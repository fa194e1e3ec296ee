"""A rewritten messages body differs in the model's bytes, and in nothing else: an agent's prompt cache at its provider
and its signed thinking depend on every other one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.anthropic_messages import AnthropicMessages
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.anthropic_fixtures import agent, ask, body_of

DIALECT = AnthropicMessages()
MODEL = "clàude@asked"

TEXTS = st.sampled_from(['"model":"x"', "model", "\\", '"', "é\u2028\n", "\U0001f914"]) | st.text(
    st.characters(codec="utf-8"), max_size=8
)
NUMBERS = st.sampled_from(["1e400", "1.0", "-0", "1E+2", "12345678901234567890123", "0.1"])
"""Spelled out, since no float holds them: they stand in the text as they are."""


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An agent's request in any common style and order, with odd numbers and members that nobody knows."""
    document = agent(turns=draw(st.integers(0, 2)), tools=draw(st.integers(0, 2)), question=draw(TEXTS) or "x")
    document |= {"model": MODEL, "x_text": draw(TEXTS), "x_model": {"model": draw(TEXTS)}, "x_number": "@number"}
    document = {name: document[name] for name in draw(st.permutations(sorted(document)))}
    style: dict[str, Any] = draw(
        st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"separators": (" ,\t", " :\r\n")}])
    )
    text = json.dumps(document, ensure_ascii=draw(st.booleans()), **style)
    if draw(st.booleans()):
        text = text.replace('"model"', '"mod\\u0065l"')
    return text.replace('"@number"', draw(NUMBERS)).encode()


@settings(max_examples=100, deadline=None)
@given(body=bodies(), ask_usage=st.booleans())
def test_only_the_model_s_bytes_change(body: bytes, ask_usage: bool) -> None:
    asked = DIALECT.read_request(body)
    (spelling,) = [s for s in (json.dumps(MODEL, ensure_ascii=a).encode() for a in (True, False)) if s in body]
    assert DIALECT.rewrite(asked, "claude-haiku-4-5", ask_usage) == body.replace(spelling, b'"claude-haiku-4-5"')
    assert DIALECT.rewrite(asked, None, ask_usage) == body


def test_an_agent_s_whole_request() -> None:
    body = body_of(agent())
    changed = DIALECT.rewrite(DIALECT.read_request(body), "claude-haiku-4-5", ask_usage=True)
    assert changed == body.replace(b'{"model":"claude-sonnet-4-6"', b'{"model":"claude-haiku-4-5"', 1)


@pytest.mark.parametrize("end", [True, False])
def test_nothing_is_taken_out_of_a_stream(end: bool) -> None:
    assert DIALECT.take_out_usage(b"a", b'{"usage":{}}', end) == (b'a{"usage":{}}', b"")


def test_a_model_that_the_path_names_is_put_in() -> None:
    document = ask()
    del document["model"]
    body = body_of(document)
    assert DIALECT.rewrite(DIALECT.read_request(body, "m"), "other", False) == b'{"model":"other",' + body[1:]
