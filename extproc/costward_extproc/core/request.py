"""From a request's body to its decision: read once, consult caps and cache, then answer it or send it on."""

from __future__ import annotations

from costward_contract.snapshot import LadderStep

from costward_extproc.cache.entries import Embedding as Embedded
from costward_extproc.cache.entries import Entry
from costward_extproc.core import arrival, caps, fallback, lookup, notices, settling, spending
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.decide import Features, plan
from costward_extproc.core.events import (
    Answer,
    Done,
    Embed,
    Failure,
    FindExact,
    FindNear,
    GoUpstream,
    Reserve,
    Result,
    Settle,
    Stand,
)
from costward_extproc.core.evolve import evolve
from costward_extproc.core.headers import hop_headers, unencoded
from costward_extproc.core.ledger import Charge, Granted, Position, Refused, Settlement, Standing
from costward_extproc.core.record import CacheNote
from costward_extproc.core.relief import OVERLOADED
from costward_extproc.core.states import (
    Answered,
    Consulting,
    Embedding,
    Reserving,
    Searching,
    State,
    Step,
    Upstream,
)

NEIGHBOURS = 4
"""Neighbours asked for: the nearest may be vetoed where the second, a true paraphrase, is not."""

_HARMLESS = ("empty-body", OVERLOADED)
"""Bodies that pass unread also where a step puts another model in: no provider answers one that is empty, and that
there was no time to read one is no fault of its caller's."""

NEAR_MISS = 0.8
"""Similarity from which a neighbour's score is written down though the threshold is higher: what a person who tunes
the threshold would look at. Most texts of one partition are less alike."""


def consult(frame: Frame, body: bytes, at: float) -> Step:
    """Read the body and ask where the caps stand and whether the answer is known by the same words."""
    return _ask(arrival.read(frame, body), at)


def consult_unread(frame: Frame, length: int, at: float) -> Step:
    """A request whose body is not read, because there is none or because its declared length is over the route's
    limit: it passes as it is, and is held to its caps by its size."""
    reason = "body-too-large" if length else "empty-body"
    return _ask(arrival.unreadable(frame, reason, length).but(by_headers=True), at)


def consult_unasked(frame: Frame, length: int, at: float) -> Step:
    """A request whose body is not asked for, because too many bytes of others are: by its headers, as one that is over
    the limit. `length`: declared, or what such bodies have of late."""
    return _ask(arrival.unreadable(frame, OVERLOADED, length).but(by_headers=True).warned(OVERLOADED), at)


def consult_in_passing(frame: Frame, size: int, at: float) -> Step:
    """A request whose body came and is not read, because too many bytes wait to be: it passes as it is, and is held to
    its caps by its size. Unmetered it would let a burst of large bodies around them."""
    return _ask(arrival.unreadable(frame, OVERLOADED, size).warned(OVERLOADED), at)


def _ask(case: Case, at: float) -> Step:
    slot, note = lookup.slot_of(case)
    if case.frame.relief:
        case = case.warned(OVERLOADED)
    case = case.but(charges=caps.charges(case.policy, case.frame.caller, at), slot=slot, cache=note)
    asks: list[Stand | FindExact] = []
    if case.charges:
        asks.append(Stand(case.charges, spending.output_key(case)))
    if slot is not None and slot.lookup:
        asks.append(FindExact(slot.partition, slot.key))
    if not asks:
        return _judge(case, {}, at)
    return Consulting(case, frozenset(ask.op for ask in asks)), tuple(asks)


def resume(state: State, event: Done) -> Step:
    """The result of an operation. One that comes too late, after the exchange moved on, changes nothing."""
    match state, event.op:
        case Consulting(), op if op in state.waiting:
            waiting = state.waiting - {op}
            results = (*state.results, (op, event.value))
            if waiting:
                return Consulting(state.case, waiting, results), ()
            return _judge(state.case, dict(results), event.at)
        case Embedding(), "embed":
            return _with_vector(state.case, event.value, event.at)
        case Searching(), "near":
            return _with_neighbours(state.case, event.value, event.at)
        case Reserving(), "reserve":
            return _with_reservation(state.case, event.value, event.at)
        case _:
            return state, ()


def _judge(case: Case, results: dict[str, Result], at: float) -> Step:
    """Caps first, then the plan, then the answer that is known by the same words."""
    position, entry = results.get("stand"), results.get("exact")
    ladder = case.frame.caller.tier.ladder
    if isinstance(position, Position):
        case = case.but(position=position, reached=caps.reached(ladder, case.charges, position.standings))
    elif case.charges:
        case = case.warned("ledger-unavailable")
        if _fails_closed(case):
            return _ledger_down(case, at)
    step = case.step
    if case.reached is not None and step is not None and step.action == "Message":
        return _refuse(case, case.reached.charge, case.reached.standing, "cap-spent", at)
    if case.reached is not None and _evades(case):
        answer = notices.unread(case, case.reached.charge, case.reached.standing)
        return _answered(case.but(decision="refuse", reason="cap-unreadable", decided_at=at), answer)
    case = _planned(case, step)
    if isinstance(entry, Failure):
        return _reserve(_cache_down(case, entry), at)
    if isinstance(entry, Entry) and lookup.serves(case, entry, at):
        return _hit(case, entry, None, at)
    return _look_by_meaning(case, at)


def _evades(case: Case) -> bool:
    """Whether a step would put another model in, and cannot, because nobody can read the body: sent as it came, it
    would be the way around the step."""
    step = case.step
    puts_model = step is not None and step.action == "UseModel"
    return puts_model and case.unreadable is not None and case.unreadable not in _HARMLESS


def _planned(case: Case, step: LadderStep | None) -> Case:
    asked = case.asked
    if asked is None:
        return case
    features = Features(case.frame.headers.get("x-costward-task-type"), asked.agent_turn, case.tokens)
    free = plan(case.policy, asked.model, features, step, case.route_off)
    if asked.pinned is None:
        return case.but(plan=free)
    held = plan(case.policy, asked.model, features, None, route_off=True)
    case = case.but(plan=held)
    return case if held.model == free.model else case.warned(f"pinned-{asked.pinned}")


def _look_by_meaning(case: Case, at: float) -> Step:
    if case.slot is None or not case.slot.semantic or case.asked is None or case.asked.last_user_text is None:
        return _reserve(case, at)
    return Embedding(case), (Embed(case.asked.last_user_text),)


def _with_vector(case: Case, value: Result, at: float) -> Step:
    if not isinstance(value, Embedded):
        return _reserve(_cache_down(case, value), at)
    if value.truncated:
        return _reserve(case.but(cache=evolve(case.cache, reason="long-text")), at)
    case = case.but(vector=value.vector)
    semantic = case.policy.cache.semantic
    if case.slot is None or not case.slot.lookup or semantic is None:
        return _reserve(case, at)
    at_least = min(semantic.cosine, NEAR_MISS)
    return Searching(case), (FindNear(case.slot.partition, value.vector, NEIGHBOURS, at_least),)


def _with_neighbours(case: Case, value: Result, at: float) -> Step:
    semantic, asked = case.policy.cache.semantic, case.asked
    if not isinstance(value, tuple) or semantic is None or asked is None:
        return _reserve(_cache_down(case, value), at)
    case = case.but(neighbour_scores=tuple(round(neighbour.score, 4) for neighbour in value))
    neighbour, note = lookup.best(case, asked, semantic, value, at)
    if neighbour is None:
        return _reserve(case.but(cache=note), at)
    return _hit(case, neighbour.entry, neighbour.score, at)


def _hit(case: Case, entry: Entry, score: float | None, at: float) -> Step:
    """Serve it where the policy enforces; where it observes, say so and go on as on a miss."""
    case = case.but(cache=lookup.found(case, entry, score))
    if case.cache.outcome != "hit":
        return _reserve(case, at)
    case = case.but(decision=f"hit-{case.cache.tier}", reason=f"cache-{case.cache.tier}", decided_at=at)
    return Answered(case, 200, entry), (notices.hit(case, entry, at),)


def _reserve(case: Case, at: float) -> Step:
    """Reserve the worst case of what is about to be called; without a standing there is nothing to reserve on."""
    case = spending.quoted(case)
    if case.position is None or case.quote is None:
        return _send(case, at)
    reservation = spending.reservation(case, case.quote, at)
    case = case.but(reserved=reservation.amount, reservation=True)
    return Reserving(case), (Reserve(reservation),)


def _with_reservation(case: Case, value: Result, at: float) -> Step:
    match value:
        case Granted():
            return _send(case.warned("admitted-alone") if value.alone else case, at)
        case Refused():
            spent = value.standing.spent >= value.charge.cap.limit
            reason = "cap-spent" if spent else "cap-reserved"
            return _refuse(case.but(reserved=0, reservation=False), value.charge, value.standing, reason, at)
        case _ if _fails_closed(case):
            state, effects = _ledger_down(case.warned("ledger-unavailable"), at)
            # The reservation may have been committed after all: end it at nothing.
            return state, (*effects, Settle(Settlement(case.frame.id, settling.NOTHING)))
        case _:
            return _send(case.warned("ledger-unavailable"), at)


def _send(case: Case, at: float) -> Step:
    case = _named(case).but(decided_at=at)
    if case.by_headers:
        to_provider = GoUpstream(to="headers", remove=hop_headers(case.frame.headers))
    else:
        body = _rewritten(case)
        case, retry = fallback.arranged(case, body)
        wishes, ticket = (retry.headers, retry.ticket) if retry is not None else ((), "")
        remove = unencoded(case.frame.headers) if body is not None else ()
        to_provider = GoUpstream(to="body", body=body, remove=remove, add=wishes, ticket=ticket)
    # A stream may last minutes: the request's bytes and document are not kept for it.
    asked = case.asked and evolve(case.asked, body=b"", document={})
    return Upstream(case.but(asked=asked)), (to_provider,)


def _named(case: Case) -> Case:
    """The decision and its reason, as the caller sees them."""
    chosen, step = case.plan, case.step
    if chosen is None:
        return case
    if chosen.degraded:
        return case.but(decision="degrade", reason="cap-use-model")
    if chosen.rewrite:
        by_rule = chosen.route.rule if chosen.route.enforced else None
        return case.but(decision="route", reason=by_rule or "alias")
    if step is not None and step.action == "Warn":
        return case.but(reason="cap-warn")
    detail = f"-{case.cache.reason}" if case.cache.reason else ""
    return case.but(reason=f"cache-{case.cache.outcome}{detail}")


def _rewritten(case: Case) -> bytes | None:
    """The changed body; None where every byte stays."""
    if case.asked is None or case.plan is None:
        return None
    if not case.plan.rewrite and not case.asks_for_usage:
        return None
    model = case.plan.model if case.plan.rewrite else None
    return case.frame.dialect.rewrite(case.asked, model, case.asks_for_usage)


def _refuse(case: Case, charge: Charge, standing: Standing, reason: str, at: float) -> Step:
    case = case.but(decision="refuse", reason=reason, decided_at=at)
    return _answered(case, notices.capped(case, charge, standing))


def _ledger_down(case: Case, at: float) -> Step:
    case = case.but(decision="refuse", reason="ledger-unavailable", decided_at=at)
    return _answered(case, notices.ledger_down(case))


def _answered(case: Case, answer: Answer) -> Step:
    return Answered(case, answer.status), (answer,)


def _fails_closed(case: Case) -> bool:
    return case.frame.caller.tier.on_ledger_failure == "Closed"


def _cache_down(case: Case, value: Result) -> Case:
    """The cache cannot say: a miss that is told apart from a true one."""
    reason = value.reason if isinstance(value, Failure) else "wrong-result"
    partition = case.cache.partition
    return case.but(cache=CacheNote("unavailable", reason, partition=partition)).warned("cache-unavailable")
