"""What `costward doctor --cluster` tells of facts that were looked up. Pure: facts -> findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from costward_contract.crd import crds
from costward_contract.versions import Supported, standing

from costward_cli.cluster.ports import Obj
from costward_cli.cluster.rights import Right

State = Literal["ok", "degraded", "missing"]
"""missing: policies do not come into force. degraded: they do, with less, or something could not be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    where: str
    state: State
    found: str
    mend: str = ""


def crd_findings(found: Mapping[str, Obj | None]) -> Iterator[Finding]:
    """`found`: the CRDs of the cluster by name, None where there is none."""
    for wanted in crds():
        yield _crd(wanted, found.get(wanted["metadata"]["name"]))


def _crd(wanted: Obj, present: Obj | None) -> Finding:
    name = wanted["metadata"]["name"]
    upgrade = "upgrade the chart, with crds.enabled=true"
    if present is None:
        return Finding("CRD", name, "missing", "not installed", "install the chart, with crds.enabled=true")
    served = {one["name"]: one for one in present["spec"]["versions"] if one["served"]}
    (version,) = wanted["spec"]["versions"]
    if version["name"] not in served:
        return Finding(
            "CRD", name, "missing", f"serves {', '.join(served) or 'nothing'}, not {version['name']}", upgrade
        )
    lacking = sorted(_fields(version) - _fields(served[version["name"]]))
    if lacking:
        told = f"older than this command: lacks spec.{', spec.'.join(lacking)}"
        return Finding("CRD", name, "degraded", told, upgrade)
    stored = present.get("status", {}).get("storedVersions", [])
    return Finding("CRD", name, "ok", f"serves {', '.join(served)}, stores {', '.join(stored)}")


def _fields(version: Obj) -> set[str]:
    properties = version["schema"]["openAPIV3Schema"]["properties"]["spec"].get("properties", {})
    return set(properties)


def version_finding(row: Supported, version: str, where: str) -> Finding:
    """How a product's version stands to the table of docs/platform-teams.md."""
    shown = ", ".join(row.shown) or "none"
    match standing(row, version):
        case "shown":
            return Finding(row.name, where, "ok", f"{version}, as the tests run it")
        case "unshown":
            told = f"{version}: no test of Costward runs it (they run {shown})"
            return Finding(row.name, where, "degraded", told, "try it where nothing is at stake first")
        case "too-old":
            told = f"{version} is older than {row.lowest}: {row.why}"
            return Finding(row.name, where, "missing", told, f"upgrade {row.name} to {row.lowest} or later")
        case "unreadable":
            told = f"no version can be read from {version!r}"
            return Finding(row.name, where, "degraded", told, f"look at it yourself: {row.lowest} or later")


def right_findings(who: str, answers: Mapping[Right, bool], state: State, mend: str) -> Iterator[Finding]:
    """One for each right that is refused, or one for all. `state`: how bad a missing one is."""
    refused = [right for right, allowed in answers.items() if not allowed]
    for right in refused:
        yield Finding("right", who, state, f"may not {right.text}: needed for: {right.why}", mend)
    if not refused:
        yield Finding("rights", who, "ok", f"all {len(answers)} that are needed")


def deployment_findings(deployments: Iterable[Obj], namespace: str) -> Iterator[Finding]:
    """Of the operator and the shared data plane. `deployments`: those of the chart in Costward's namespace."""
    found = {_component(one): one for one in deployments}
    for component, state in (("operator", "missing"), ("extproc", "degraded")):
        if component not in found:
            told, mend = "not installed", f"helm install it, or name its --namespace (looked in {namespace})"
            yield Finding(component, namespace, "missing" if state == "missing" else "degraded", told, mend)
        else:
            yield _ready(component, found[component])


def _ready(component: str, one: Obj) -> Finding:
    wanted = one["spec"].get("replicas", 1)
    ready = one.get("status", {}).get("readyReplicas", 0)
    version = one["metadata"].get("labels", {}).get("app.kubernetes.io/version", "?")
    where = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
    told = f"version {version}, {ready} of {wanted} replicas ready"
    if ready >= wanted > 0:
        return Finding(component, where, "ok", told)
    mend = f"kubectl -n {one['metadata']['namespace']} describe deployment {one['metadata']['name']}"
    return Finding(component, where, "degraded" if ready else "missing", told, mend)


def _component(one: Obj) -> str:
    return str(one["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))
