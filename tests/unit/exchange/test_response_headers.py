"""What a caller sees of us on an answer that went upstream, before the cost is known."""

from __future__ import annotations

import pytest

from tests.fakes.world import World, chat, policy


def test_decision_policy_model_reason_and_id() -> None:
    run = World.of(policy()).ask(chat())
    assert run.headers == {
        "x-costward-decision": "pass",
        "x-costward-policy": "team/bot",
        "x-costward-reason": "cache-miss",
        "x-costward-request-id": "x1",
        "x-costward-model": "gpt-5",
    }
    assert run.record.id == "x1"


def test_a_body_that_cannot_be_read_names_no_model() -> None:
    run = World.of(policy()).ask(b"?")
    assert run.headers["x-costward-reason"] == "unreadable-malformed"
    assert "x-costward-model" not in run.headers


@pytest.mark.parametrize("model", ["a\r\nset-cookie: b", "é", "\x00", "x" * 1_000])
def test_the_caller_s_model_name_cannot_write_headers(model: str) -> None:
    value = World.of(policy()).ask(chat(model=model)).headers["x-costward-model"]
    assert value.isascii()
    assert value.isprintable()
    assert 0 < len(value) <= 128
