"""Which policies apply to one pod's calls and why: GEP-713's precedence and merge, by the operator's own compiler.

Pure: objects as the API server has them -> what governs, and a reason for every policy that could.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from costward_contract.attachment import (
    CLUSTER,
    Facts,
    covers,
    precedence,
    shown,
    target,
    targets_of,
    targets_of_platform,
    without_section,
)
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.compiler import Verdict, compile_policies
from costward_contract.parse import KINDS, AnyPolicy, parse_object
from costward_contract.policy import CostPolicy
from costward_contract.snapshot import Snapshot, Target
from costward_extproc.core.identity import Workload, governing

from costward_cli.cluster.ports import Obj

Role = Literal["governs", "overrides", "defaults", "later", "elsewhere", "refused"]
"""governs: this one. overrides: replaces parts of a team's policy here. defaults: reaches its namespace and stands
behind what a team says. later: would govern if those before it were gone. elsewhere: not for this pod. refused: not
in force at all."""

_Verdicts: TypeAlias = Mapping[tuple[str, str], Verdict]
"""By kind and name."""

_ORDER: tuple[Role, ...] = ("governs", "overrides", "defaults", "later", "elsewhere", "refused")


@dataclass(frozen=True, slots=True)
class Applies:
    kind: str
    ref: str
    role: Role
    why: str


@dataclass(frozen=True, slots=True)
class Applying:
    workload: Workload
    snapshot: Snapshot
    """Compiled of what can be taken."""
    policies: tuple[Applies, ...]
    """The one that governs first, then in the order in which they count."""


def workload_of(pod: Obj, cluster: str) -> Workload:
    """Whom the data plane will see: the pod's namespace and service account. `cluster`: its `clusterName`."""
    return Workload(cluster, pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName") or "default")


def applying(workload: Workload, objects: Iterable[Obj]) -> Applying:
    """`objects`: the CostPolicies of the workload's namespace and every ClusterCostPolicy."""
    read: list[AnyPolicy] = []
    refused: list[Applies] = []
    for one in objects:
        policy = _read(one)
        if isinstance(policy, Applies):
            refused.append(policy)
        else:
            read.append(policy)
    teams = [one for one in read if isinstance(one, CostPolicy) and one.metadata.namespace == workload.namespace]
    platform = [one for one in read if isinstance(one, ClusterCostPolicy)]
    snapshot, verdicts = compile_policies(teams, platform, _facts(workload, teams, platform))
    of: _Verdicts = {(str(verdict.kind), verdict.ref): verdict for verdict in verdicts}
    winner = governing(snapshot, workload)
    told = list(_teams(workload, teams, of, winner.ref if winner else ""))
    alone = not any(one.role == "governs" for one in told)
    told += _platforms(workload, platform, of, _overridden(workload, teams, of), alone)
    order = sorted([*told, *refused], key=lambda one: _ORDER.index(one.role))
    return Applying(workload, snapshot, tuple(order))


def _read(one: Obj) -> AnyPolicy | Applies:
    body = {key: value for key, value in one.items() if key != "status"}
    parsed = parse_object(body, kinds=KINDS)
    found: list[AnyPolicy] = [*parsed.policies, *parsed.cluster_policies]
    if found:
        return found[0]
    metadata = one["metadata"]
    ref = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
    return Applies(one["kind"], ref, "refused", "; ".join(map(str, parsed.problems)))


def _facts(workload: Workload, teams: Sequence[CostPolicy], platform: Sequence[ClusterCostPolicy]) -> Facts:
    """What policies name counts as there: whether it is, their status tells."""
    named = [to for policy in teams for to in targets_of(policy)]
    named += [to for policy in platform for to in targets_of_platform(policy) if to != CLUSTER]
    there: dict[Target, frozenset[str]] = {target("Namespace", "", workload.namespace): frozenset()}
    for to in named:
        whole = without_section(to)
        there[whole] = there.get(whole, frozenset()) | ({to.section} if to.section else frozenset())
    return Facts(there)


def _teams(workload: Workload, teams: Sequence[CostPolicy], of: _Verdicts, winner: str) -> Iterator[Applies]:
    ordered = sorted(teams, key=precedence)
    first = next((policy for policy in ordered if policy.ref == winner), None)
    for policy in ordered:
        verdict = of["CostPolicy", policy.ref]
        role: Role
        accounts = policy.spec.workloads.service_accounts
        if not verdict.accepted:
            role, why = "refused", verdict.message
        elif not any(to.kind == "Namespace" for to in targets_of(policy)):
            places = ", ".join(map(shown, targets_of(policy)))
            role, why = "elsewhere", f"it is for what goes to {places}, whoever calls"
        elif accounts and workload.service_account not in accounts:
            role, why = "elsewhere", f"it is for service accounts {', '.join(accounts)}, not {workload.service_account}"
        elif policy is first:
            role, why = "governs", _selects(workload, accounts)
        else:
            role, why = "later", _before(first, policy)
        yield Applies("CostPolicy", policy.ref, role, why)


def _selects(workload: Workload, accounts: Sequence[str]) -> str:
    whom = f"service account {workload.service_account}" if accounts else "every service account"
    return f"the first that is for {whom} of namespace {workload.namespace}"


def _before(first: CostPolicy | None, policy: CostPolicy) -> str:
    if first is None:
        return "nothing of it reaches the namespace"
    one, other = precedence(first), precedence(policy)
    if one[0] != other[0]:
        return f"{first.ref} goes before it: priority {first.spec.priority}, this one {policy.spec.priority}"
    if one[1:3] != other[1:3]:
        return f"{first.ref} goes before it: the priority is the same, and it is older"
    return f"{first.ref} goes before it: priority and age are the same, and its name comes first"


def _overridden(workload: Workload, teams: Iterable[CostPolicy], of: _Verdicts) -> Mapping[str, list[str]]:
    """By platform policy: the team's policies of which it replaces parts for calls from this namespace."""
    here = target("Namespace", "", workload.namespace)
    found: dict[str, list[str]] = {}
    for policy in teams:
        for ancestor in of["CostPolicy", policy.ref].ancestors:
            for ref in ancestor.overridden_by if ancestor.target == here else ():
                found.setdefault(ref, []).append(policy.ref)
    return found


def _platforms(
    workload: Workload,
    platform: Sequence[ClusterCostPolicy],
    of: _Verdicts,
    overridden: Mapping[str, list[str]],
    alone: bool,
) -> Iterator[Applies]:
    """`alone`: no team's policy governs."""
    here = target("Namespace", "", workload.namespace)
    for policy in sorted(platform, key=precedence):
        verdict = of["ClusterCostPolicy", policy.ref]
        reached = [to for to in targets_of_platform(policy) if covers(to, here)]
        parts = " and ".join(name for name in ("defaults", "overrides") if getattr(policy.spec, name) is not None)
        role: Role
        if not verdict.accepted:
            role, why = "refused", verdict.message
        elif not reached:
            role, why = "elsewhere", f"it is for {', '.join(map(shown, targets_of_platform(policy)))}"
        elif policy.ref in overridden:
            teams = ", ".join(sorted(overridden[policy.ref]))
            role, why = "overrides", f"it reaches {shown(reached[0])} and replaces parts of {teams}"
        elif alone:
            role, why = (
                "governs",
                f"it reaches {shown(reached[0])} by its {parts}, and no team's policy governs this pod",
            )
        else:
            role, why = "defaults", f"it reaches {shown(reached[0])} by its {parts}, and replaces no team's words"
        yield Applies("ClusterCostPolicy", policy.ref, role, why)
