"""Whether a request has a place in the cache, and which of the answers found there may serve it."""

from __future__ import annotations

import re

from costward_contract.snapshot import FixedThreshold

from costward_extproc.cache.entries import Entry, Neighbour
from costward_extproc.cache.guards import is_time_sensitive, veto
from costward_extproc.cache.normalise import normalise
from costward_extproc.core.case import CACHE_OFF, Case, Slot
from costward_extproc.core.decide import may_serve
from costward_extproc.core.fingerprint import digest, partition, scope_subject
from costward_extproc.core.record import CacheNote
from costward_extproc.core.relief import OVERLOADED, Relief
from costward_extproc.dialects.base import Asked

_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d{1,9})")
_PORT = re.compile(r":\d+$")
_VARIANTS = ("accept-language", "anthropic-version", "anthropic-beta")
"""Request headers by which a provider may answer the same body in another way. OpenAI's own count as credentials."""


def slot_of(case: Case) -> tuple[Slot | None, CacheNote]:
    """The request's place in the cache; None with the reason where it has none."""
    policy, asked = case.policy, case.asked
    if policy.cache.mode == "Off":
        return None, CACHE_OFF
    if asked is None:
        return None, CacheNote("bypass", "unreadable")
    reason = _bypass(case, asked)
    subject = _subject(case)
    if reason is not None or subject is None or asked.last_user_text is None:
        return None, CacheNote("bypass", reason or "no-user")
    place = _partition(case, asked, subject)
    key = digest(case.means.digest_key, "text", normalise(asked.last_user_text))
    control = case.frame.headers.get("cache-control", "").lower()
    relief = case.frame.relief
    max_age = _MAX_AGE.search(control)
    slot = Slot(
        partition=place,
        key=key,
        lookup="no-cache" not in control and relief < Relief.LOOKUP,
        store=True,
        max_age=float(max_age.group(1)) if max_age else None,
        semantic=_has_semantic(case, asked) and relief < Relief.MEANING,
    )
    unasked = None if slot.lookup else "no-cache"
    return slot, CacheNote("miss", OVERLOADED if relief else unasked, partition=place)


def _has_semantic(case: Case, asked: Asked) -> bool:
    return case.policy.cache.semantic is not None and case.means.embedder_id is not None and not asked.agent_turn


def _bypass(case: Case, asked: Asked) -> str | None:
    """Why this request is kept away from the cache, if it is."""
    if "no-store" in case.frame.headers.get("cache-control", "").lower():
        return "no-store"
    if asked.uncacheable is not None:
        return asked.uncacheable
    if asked.agent_turn and "ToolCalls" in case.policy.cache.bypass:
        return "tool-calls"
    if "TimeSensitive" in case.policy.cache.bypass and is_time_sensitive(asked.last_user_text or ""):
        return "time-sensitive"
    return None


def _subject(case: Case) -> str | None:
    caller, policy = case.frame.caller, case.policy
    return scope_subject(
        policy.cache.scope, user=caller.user, tenant=caller.tenant, workload=str(caller.workload), policy=policy.ref
    )


def _partition(case: Case, asked: Asked, subject: str) -> str:
    headers = case.frame.headers
    # Two providers may serve the same model name; a query string may choose between versions of one. The port tells
    # only where the proxy listens, and moving it must not empty the cache.
    upstream = _PORT.sub("", headers.get(":authority", "").lower()) + headers.get(":path", "")
    return partition(
        case.means.digest_key,
        case.policy,
        subject,
        case.frame.caller.credential,
        upstream,
        case.frame.dialect.name,
        case.means.embedder_id or "none",
        "\0".join(headers.get(name, "") for name in _VARIANTS),
        case.frame.dialect.context(asked),
    )


def serves(case: Case, entry: Entry, at: float) -> bool:
    """Whether this entry is fresh enough for the caller and from no lower rung than would be used now."""
    if case.slot is None or case.plan is None:
        return False
    fresh = case.slot.max_age is None or at - entry.created_at <= case.slot.max_age
    return fresh and at < entry.expires_at and may_serve(case.policy, entry.rung, case.plan)


def best(
    case: Case, asked: Asked, semantic: FixedThreshold, neighbours: tuple[Neighbour, ...], at: float
) -> tuple[Neighbour | None, CacheNote]:
    """The nearest neighbour that may serve, else a note of why none did. Guards are asked only above the threshold."""
    threshold = semantic.cosine
    note = case.cache
    for neighbour in neighbours:
        if neighbour.score < threshold:
            break
        if not serves(case, neighbour.entry, at):
            continue
        guard = veto(asked.last_user_text or "", neighbour.entry.text)
        if guard is None:
            return neighbour, note
        if note.outcome != "vetoed":
            place = note.partition
            note = CacheNote("vetoed", guard, "semantic", place, neighbour.entry.id, neighbour.score, threshold)
    return None, note


def found(case: Case, entry: Entry, score: float | None) -> CacheNote:
    """The note of an answer that is served, or would be where the policy only observes."""
    semantic = case.policy.cache.semantic
    return CacheNote(
        outcome="hit" if case.policy.cache.mode == "Enforce" else "would-hit",
        tier="exact" if score is None else "semantic",
        partition=entry.partition,
        entry=entry.id,
        score=score,
        threshold=semantic.cosine if semantic and score is not None else None,
    )
