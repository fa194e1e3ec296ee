"""What becomes of an exchange in which a step raised: a defect of ours, and no way around a cap that fails closed.

It passes or is refused as the policy says where nothing can be checked, and its record tells of it. Whatever raised may
raise again, so nothing here looks at what callers or providers wrote.
"""

from __future__ import annotations

from costward_extproc.core import caps, notices, spending
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.events import (
    Answer,
    Closed,
    Done,
    Effect,
    Given,
    GoUpstream,
    LetGo,
    PassChunk,
    PassHeaders,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    Settle,
    Write,
)
from costward_extproc.core.evolve import evolve
from costward_extproc.core.headers import hop_headers
from costward_extproc.core.identity import Caller, governing
from costward_extproc.core.ledger import Settlement
from costward_extproc.core.recording import record_of
from costward_extproc.core.settling import NOTHING
from costward_extproc.core.states import (
    Answered,
    Arriving,
    Consulting,
    Embedding,
    Finished,
    Listing,
    Raising,
    Receiving,
    Reserving,
    Responding,
    Retrying,
    Searching,
    State,
    Step,
    Upstream,
)
from costward_extproc.core.tickets import Verdict
from costward_extproc.dialects.registry import Endpoint, speaker

UNDECIDED = "undecided-error"
"""Reason and warning of an exchange whose decision failed."""

_UNACCOUNTED = "unaccounted"
_STATUS = 503
_RETRY_S = 1
"""As long as where the ledger is away: what failed for want of memory may work then."""


def answer(state: State, event: Given) -> Step:
    """The reply that `event` still waits for."""
    match state:
        case Arriving():
            return _arriving(state, event)
        case Receiving() if isinstance(event, RequestBody):
            return _receiving(state, event)
        case Consulting() | Embedding() | Searching() | Reserving():
            return _undecided(_bare(state.case), event.at)
        case Retrying():
            return Finished(), (GoUpstream("body", verdict=Verdict("same", state.failed).text()),)
        case Raising():
            return Finished(), (GoUpstream("body", verdict=Verdict("same", state.verdict.first).text()),)
        case Upstream():
            return Upstream(state.case.warned(_UNACCOUNTED)), _neutral(event)
        case Responding() if isinstance(event, ResponseBody):
            kept = state.transcript.add(event.chunk)
            case = state.case.warned(_UNACCOUNTED)
            after = evolve(state, case=case, transcript=kept, held=b"", strip=False, ended=event.end)
            return after, (PassChunk(state.held + event.chunk),)
        case Listing():
            record = record_of(state.case.warned(UNDECIDED), event.at, end="error")
            held = (PassChunk(state.held + event.chunk),) if isinstance(event, ResponseBody) else _neutral(event)
            return Finished(), (*held, Write(record))
        case _:
            return state, _neutral(event)


def _neutral(event: Given) -> tuple[Effect, ...]:
    match event:
        case RequestHeaders():
            return (LetGo(),)
        case RequestBody():
            return (GoUpstream("body"),)
        case ResponseHeaders():
            return (PassHeaders(()),)
        case ResponseBody():
            return (PassChunk(),)
        case Closed() | Done():
            return ()


def _arriving(state: Arriving, event: Given) -> Step:
    """Neither caller nor endpoint is known: the strictest of the policy's tiers counts."""
    policy = governing(state.snapshot, state.workload)
    if policy is None or not isinstance(event, RequestHeaders) or event.ticket:
        return Finished(), _neutral(event)
    tier = next((tier for tier in policy.tiers if tier.on_ledger_failure == "Closed"), policy.tiers[0])
    caller = Caller(state.workload, state.workload.namespace, tier)
    endpoint = Endpoint("unknown")
    frame = Frame(
        state.id, event.at, state.snapshot, policy, caller, speaker(endpoint.family), {}, state.means, endpoint
    )
    case = _named(Case(frame), event.at)
    if _fails_closed(case):
        return _refused(case, event.at)
    return Finished(), (LetGo(), Write(record_of(case, event.at, end="complete")))


def _receiving(state: Receiving, event: RequestBody) -> Step:
    """Held to its caps by its size, as a body that nobody can read."""
    frame = state.frame
    size = sum(map(len, state.chunks)) + len(event.chunk)
    charges = caps.charges(frame.policy, frame.caller, event.at)
    return _undecided(Case(frame, size, tokens=size // spending.BYTES_PER_TOKEN + 1, charges=charges), event.at)


def _bare(case: Case) -> Case:
    """Without what was concluded so far, and with what the exchange's end needs to charge it."""
    asked = case.asked and evolve(case.asked, body=b"", document={}, include_usage=True)
    return Case(
        case.frame,
        case.body_bytes,
        asked=asked,
        by_headers=case.by_headers,
        tokens=case.tokens,
        charges=case.charges,
        reserved=case.reserved,
        seen=case.seen,
        reservation=case.reservation,
        warnings=case.warnings,
    )


def _undecided(case: Case, at: float) -> Step:
    """It goes on as it came, and is charged what the provider will say that it used."""
    case = _named(case, at)
    if _fails_closed(case):
        return _refused(case, at)
    if case.by_headers:
        return Upstream(case), (GoUpstream("headers", remove=hop_headers(case.frame.headers)),)
    return Upstream(case), (GoUpstream("body"),)


def _named(case: Case, at: float) -> Case:
    return case.but(reason=UNDECIDED, decided_at=at).warned(UNDECIDED)


def _fails_closed(case: Case) -> bool:
    return case.policy.failure_policy == "Closed" or case.frame.caller.tier.on_ledger_failure == "Closed"


def _refused(case: Case, at: float) -> Step:
    # It may have been reserved for: end that at nothing.
    settled = (Settle(Settlement(case.frame.id, NOTHING)),) if case.reservation else ()
    case = case.but(decision="refuse", reserved=0, reservation=False)
    text = "This request could not be checked, for a fault of Costward's own, and this plan does not go on unchecked."
    details = {"policy": case.policy.ref, "owner": case.policy.owner.team}
    rendered = case.frame.dialect.render_error(text, "server_error", UNDECIDED, details, case.frame.id)
    headers = (("content-type", rendered.content_type), ("retry-after", str(_RETRY_S)), *notices.common(case, None))
    return Answered(case, _STATUS), (Answer(_STATUS, headers, rendered.body, case.reason), *settled)
