"""What docs/anthropic.md prints is what is done: its example request is read, its refusal is ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from costward_extproc.dialects.anthropic_messages import AnthropicMessages

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "anthropic.md").read_text()
DIALECT = AnthropicMessages()


def test_the_example_request_is_read_and_may_be_cached() -> None:
    found = re.search(r"-d '(\{.*\})'", TEXT)
    assert found is not None
    asked = DIALECT.read_request(found[1].encode())
    assert (asked.model, asked.last_user_text, asked.uncacheable) == ("claude-sonnet-4-6", "When are you open?", None)


def test_the_refusal_has_the_printed_shape() -> None:
    found = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    printed = json.loads(found[1])
    details = {name: value for name, value in printed["error"]["details"].items() if name != "code"}
    rendered = DIALECT.render_error(
        printed["error"]["message"], "insufficient_quota", "budget_exceeded", details, printed["request_id"]
    )
    assert json.loads(rendered.body) == printed


def test_the_reasons_are_those_in_use() -> None:
    sent: dict[str, dict[str, Any]] = {
        "no-user-text": {"messages": [{"role": "assistant", "content": "Hi"}]},
        "changing-answer": {"container": "c"},
        "diagnostics": {"diagnostics": {"previous_message_id": "m"}},
        "large-body": {"system": "x" * 300_000},
    }
    plain = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    for reason, members in sent.items():
        assert f"| `{reason}` |" in TEXT
        assert DIALECT.read_request(json.dumps({**plain, **members}).encode()).uncacheable == reason
