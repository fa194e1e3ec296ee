"""Lines that coding agents stamp into system prompts change no key; what an application says always does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.anthropic_messages import AnthropicMessages
from costward_extproc.dialects.base import Dialect
from costward_extproc.dialects.openai_chat import OpenAIChat
from costward_extproc.dialects.openai_responses import OpenAIResponses

BILLING = "x-anthropic-billing-header: cc_version=2.1.77.{}; cc_entrypoint=cli; cch={};"
AGENT = "You are an agent.\n<env>\nWorking directory: /src\nToday's date: {}\n</env>\nBe brief."


def _anthropic(*system: str, question: str = "Explain main.py") -> dict[str, Any]:
    blocks = [{"type": "text", "text": text} for text in system]
    return {"model": "claude", "max_tokens": 9, "system": blocks, "messages": [{"role": "user", "content": question}]}


def _openai(*system: str, question: str = "Explain main.py") -> dict[str, Any]:
    messages = [{"role": "system", "content": text} for text in system]
    return {"model": "gpt-5", "messages": [*messages, {"role": "user", "content": question}]}


def _responses(*system: str, question: str = "Explain main.py") -> dict[str, Any]:
    items = [{"role": "developer", "content": text} for text in system[1:]]
    return {"model": "gpt-5", "instructions": system[0], "input": [*items, {"role": "user", "content": question}]}


SPOKEN = [(AnthropicMessages(), _anthropic), (OpenAIChat(), _openai), (OpenAIResponses(), _responses)]


def _context(dialect: Dialect, document: dict[str, Any]) -> bytes:
    return dialect.context(dialect.read_request(json.dumps(document).encode()))


@pytest.mark.parametrize(("dialect", "asks"), SPOKEN)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((BILLING.format("a1b", "00000"), "Be kind."), (BILLING.format("c2d", "4f2a1"), "Be kind.")),
        ((AGENT.format("2026-03-01"),), (AGENT.format("2026-03-02"),)),
        ((AGENT.format("Sun Mar 01 2026"),), (AGENT.format("Mon Mar 02 2026"),)),
    ],
)
def test_a_stamp_changes_no_conversation(
    dialect: Dialect, asks: Any, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    first, second = (dialect.read_request(json.dumps(asks(*system)).encode()) for system in (one, other))
    assert dialect.opening(first) == dialect.opening(second)


@pytest.mark.parametrize(("dialect", "asks"), SPOKEN)
def test_a_stamp_that_tells_no_day_changes_no_key(dialect: Dialect, asks: Any) -> None:
    one, other = (asks(BILLING.format(*stamp), "Be kind.") for stamp in (("a1b", "00000"), ("c2d", "4f2a1")))
    assert _context(dialect, one) == _context(dialect, other)


@pytest.mark.parametrize(("dialect", "asks"), SPOKEN)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Today's date: 2026-03-01\nBe kind.",), ("Today's date: 2026-03-02\nBe kind.",)),
        (("Prices of <env>.\nToday's date: 2026-03-01\n",), ("Prices of <env>.\nToday's date: 2026-03-02\n",)),
        (("Be kind.\nx-anthropic-billing-header: a",), ("Be kind.\nx-anthropic-billing-header: b",)),
        ((BILLING.format("a", "0") + "\nBe kind.",), (BILLING.format("b", "0") + "\nBe rude.",)),
        ((BILLING.format("a", "0") + " Answer in French",), (BILLING.format("a", "0") + " Answer in German",)),
        (("x-anthropic-billing-header: Be kind.",), ("x-anthropic-billing-header: Be rude.",)),
        ((AGENT.format("2026-03-01"),), (AGENT.format("2026-03-01").replace("/src", "/tmp"),)),
    ],
)
def test_an_application_s_own_words_do(
    dialect: Dialect, asks: Any, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert _context(dialect, asks(*one)) != _context(dialect, asks(*other))


@pytest.mark.parametrize(("dialect", "asks"), SPOKEN)
@pytest.mark.parametrize(
    "question",
    [
        "What changed since yesterday?",
        "Welcher Wochentag ist heute?",
        "How old is someone born on 23 November 1990?",
        "Explain main.py",
    ],
)
def test_the_day_counts_whatever_is_asked(dialect: Dialect, asks: Any, question: str) -> None:
    yesterday, today = (asks(AGENT.format(date), question=question) for date in ("2026-03-01", "2026-03-02"))
    assert _context(dialect, yesterday) != _context(dialect, today)


@pytest.mark.parametrize(("dialect", "asks"), SPOKEN)
def test_only_a_system_prompt_is_looked_at(dialect: Dialect, asks: Any) -> None:
    def told(stamp: str) -> dict[str, Any]:
        document: dict[str, Any] = asks("Be kind.")
        (document.get("messages") or document["input"]).insert(-1, {"role": "user", "content": stamp})
        return document

    assert _context(dialect, told(BILLING.format("a", "0"))) != _context(dialect, told(BILLING.format("b", "0")))


@pytest.mark.parametrize(("dialect", "asks"), SPOKEN)
def test_the_bytes_that_go_upstream_keep_them(dialect: Dialect, asks: Any) -> None:
    body = json.dumps(asks(BILLING.format("a", "0"), AGENT.format("2026-03-01"))).encode()
    sent = dialect.rewrite(dialect.read_request(body), "other", ask_usage=False)
    assert json.loads(sent) == {**json.loads(body), "model": "other"}
