"""What a caller sees of us: response headers, and the answers that we give in place of the provider."""

from __future__ import annotations

from costward_contract.snapshot import LadderStep

from costward_extproc.cache.entries import Entry
from costward_extproc.core import caps
from costward_extproc.core.case import Case
from costward_extproc.core.events import Answer
from costward_extproc.core.ledger import Charge, Standing

_RESERVED_RETRY_S = 1
"""Seconds until a caller whose cap is merely held by running requests should try again: about one short answer."""

_Headers = tuple[tuple[str, str], ...]


def common(case: Case, model: str | None) -> _Headers:
    """The `x-costward-*` headers of every answer."""
    headers = [
        ("x-costward-decision", case.decision),
        ("x-costward-policy", case.policy.ref),
        ("x-costward-reason", case.reason),
        ("x-costward-request-id", case.frame.id),
    ]
    if model is not None:
        headers.append(("x-costward-model", _header_safe(model)))
    if case.reached is not None and case.reached.step is not None:
        headers.append(("x-costward-cap", _cap(case.reached.charge, case.reached.standing)))
    return tuple(headers)


def hit(case: Case, entry: Entry, at: float) -> Answer:
    """A stored answer, in the caller's dialect, streamed if it asked for a stream."""
    assert case.asked is not None
    rendered = case.frame.dialect.render_answer(entry.answer, case.asked, case.frame.id, int(at))
    age = max(int(at - entry.created_at), 0)
    detail = case.decision.removeprefix("hit-")
    headers = (
        ("content-type", rendered.content_type),
        ("age", str(age)),
        ("cache-status", f"costward; hit; ttl={max(int(entry.expires_at - at), 0)}; detail={detail}"),
        *common(case, entry.model),
        ("x-costward-cost-usd", caps.usd(0)),
        ("x-costward-saved-usd", caps.usd(entry.cost)),
    )
    return Answer(200, headers, rendered.body, case.reason)


def capped(case: Case, charge: Charge, standing: Standing) -> Answer:
    """The owner's message. A spent cap says when it resets and that no retry helps before; one that is only held by
    running requests asks for a retry soon."""
    spent = standing.spent >= charge.cap.limit or _message_step(case) is not None
    text = caps.message(_text(case, spent), case.policy, case.frame.caller.tier.name, charge, standing)
    headers = _capped_headers(case, charge, spent)
    step = _message_step(case)
    dialect = case.frame.dialect
    if step is not None and step.deliver == "Answer" and case.asked is not None:
        words = dialect.render_text(text, case.asked, case.frame.id, int(case.frame.at))
        if words is not None:
            return Answer(200, (("content-type", words.content_type), *headers), words.body, case.reason)
    code = "budget_exceeded" if spent else "budget_reserved"
    rendered = dialect.render_error(text, "insufficient_quota", code, _details(case, charge, standing), case.frame.id)
    return Answer(429, (("content-type", rendered.content_type), *headers), rendered.body, case.reason)


def unread(case: Case, charge: Charge, standing: Standing) -> Answer:
    """A body that cannot be read came to a step that would have put another model in. A retry of the same bytes helps
    only once the window ends."""
    rung = case.step.rung if case.step is not None else None
    text = (
        f"The {charge.cap.id} limit of ${caps.usd(charge.cap.limit)} (${caps.usd(standing.spent)} spent) has reached "
        f"the step from which requests go to {rung}. This request's body cannot be read ({case.unreadable}), so that "
        "cannot be done for it. Send one JSON object as application/json, within the size that is read."
    )
    details = {**_details(case, charge, standing), "unreadable": case.unreadable}
    code = "budget_unreadable"
    rendered = case.frame.dialect.render_error(text, "insufficient_quota", code, details, case.frame.id)
    headers = (("content-type", rendered.content_type), *_capped_headers(case, charge, spent=True))
    return Answer(429, headers, rendered.body, case.reason)


def _details(case: Case, charge: Charge, standing: Standing) -> dict[str, object]:
    return {
        "cap": charge.cap.id,
        "policy": case.policy.ref,
        "owner": case.policy.owner.team,
        "contact": case.policy.owner.contact,
        "spentUSD": caps.usd(standing.spent),
        "reservedUSD": caps.usd(standing.reserved),
        "limitUSD": caps.usd(charge.cap.limit),
        "resetsAt": caps.instant(charge.resets_at),
    }


def ledger_down(case: Case) -> Answer:
    """The tier fails closed and the ledger cannot say where the caller stands."""
    text = "Spending cannot be checked right now and this plan does not go on unchecked. Try again in a moment."
    details = {"policy": case.policy.ref, "owner": case.policy.owner.team}
    rendered = case.frame.dialect.render_error(text, "server_error", "ledger_unavailable", details, case.frame.id)
    headers = (("content-type", rendered.content_type), ("retry-after", str(_RESERVED_RETRY_S)), *common(case, None))
    return Answer(503, headers, rendered.body, case.reason)


def _capped_headers(case: Case, charge: Charge, spent: bool) -> _Headers:
    headers = [*common(case, None), ("x-costward-cost-usd", caps.usd(0))]
    if not spent:
        return (*headers, ("retry-after", str(_RESERVED_RETRY_S)))
    headers.append(("x-should-retry", "false"))
    if charge.resets_at is not None:
        headers.append(("retry-after", str(max(int(charge.resets_at - case.frame.at) + 1, 1))))
    return tuple(headers)


def _message_step(case: Case) -> LadderStep | None:
    step = case.step
    return step if step is not None and step.action == "Message" else None


def _text(case: Case, spent: bool) -> str:
    if not spent:
        return caps.RESERVED_TEXT
    # The words written for the end of the ladder hold wherever the ladder ends, also by a refused reservation.
    steps = [step for step in case.frame.caller.tier.ladder if step.action == "Message" and step.text]
    return steps[-1].text or caps.DEFAULT_TEXT if steps else caps.DEFAULT_TEXT


def _cap(charge: Charge, standing: Standing) -> str:
    resets = caps.instant(charge.resets_at)
    return f"{charge.cap.id}; spent={caps.usd(standing.spent)}; limit={caps.usd(charge.cap.limit)}; resets={resets}"


def _header_safe(value: str) -> str:
    """Model names are the caller's text: nothing in them may end a header or leave ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in value)[:128]
