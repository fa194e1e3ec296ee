"""What is counted of tools and tool calls is what a model reads: not JSON's escapes of it."""

from __future__ import annotations

from typing import Any

import pytest
from costward_extproc.adapters.tokens import SplintrTokens
from costward_extproc.dialects.registry import endpoint_of

from tests.fakes.anthropic_fixtures import body_of

DESCRIPTION = "請求書を探して、支払い期日を教えてください。" * 20
SCHEMA = {"type": "object", "properties": {}}
CHAT_TOOL = {"type": "function", "function": {"name": "find", "description": DESCRIPTION, "parameters": SCHEMA}}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hi"}], "tools": [CHAT_TOOL]},
    "/v1/responses": {"input": "Hi", "tools": [{"type": "function", "name": "find", "description": DESCRIPTION}]},
    "/v1/messages": {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 9,
        "tools": [{"name": "find", "description": DESCRIPTION, "input_schema": SCHEMA}],
    },
}


@pytest.mark.parametrize("path", BODIES)
def test_text_beyond_ascii_costs_what_it_is(path: str) -> None:
    endpoint = endpoint_of("POST", path)
    assert endpoint is not None
    assert endpoint.dialect is not None
    asked = endpoint.dialect.read_request(body_of({"model": "gpt-5-mini", **BODIES[path]}))
    count = SplintrTokens().count
    assert count(endpoint.dialect.prompt_text(asked)) <= count(DESCRIPTION) + 60
