"""Making the one record of an exchange from what is known of it."""

from __future__ import annotations

from costward_extproc.cache.entries import Entry
from costward_extproc.core import caps
from costward_extproc.core.case import NO_ROUTE, Case
from costward_extproc.core.evolve import evolve
from costward_extproc.core.fallback import lost
from costward_extproc.core.money import Quote, Usage
from costward_extproc.core.record import Attempt, End, Inputs, Record, Timings

LONGEST_NAME = 200
"""Characters of a name that a caller or a provider chose: longer than any real one, and a bound on what one request
can write into the books."""

_NO_USAGE = Usage()


def answered(case: Case, status: int, entry: Entry | None, at: float) -> Record:
    """Our own answer cost nothing; one from the cache saved what it had cost when it was made."""
    if entry is None:
        return record_of(case, at, end="complete", status=status)
    return record_of(case, at, end="complete", status=status, baseline=entry.cost, served=entry.model)


def record_of(
    case: Case,
    at: float,
    *,
    end: End,
    status: int | None = None,
    usage: Usage = _NO_USAGE,
    cost: int = 0,
    baseline: int = 0,
    served: str | None = None,
    quote: Quote | None = None,
    stored: bool = False,
    first_byte_at: float | None = None,
) -> Record:
    frame, asked = case.frame, case.asked
    standings = case.position.standings if case.position else ()
    went_upstream = case.decision in ("pass", "route", "degrade") and case.decided_at is not None
    sent = _name(case.plan.model) if case.plan else None
    return Record(
        id=frame.id,
        at=frame.at,
        cluster=frame.caller.workload.cluster,
        workload=str(frame.caller.workload),
        policy=case.policy.ref,
        generation=case.policy.generation,
        snapshot=frame.snapshot.hash,
        dialect=frame.endpoint.dialect.name if frame.endpoint.dialect else None,
        asked_model=_name(asked.model) if asked else None,
        served_model=_name(served),
        rung=case.plan.rung.name if case.plan and case.plan.rung else None,
        tenant=frame.caller.tenant,
        user=frame.caller.user,
        tier=frame.caller.tier.name,
        session=frame.caller.session,
        decision=case.decision,
        reason=case.reason,
        owner=case.policy.owner.team,
        task=_name(frame.headers.get("x-costward-task")),
        cache=evolve(case.cache, stored=stored) if stored else case.cache,
        route=case.plan.route if case.plan else NO_ROUTE,
        inputs=_inputs(case),
        caps=caps.notes(case.charges if standings else (), standings, case.step),
        attempts=(*case.failed, *((Attempt(sent, status, cost - lost(case)),) if went_upstream else ())),
        usage=usage,
        price_source=quote.source if quote else None,
        reserved=case.reserved,
        cost=cost,
        baseline=baseline,
        end=end,
        status=status,
        warnings=case.warnings,
        timings=Timings(
            decided=_ms(frame.at, case.decided_at),
            first_byte=_ms(frame.at, first_byte_at),
            ended=_ms(frame.at, at),
        ),
        endpoint=frame.endpoint.kind,
    )


def _inputs(case: Case) -> Inputs:
    asked = case.asked
    return Inputs(
        tokens=case.tokens,
        max_tokens=asked.max_output if asked else None,
        messages=asked.messages if asked else 0,
        tools=asked.tools if asked else 0,
        stream=asked.stream if asked else False,
        body_bytes=case.body_bytes,
        task_type=_name(case.frame.headers.get("x-costward-task-type")),
        exact_key=case.slot.key if case.slot else None,
        neighbour_scores=case.neighbour_scores,
    )


def _name(value: str | None) -> str | None:
    return None if value is None else value[:LONGEST_NAME]


def _ms(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)
