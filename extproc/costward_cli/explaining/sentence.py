"""A record in one sentence: what became of the request, why, and what it cost."""

from __future__ import annotations

from costward_extproc.core.record import Record

from costward_cli.explaining.reasons import because
from costward_cli.money_text import dollars


def sentence(record: Record) -> str:
    """`The request for gpt-5 was answered by gpt-5-mini because rule[0] chose rung small; it cost ...`"""
    return f"{_subject(record)} {_became(record)}; {_money(record)}."


def _subject(record: Record) -> str:
    return f"The request for {record.asked_model}" if record.asked_model else "A request for an unknown model"


def _became(record: Record) -> str:
    if record.decision == "hit-exact":
        return f"was answered from the cache: {record.served_model} had answered the same words before"
    if record.decision == "hit-semantic":
        return (
            f"was answered from the cache: {record.served_model} had answered a question of the same meaning before"
            f"{_likeness(record)}, and no guard objected"
        )
    if record.decision == "refuse":
        return f"was refused with status {record.status} because {because(record)}"
    if not record.attempts:
        return f"{_unsent(record)} because {because(record)}"
    return f"{_sent(record)} because {because(record)}"


def _likeness(record: Record) -> str:
    cache = record.cache
    if cache.score is None or cache.threshold is None:
        return ""
    return f" (similarity {cache.score:.3f}, at least {cache.threshold:g} is asked for)"


def _unsent(record: Record) -> str:
    return "ended before it was sent on" if record.end == "aborted" else "was let through unread"


def _sent(record: Record) -> str:
    model = record.served_model or record.attempts[-1].model or "the provider"
    if record.status is None:
        return f"was sent to {model}, and the caller left before an answer began, and it went there"
    if record.status >= 300:
        return f"was sent to {model}, which answered with status {record.status}, and it went there"
    if record.end != "complete":
        left = "the caller left" if record.end == "aborted" else "it broke off"
        return f"was answered by {model} until {left}, and it went there"
    return f"was answered by {model}"


def _money(record: Record) -> str:
    if not record.attempts and not record.decision.startswith("hit") and record.decision != "refuse":
        return "nothing is known of its cost"
    saved = record.baseline - record.cost
    cost = f"it cost {dollars(record.cost) if record.cost else 'nothing'}"
    if record.usage.estimated:
        cost += " by estimate"
    if saved < 0:
        return f"{cost}, {dollars(-saved)} more than without Costward"
    return f"{cost} and saved {dollars(saved)}" if saved else cost
