"""A second attempt upstream, as a conversation of its own: read the body again, reserve what it needs, send it on.

It runs on whichever worker Envoy asks and knows of the exchange what its ticket says. It accounts for nothing: the
exchange itself does, once, when the answer is over. Whatever goes wrong here, the attempt goes as the first one went.
"""

from __future__ import annotations

from costward_extproc.core import arrival, notices
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.events import (
    Answer,
    Done,
    GoUpstream,
    LetGo,
    Raise,
    ReadOn,
    RequestBody,
    RequestHeaders,
)
from costward_extproc.core.fallback import chosen
from costward_extproc.core.headers import encoding_of, unencoded
from costward_extproc.core.identity import Caller
from costward_extproc.core.ledger import Granted, Refused, Reservation
from costward_extproc.core.states import Arriving, Finished, Raising, Retrying, Step
from costward_extproc.core.tickets import Ticket, Turn, Verdict, spliced
from costward_extproc.dialects.registry import endpoint_of
from costward_extproc.dialects.strict_json import Unreadable


def on_headers(state: Arriving, event: RequestHeaders) -> Step:
    ticket = Ticket.of(event.ticket)
    if ticket is None:
        return Finished(), (LetGo(),)
    endpoint = endpoint_of("POST", ticket.path)
    policy = next((policy for policy in state.snapshot.policies if policy.ref == ticket.policy), None)
    if policy is None or endpoint is None or endpoint.dialect is None:
        return Finished(), (LetGo(),)
    tier = next((tier for tier in policy.tiers if tier.name == ticket.tier), policy.tiers[0])
    caller = Caller(state.workload, state.workload.namespace, tier)
    frame = Frame(
        ticket.id, event.at, state.snapshot, policy, caller, endpoint.dialect, event.headers, state.means, endpoint
    )
    # The chain's own mode asks for the body; an override of ours is not looked at there.
    return Retrying(Case(frame), ticket, event.failed), (ReadOn(),)


def on_body(state: Retrying, event: RequestBody) -> Step:
    name = chosen(state.ticket, state.failed)
    turn = state.ticket.second.turn(name)
    body = _body(state, turn, event) if turn is not None else None
    if turn is None or body is None:
        return Finished(), (GoUpstream("body", verdict=Verdict("same", state.failed).text()),)
    going = Raising(state.case, state.ticket, Verdict(name, state.failed), body)
    if not turn.amount:
        return _go(going)
    lease = event.at + state.case.means.lease_s
    return going, (Raise(Reservation(state.ticket.id, state.ticket.charges, turn.amount, turn.seen, lease)),)


def resume(state: Raising, event: Done) -> Step:
    """A cap that refuses is the end of it; a ledger that cannot say is what the caller's plan says about that."""
    match event.value:
        case Granted():
            return _go(state)
        case Refused():
            spent = event.value.standing.spent >= event.value.charge.cap.limit
            case = state.case.but(decision="refuse", reason="cap-spent" if spent else "cap-reserved")
            return _refuse(state, case, notices.capped(case, event.value.charge, event.value.standing))
        case _ if state.case.frame.caller.tier.on_ledger_failure == "Closed":
            case = state.case.but(decision="refuse", reason="ledger-unavailable")
            return _refuse(state, case, notices.ledger_down(case))
        case _:
            return _go(state)


def _go(state: Raising) -> Step:
    remove = unencoded(state.case.frame.headers)
    return Finished(), (GoUpstream("body", body=state.body, remove=remove, verdict=state.verdict.text()),)


def _refuse(state: Raising, case: Case, answer: Answer) -> Step:
    """The answer passes the exchange on its way back, which adds the headers that callers see of us."""
    verdict = Verdict("refused", state.verdict.first, case.reason)
    return Finished(), (Answer(answer.status, answer.headers, answer.body, answer.reason, verdict.text()),)


def _body(state: Retrying, turn: Turn, event: RequestBody) -> bytes | None:
    """None where this is not the body that the ticket was written for, or there is no time to read it."""
    sent = event.chunk
    if len(sent) != state.ticket.size:
        return None
    if turn.splices:
        return spliced(sent, turn.splices)
    if event.is_unread:
        return None
    return _renamed(state.case.frame, turn.model, sent)


def _renamed(frame: Frame, model: str, sent: bytes) -> bytes | None:
    dialect, policy = frame.dialect, frame.policy
    if all(rung.model != model for rung in policy.models):
        # The policy was changed meanwhile, and this model is no longer its own.
        return None
    try:
        plain = arrival.plain(sent, encoding_of(frame.headers))
        return dialect.rewrite(dialect.read_request(plain), model, False)
    except Unreadable:
        return None
