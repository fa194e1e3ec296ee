"""The reason codes of records in words. A code that is not known here is shown as it is, never hidden."""

from __future__ import annotations

from collections.abc import Mapping

from costward_extproc.core import caps
from costward_extproc.core.record import CapNote, Record

from costward_cli.money_text import dollars

_FIXED: Mapping[str, str] = {
    "cache-off": "the policy's cache is off",
    "cache-miss": "the cache has no answer that fits",
    "cache-miss-no-cache": "the caller asked for a fresh answer",
    "cache-miss-long-text": "the cache has no answer to the same words, and the text is too long to compare by meaning",
    "cache-miss-overloaded": "there was no time to look for an answer to the same words or of the same meaning",
    "cache-exact": "the same words were answered before",
    "cache-semantic": "a question of the same meaning was answered before",
    "overloaded": "more requests waited than could be decided in time",
    "unreadable-body-too-large": "its body is larger than what is read",
    "unreadable-empty-body": "its body is empty",
    "unreadable-overloaded": "too many large bodies waited to be read, so it was held to its caps by its size alone",
    "no-body": "its body never came",
    "unpriced-endpoint": "no codec reads this endpoint, so it cannot be priced",
    "free-endpoint": "providers charge nothing for this endpoint",
    "listed-alias": "the model asked about is an alias of the policy",
    "fallback": "the provider failed on the rung that was chosen, and the policy names another for that",
    "as-sent": "the provider refused the request as Costward had changed it",
    "left-undecided": "the caller left before anything was decided",
    "undecided-error": "a fault of Costward's own kept it from a decision",
    "ledger-unavailable": "nobody could say where the caller's caps stand, and its plan does not go on unchecked",
}

_KEPT_AWAY: Mapping[str, str] = {
    "time-sensitive": "the right answer changes with time",
    "tool-calls": "it is a turn of an agent with tools",
    "no-store": "the caller said no-store",
    "no-user": "answers are kept per user, and no trusted user was named",
    "unreadable": "its body has no single safe reading",
    "no-user-text": "it does not end in plain text of a user",
    "several-choices": "it asks for several answers at once",
    "logprobs": "it asks for the probabilities of tokens",
    "changing-answer": "it asks for an answer that differs each time",
    "diagnostics": "its answer speaks of the caller's own previous request",
    "large-body": "so large a request hardly comes a second time",
    "odd-stream": "it cannot be told whether it asks for a stream",
    "lone-surrogate": "its text is no valid Unicode",
    "embeddings": "embeddings are not reused yet",
    "stored-conversation": "it goes on from, or is kept for, a conversation that the provider stores",
}

GUARDS: Mapping[str, str] = {
    "ids": "they name different ids",
    "code": "they differ in code",
    "language": "their language is not one that the guards can compare",
    "numbers": "they differ in numbers or units",
    "dates": "they differ in dates or times",
    "negation": "one is negated",
    "polarity": "they ask for opposites",
    "question": "they ask different kinds of question",
    "entities": "they name different things",
    "order": "the same words stand in another order",
}

WARNINGS: Mapping[str, str] = {
    "unaccounted": "its answer could not be read after all: charged as if it had been cut short",
    "undecided-error": "a fault of Costward's own kept it from a decision: it went on or was refused unchecked",
    "usage-estimated": "the provider did not say how many tokens it used: they were counted here",
    "price-unknown": "the model is not in the price list: it is priced as the dearest of its family",
    "tier-price-unknown": "it was served faster than usual at a price that is not listed: priced above any known one",
    "ledger-unavailable": "the ledger could not be asked: caps were not checked",
    "admitted-alone": "its worst case did not fit under a cap; it was let in alone, because money was left",
    "cache-unavailable": "the cache could not be asked",
    "second-attempt": "the first attempt gave no answer; the request went upstream once more",
    "pinned-signed-thinking": "its history has signed thinking, which only the model that thought it accepts",
    "pinned-model-in-path": "its path names the model, so no other could be put in",
    "pinned-previous-response": "it goes on from a conversation that the provider stores for one model",
    "pinned-reasoning-items": "it carries reasoning that another model may not be able to read",
    "pinned-embeddings": "vectors of two models cannot be compared, so its model stays",
    "overloaded": "more came than could be decided in time: something was left out",
}


def because(record: Record) -> str:
    """Why the decision fell as it did, as the end of a sentence that goes on from `because`."""
    reason = record.reason
    if reason in _FIXED:
        return _FIXED[reason]
    for prefix, tell in _BY_PREFIX.items():
        if reason.startswith(prefix):
            return tell(record, reason.removeprefix(prefix))
    return f"of `{reason}`"


def fullest(record: Record) -> CapNote | None:
    """The cap that was nearest to its limit when the decision fell."""
    return max(record.caps, key=lambda cap: cap.spent / max(cap.limit, 1), default=None)


def share(cap: CapNote) -> str:
    """`$0.45 of $0.50 (90%)`; the share is rounded down, so that 100% means spent."""
    return f"{dollars(cap.spent)} of {dollars(cap.limit)} ({cap.spent * 100 // max(cap.limit, 1)}%)"


def _bypass(_: Record, code: str) -> str:
    return f"the cache leaves it alone: {_KEPT_AWAY.get(code, code)}"


def _vetoed(record: Record, guard: str) -> str:
    score = f" (similarity {record.cache.score:.3f})" if record.cache.score is not None else ""
    words = GUARDS.get(guard, f"the guard `{guard}` says so")
    return f"the nearest question that has an answer{score} is another one: {words}"


def _unavailable(_: Record, code: str) -> str:
    return f"the cache could not be asked in time ({code})"


def _would_hit(record: Record, _: str) -> str:
    how = "the same words" if record.cache.tier == "exact" else f"the same meaning (similarity {record.cache.score})"
    return f"the policy only observes; with `cache.mode: Enforce` an answer to {how} would have been served"


def _alias(record: Record, _: str) -> str:
    return f"{record.asked_model} is an alias of the policy"


def _rule(record: Record, _: str) -> str:
    return f"{record.route.rule} chose rung {record.route.rung}"


def _use_model(record: Record, _: str) -> str:
    return f"{_cap_words(record)} has reached the ladder's step UseModel: {_cap_share(record)}"


def _warned(record: Record, _: str) -> str:
    return f"nothing else was to be done, and {_cap_words(record)} is near its end: {_cap_share(record)}"


def _spent(record: Record, _: str) -> str:
    cap = fullest(record)
    until = f" until {caps.instant(cap.resets_at)}" if cap is not None and cap.resets_at is not None else ""
    return f"{_cap_words(record)} is used up{until}: {_cap_share(record)}"


def _held(record: Record, _: str) -> str:
    return f"what is left of {_cap_words(record)} is held by requests that are still running"


def _unread_step(record: Record, _: str) -> str:
    return f"its body could not be read, and {_use_model(record, '')}"


def _unreadable(_: Record, code: str) -> str:
    return f"its body could not be read in one safe way ({code})"


def _cap_words(record: Record) -> str:
    cap = fullest(record)
    return f"cap {cap.id}" if cap is not None else "a cap"


def _cap_share(record: Record) -> str:
    cap = fullest(record)
    return share(cap) if cap is not None else "no standing was recorded"


_BY_PREFIX = {
    "cache-bypass-": _bypass,
    "cache-vetoed-": _vetoed,
    "cache-unavailable-": _unavailable,
    "cache-would-hit": _would_hit,
    "alias": _alias,
    "rule[": _rule,
    "cap-use-model": _use_model,
    "cap-warn": _warned,
    "cap-spent": _spent,
    "cap-reserved": _held,
    "cap-unreadable": _unread_step,
    "unreadable-": _unreadable,
}

CODES = frozenset((*_FIXED, *_BY_PREFIX))
"""Every reason code that has words; those that something follows are given by how they begin: `rule[`."""
