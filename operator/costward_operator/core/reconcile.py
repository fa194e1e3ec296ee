"""All policies that are known -> the snapshot, and every status that has to be written.

Level-triggered: the whole of it is worked out from the whole store each time, so that no lost event, restart or order
of events can leave something behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from costward_contract.compiler import Verdict, compile_policies
from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import Contents, Delivery, Published, contents
from costward_operator.core.objects import Seen
from costward_operator.core.status import Judgement, Refusal, StatusChange, status_change

_REFUSALS: Mapping[str, Refusal] = {
    "Invalid": "Invalid",
    "Conflict": "Conflicted",
    "Conflicted": "Conflicted",
    "TargetNotFound": "TargetNotFound",
}


@dataclass(frozen=True, slots=True)
class Compiled:
    snapshot: Snapshot
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    """By uid."""
    contents: Contents = field(default_factory=dict)


def compile_seen(objects: Sequence[Seen]) -> Compiled:
    """The same for the same objects in any order. A policy that cannot be read harms only itself."""
    readable = [seen.policy for seen in objects if seen.policy is not None]
    snapshot, verdicts = compile_policies(readable)
    held = contents(snapshot)
    # Two policies of one name cannot both be in a cluster, and the store holds one object a name.
    by_ref = {verdict.ref: verdict for verdict in verdicts}
    judged = {seen.uid: _judgement(seen, by_ref.get(seen.ref), held) for seen in objects}
    return Compiled(snapshot, judged, held)


def status_changes(
    objects: Sequence[Seen], compiled: Compiled, delivery: Delivery, published: Published, now: str
) -> tuple[StatusChange, ...]:
    """Of the objects that were compiled, those whose status is not what is true. `now`: RFC 3339."""
    changes = (
        status_change(seen, compiled.judgements[seen.uid], delivery, published, now)
        for seen in objects
        if seen.uid in compiled.judgements
    )
    return tuple(change for change in changes if change is not None)


def _judgement(seen: Seen, verdict: Verdict | None, held: Contents) -> Judgement:
    if seen.policy is None:
        return Judgement("Invalid", "; ".join(seen.problems) or "is no CostPolicy")
    if verdict is None:
        return Judgement("Invalid", "the compiler gave no verdict on it; please report this")
    if verdict.accepted:
        return Judgement(None, verdict.message, held.get(seen.ref, ""))
    return Judgement(_REFUSALS.get(verdict.reason, "Invalid"), verdict.message)
