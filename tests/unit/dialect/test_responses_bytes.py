"""A rewritten responses request differs in the model's bytes and in nothing else; its stream flows as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.openai_responses import OpenAIResponses
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.responses_fixtures import STREAMS, agent_request

DIALECT = OpenAIResponses()
ODD_MEMBERS = ',"x":[1e400,1.0,-0.0,0.10,"\\ud83d\\ude00","\\/","model"],"nested":{"model":"inner"}'


@pytest.mark.parametrize("style", [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])
def test_only_the_models_bytes_change(style: Any) -> None:
    text = json.dumps(agent_request(3, metadata={"model": "mine"}), **style)
    text = text.rstrip()[:-1].rstrip() + ODD_MEMBERS + "}"
    asked = DIALECT.read_request(text.encode())
    assert DIALECT.rewrite(asked, "gpt-5-mini", ask_usage=True) == text.replace('"gpt-5"', '"gpt-5-mini"', 1).encode()
    assert DIALECT.rewrite(asked, None, ask_usage=True) is asked.body


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(0, 90), max_size=40), name=st.sampled_from(sorted(STREAMS)))
def test_a_stream_flows_as_it_came(sizes: list[int], name: str) -> None:
    body, flowed, held = STREAMS[name], b"", b""
    rest = body
    for size in sizes:
        flows, held = DIALECT.take_out_usage(held, rest[:size], False)
        rest, flowed = rest[size:], flowed + flows
        assert held == b""
    assert flowed + DIALECT.take_out_usage(held, rest, True)[0] == body
