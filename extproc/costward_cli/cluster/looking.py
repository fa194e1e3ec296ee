"""Looks at a cluster for `costward doctor --cluster`. What may not be looked at is a finding, never an end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from costward_contract.crd import crds
from costward_contract.versions import Supported

from costward_cli.cluster import findings, wired
from costward_cli.cluster.findings import Finding
from costward_cli.cluster.kinds import ACCESS_REVIEW, CRD, DEPLOYMENT, ENVOY_FILTER, POD, SUBJECT_REVIEW
from costward_cli.cluster.ports import Cluster, Obj
from costward_cli.cluster.rights import OPERATORS, YOURS, Right, attributes
from costward_cli.problems import CliError

Rows = Mapping[str, Supported]


def all_findings(cluster: Cluster, namespace: str, rows: Rows) -> list[Finding]:
    """`namespace`: of Costward. Raises CliError where the API server does not answer at all."""
    found = [findings.version_finding(rows["kubernetes"], cluster.version(), "API server")]
    looks: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("CRD", lambda: findings.crd_findings(_crds(cluster))),
        ("rights", lambda: _your_rights(cluster, namespace)),
        ("deployments", lambda: findings.deployment_findings(_ours(cluster, namespace), namespace)),
        ("rights", lambda: _operators_rights(cluster, namespace)),
        ("wiring", lambda: wired.wiring_findings(cluster.items(ENVOY_FILTER))),
        ("Istio", lambda: wired.istiod_findings(rows["istio"], cluster.items(DEPLOYMENT))),
        ("proxies", lambda: wired.proxy_findings(rows["istio"], cluster.items(POD))),
    )
    for what, look in looks:
        found += _looked(what, look)
    return found


def _looked(what: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except CliError as error:
        return [Finding(what, "API server", "degraded", f"not looked at: {error.problem}", error.mend)]


def _crds(cluster: Cluster) -> dict[str, Obj | None]:
    names = [one["metadata"]["name"] for one in crds()]
    return {name: cluster.get(CRD, name) for name in names}


def _ours(cluster: Cluster, namespace: str) -> list[Obj]:
    deployments = cluster.items(DEPLOYMENT, namespace)
    return [
        one for one in deployments if one["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == "costward"
    ]


def _your_rights(cluster: Cluster, namespace: str) -> Iterable[Finding]:
    answers = {right: _may(cluster, right, namespace) for right in YOURS}
    return findings.right_findings("you", answers, "degraded", "ask for it, or use an account that has it")


def _operators_rights(cluster: Cluster, namespace: str) -> Iterable[Finding]:
    for one in _ours(cluster, namespace):
        if one["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "operator":
            account = one["spec"]["template"]["spec"].get("serviceAccountName", "default")
            answers = {right: _may(cluster, right, namespace, account) for right in OPERATORS}
            yield from findings.right_findings(
                f"{namespace}/{account}", answers, "missing", "upgrade the chart, which has the roles"
            )


def _may(cluster: Cluster, right: Right, namespace: str, account: str | None = None) -> bool:
    """Whether the API server allows it to `account`, a service account of `namespace`; by default to the asker."""
    spec: Obj = {"resourceAttributes": attributes(right, namespace)}
    kind = ACCESS_REVIEW
    if account is not None:
        kind = SUBJECT_REVIEW
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        spec |= {"user": f"system:serviceaccount:{namespace}:{account}", "groups": groups}
    answer = cluster.create(kind, {"apiVersion": kind.api_version, "kind": kind.kind, "spec": spec})
    return bool(answer["status"].get("allowed", False))
