"""When an exchange may go upstream once more, and in which form.

Envoy repeats it; here is decided whether it is asked to, and what a second attempt is: another rung after a failure
that the policy declares, or the request as it was sent after a 400 to one that we changed. All of it is settled before
the first attempt and travels with the exchange, because the second one may reach another worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from costward_contract.snapshot import FallbackPolicy, MicroUSD, Policy, Rung

from costward_extproc.core import spending
from costward_extproc.core.case import Case, quote_of
from costward_extproc.core.decide import Plan, permitted
from costward_extproc.core.evolve import evolve
from costward_extproc.core.money import Usage, cost
from costward_extproc.core.record import Attempt
from costward_extproc.core.tickets import Second, Splice, Ticket, Turn, TurnName, Verdict, difference
from costward_extproc.dialects.base import Asked

_ENOUGH = MicroUSD(0)
"""What is reserved will do."""

_RETRY_ON = "x-envoy-retry-on"
_STATUSES = "x-envoy-retriable-status-codes"
_FIRST_BYTE = "x-envoy-upstream-rq-per-try-timeout-ms"

BAD_REQUEST = 400
_RATE_LIMITED = 429
_TIMED_OUT = (408, 504)

_PERHAPS_CHARGED = (None, 504)
"""None: no answer at all. A provider that was too slow or was cut may have done the work; one that answered with
another error charges nothing."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What is asked of Envoy together with the first attempt."""

    headers: tuple[tuple[str, str], ...]
    ticket: str


def arranged(case: Case, sent: bytes | None) -> tuple[Case, Retry | None]:
    """`sent`: the body that goes upstream where it is not the caller's own. None: this exchange goes once."""
    asked, plan, declared = case.asked, case.plan, case.policy.routing.fallback
    if asked is None or plan is None:
        return case, None
    rung = _next_rung(case, asked, plan) if declared is not None else None
    as_sent = _as_sent(case, asked, plan, sent) if sent is not None else None
    if rung is None and as_sent is None:
        return case, None
    second = Second(next=_turn(case, rung.model, case.seen) if rung is not None else None, as_sent=as_sent)
    ticket = Ticket(
        id=case.frame.id,
        policy=case.policy.ref,
        tier=case.frame.caller.tier.name,
        path=case.frame.headers.get(":path", ""),
        size=case.body_bytes if sent is None else len(sent),
        charges=case.charges if second.raises else (),
        second=second,
    )
    headers = _wishes(declared if rung is not None else None, as_sent is not None)
    return case.but(second=second), Retry(headers, ticket.text())


def _wishes(declared: FallbackPolicy | None, as_sent: bool) -> tuple[tuple[str, str], ...]:
    after = declared.after if declared is not None else ()
    statuses = [BAD_REQUEST] if as_sent else []
    conditions = ["retriable-status-codes"]
    if "ServerError" in after:
        # Envoy's own word for every status from 500 and for connections that break before an answer begins.
        conditions.append("5xx")
    if "RateLimited" in after:
        statuses.append(_RATE_LIMITED)
    if declared is None or "Timeout" not in after:
        return _retry_headers(conditions, statuses)
    # To Envoy its own time-out of one attempt is a reset.
    conditions.append("reset")
    statuses.extend(_TIMED_OUT)
    return (*_retry_headers(conditions, statuses), (_FIRST_BYTE, str(declared.first_byte_s * 1000)))


def _retry_headers(conditions: list[str], statuses: list[int]) -> tuple[tuple[str, str], ...]:
    # How often is left out: once is what Envoy does then.
    headers = ((_RETRY_ON, ",".join(conditions)),)
    return (*headers, (_STATUSES, ",".join(map(str, statuses)))) if statuses else headers


def _next_rung(case: Case, asked: Asked, plan: Plan) -> Rung | None:
    if plan.degraded or asked.pinned is not None or case.route_off:
        return None
    return next_rung(case.policy, asked.model, plan)


def next_rung(policy: Policy, asked: str, plan: Plan) -> Rung | None:
    """The next rung up that a request for the model or alias `asked` may use, else the next one down."""
    rungs, _ = permitted(policy, asked)
    if plan.rung is None or plan.rung not in rungs or len(rungs) < 2:
        return None
    index = rungs.index(plan.rung)
    return rungs[index + 1] if index + 1 < len(rungs) else rungs[index - 1]


def _as_sent(case: Case, asked: Asked, plan: Plan, sent: bytes) -> Turn | None:
    """Back to the caller's own words. An alias means nothing to a provider, so it becomes what it stands for. The rung
    of a ladder's step stays: else whatever that model refuses would be a way to the dear one."""
    dialect = case.frame.dialect
    is_alias = any(alias.name == asked.model for alias in case.policy.aliases)
    between = dialect.rewrite(asked, plan.model, False) if plan.rewrite and case.asks_for_usage else sent
    if plan.degraded:
        model, target = plan.model, between
    else:
        model = plan.wanted if is_alias else asked.model
        target = dialect.rewrite(asked, model, False) if is_alias else asked.body
    splices = tuple(difference(old, new) for old, new in ((sent, between), (between, target)) if old != new)
    if not splices:
        return None
    if model == plan.model and case.reserved:
        # The first attempt cost nothing, and as much is reserved as this one may cost.
        return Turn(model, _ENOUGH, MicroUSD(case.seen), splices)
    return _turn(case, model, 0, splices)


def _turn(case: Case, model: str, failed: int, splices: tuple[Splice, ...] = ()) -> Turn:
    """`failed`: the most µ$ that the first attempt is charged."""
    quote = quote_of(case, model)
    worst = failed + spending.worst_case(case, quote)
    amount = MicroUSD(worst) if case.charges and worst > case.reserved else _ENOUGH
    return Turn(model, amount, MicroUSD(failed + cost(Usage(input=case.tokens), quote.rates)), splices)


def returned(case: Case, attempts: int, failed: int | None, verdict: Verdict | None) -> Case:
    """What is known when the answer begins. `attempts` and `failed` (the last status of 400 or above) are Envoy's,
    `verdict` is the second attempt's own, None where none of us saw it."""
    if attempts < 2 and verdict is None:
        return case
    # Where both failed, Envoy tells of the last one: what it did not let go on, the first did not either.
    first = verdict.first if verdict is not None else failed
    lost = case.seen if first in _PERHAPS_CHARGED else 0
    sent = case.plan.model if case.plan is not None else None
    case = case.but(failed=(Attempt(sent, first, lost),)).warned("second-attempt")
    if lost:
        case = case.warned("usage-estimated")
    return _taken(case, verdict) if verdict is not None else case


def _taken(case: Case, verdict: Verdict) -> Case:
    second, asked, plan = case.second, case.asked, case.plan
    if verdict.turn == "refused":
        return case.but(decision="refuse", reason=verdict.reason)
    turn = second.turn(verdict.turn) if second is not None else None
    if turn is None or asked is None or plan is None:
        return case
    if verdict.turn == "as-sent":
        # Its stream was not asked for usage, so none is taken out.
        case = case.but(asked=evolve(asked, include_usage=True))
    rewritten = turn.model != asked.model
    rung = next((rung for rung in case.policy.models if rung.model == turn.model), None)
    return case.but(
        plan=replace(plan, model=turn.model, rung=rung, rewrite=rewritten),
        quote=quote_of(case, turn.model),
        decision="degrade" if plan.degraded else "route" if rewritten else "pass",
        reason="fallback" if verdict.turn == "next" else "as-sent",
        reserved=max(case.reserved, turn.amount),
    )


def lost(case: Case) -> int:
    """µ$ of attempts that gave no answer."""
    return sum(attempt.cost for attempt in case.failed)


def chosen(ticket: Ticket, failed: int | None) -> TurnName:
    """Which turn a second attempt takes after an answer with status `failed`, or after none."""
    if ticket.second.as_sent is not None and (failed == BAD_REQUEST or ticket.second.next is None):
        return "as-sent"
    return "next" if ticket.second.next is not None else "same"
