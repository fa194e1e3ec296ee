"""An exchange that there is no time to decide: passed unmetered or refused, as the policy fails, and always told."""

from __future__ import annotations

from costward_extproc.core import notices
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.events import Answer, LetGo, Write
from costward_extproc.core.recording import record_of
from costward_extproc.core.relief import OVERLOADED
from costward_extproc.core.states import Answered, Finished, Step

_STATUS = 503

_RETRY_S = 1
"""A queue of some hundred requests is gone in less than a second, once nothing is added to it."""


def undecided(frame: Frame, at: float) -> Step:
    """By the headers alone: reading the body is most of the work."""
    case = Case(frame, reason=OVERLOADED, decided_at=at).warned(OVERLOADED)
    if frame.policy.failure_policy == "Open":
        return Finished(), (LetGo(), Write(record_of(case, at, end="complete")))
    case = case.but(decision="refuse")
    return Answered(case, _STATUS), (_refusal(case),)


def _refusal(case: Case) -> Answer:
    text = "More requests are waiting than can be checked in time, and this policy lets none go unchecked. Try again."
    details = {"policy": case.policy.ref, "owner": case.policy.owner.team}
    rendered = case.frame.dialect.render_error(text, "server_error", OVERLOADED, details, case.frame.id)
    headers = (("content-type", rendered.content_type), ("retry-after", str(_RETRY_S)), *notices.common(case, None))
    return Answer(_STATUS, headers, rendered.body, case.reason)
