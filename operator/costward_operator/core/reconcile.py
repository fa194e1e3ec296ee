"""All policies that are known -> the snapshot, and every status that has to be written.

Level-triggered: the whole of it is worked out from the whole store each time, so that no lost event, restart or order
of events can leave something behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from costward_contract import snapshot as s
from costward_contract.attachment import AncestorVerdict, Facts
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.compiler import Verdict, compile_policies
from costward_contract.memory import Memory
from costward_contract.policy import CostPolicy
from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import Contents, Delivery, Digests, Published, contents, digest
from costward_operator.core.objects import Seen, Target
from costward_operator.core.shared import Shared
from costward_operator.core.status import At, Judgement, StatusChange, View, status_change, status_change_of, view_of


@dataclass(frozen=True, slots=True)
class Compiled:
    snapshot: Snapshot
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    """By uid."""
    contents: Contents = field(default_factory=dict)
    platform: Contents = field(default_factory=dict)
    """The part of the contents that is the platform's: in every scope's snapshot, as it shapes all policies."""


def compile_seen(
    objects: Sequence[Seen],
    facts: Facts | None = None,
    troubles: Mapping[s.Target, str] | None = None,
    memory: Memory | None = None,
    digests: Digests | None = None,
) -> Compiled:
    """The same for the same objects in any order. A policy that cannot be read harms only itself. `facts`: the targets
    that there are; None: namespaces only. `troubles`: why nothing comes through targets that are there.
    `memory`, `digests`: the caller's own, from one call to the next, so that one change among thousands is cheap."""
    readable = [seen.policy for seen in objects if seen.policy is not None]
    teams = [policy for policy in readable if isinstance(policy, CostPolicy)]
    platforms = [policy for policy in readable if isinstance(policy, ClusterCostPolicy)]
    snapshot, verdicts = compile_policies(teams, platforms, facts, memory)
    # One name of a kind holds one object, in a cluster and in the store.
    by_ref: dict[tuple[str, str], Verdict] = {(verdict.kind, verdict.ref): verdict for verdict in verdicts}
    platform = {policy.ref: digest(policy.spec.model_dump_json()) for policy in platforms}
    held = {**contents(snapshot, digests), **platform}
    judged = {seen.uid: _judgement(seen, by_ref.get((seen.kind, seen.ref)), held, troubles or {}) for seen in objects}
    return Compiled(snapshot, judged, held, platform)


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


@dataclass(slots=True)
class Statuses:
    """`status_changes` from one round to the next, where most objects are as they were: what is worked out from the
    same is not worked out again. Ten thousand statuses are written in as many rounds as one waits for."""

    _compiled: Compiled | None = None
    _delivery: Delivery | None = None
    _judged: dict[str, tuple[Seen, View]] = field(default_factory=dict)
    _wanted: dict[str, StatusChange] = field(default_factory=dict)
    """Both by uid."""

    def changes(
        self, objects: Sequence[Seen], compiled: Compiled, delivery: Delivery, published: Published, now: str
    ) -> tuple[StatusChange, ...]:
        """The same as `status_changes`; a change that was told before keeps its moment. `published` holds what was
        compiled, and what the delivery's data planes have: it says the same as long as those two are the same."""
        is_same = self._compiled is compiled and self._delivery == delivery
        self._compiled, self._delivery = compiled, delivery
        # Shared for one round at most: those of ten thousand policies that wait are nearly the same.
        shared = Shared()
        for seen in objects:
            before, view = self._judged.get(seen.uid, (None, None))
            # Objects are frozen, and replaced when they change.
            if seen is before and is_same:
                continue
            if seen.uid in compiled.judgements:
                anew = view_of(seen, compiled.judgements[seen.uid], delivery, published)
                if seen is not before or view != anew:
                    self._judge(seen, anew, now, shared)
        if len(self._judged) > len(objects):
            self._forget({seen.uid for seen in objects})
        return tuple(self._wanted.values())

    def _judge(self, seen: Seen, view: View, now: str, shared: Shared) -> None:
        self._judged[seen.uid] = (seen, view)
        change = status_change_of(seen, view, now)
        if change is None:
            self._wanted.pop(seen.uid, None)
        else:
            self._wanted[seen.uid] = replace(change, status=shared.one(change.status))

    def _forget(self, known: set[str]) -> None:
        """What is gone."""
        self._judged = {uid: judged for uid, judged in self._judged.items() if uid in known}
        self._wanted = {uid: change for uid, change in self._wanted.items() if uid in known}


def _judgement(seen: Seen, verdict: Verdict | None, held: Contents, troubles: Mapping[s.Target, str]) -> Judgement:
    if seen.policy is None:
        return Judgement("Invalid", "; ".join(seen.problems) or f"is no {seen.kind}")
    if verdict is None:
        return Judgement("Invalid", "the compiler gave no verdict on it; please report this")
    at = tuple(_at(one, troubles) for one in verdict.ancestors)
    if verdict.accepted:
        # Where others go before it at a target, the ancestors say so: it is in the snapshot, and counts once they go.
        return Judgement(None, verdict.message, held.get(seen.ref, ""), at)
    return Judgement(verdict.reason if verdict.reason != "Accepted" else "Invalid", verdict.message, at=at)


def _at(one: AncestorVerdict, troubles: Mapping[s.Target, str]) -> At:
    to = one.target
    target = Target(to.group, to.kind, to.name, to.namespace, to.section)
    return At(
        target,
        one.reason if one.reason != "Accepted" else None,
        one.message,
        troubles.get(s.Target(to.group, to.kind, to.namespace, to.name), ""),
    )
