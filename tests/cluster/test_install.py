"""The chart on a real API server: pods pass admission, the operator needs each right and no other, policies stay."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.audit import Asked, asked_by
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.process import Process, free_ports, says_ok, until

ROOT = Path(__file__).resolve().parents[2]
CHART = str(ROOT / "charts" / "costward")
VALUES = str(ROOT / "charts" / "costward" / "ci" / "secrets-values.yaml")
# As the CRDs are the cluster's, another test may have put them there.
INSTALL = ("install", "costward", CHART, "-f", VALUES, "--take-ownership")


@pytest.fixture
def installed(api: Api) -> Iterator[Api]:
    api.kubectl("label", "namespace", api.namespace, "pod-security.kubernetes.io/enforce=restricted")
    api.helm(*INSTALL)
    yield api
    if "costward" in api.helm("list", "-q"):
        api.helm("uninstall", "costward")


def test_pod_security_restricted_admits_every_pod_template(installed: Api) -> None:
    for component in ("operator", "extproc"):
        template: dict[str, Any] = installed.get("deployment", f"costward-{component}")["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {"name": component, "labels": template["metadata"]["labels"]}

        assert installed.create(pod)["metadata"]["name"] == component


def test_an_upgrade_changes_and_an_uninstall_keeps_policies(installed: Api) -> None:
    installed.apply(_policy(installed.namespace))
    installed.helm("upgrade", "costward", CHART, "-f", VALUES, "--set", "operator.replicas=3")
    assert installed.get("deployment", "costward-operator")["spec"]["replicas"] == 3

    installed.helm("uninstall", "costward")

    assert installed.get("costpolicy", "six-line")["spec"]["owner"] == {"team": "support"}
    assert installed.get("persistentvolumeclaim", "costward-extproc")


def test_the_operator_needs_its_rights_and_no_others(
    installed: Api, control_plane: ControlPlane, tmp_path: Path, shown: list[Process]
) -> None:
    installed.apply(_policy(installed.namespace))
    token = tmp_path / "token"
    token.write_text(installed.token_for("costward-operator"))
    operator = _operator(installed, token, tmp_path)
    shown.append(operator)
    user = f"system:serviceaccount:{installed.namespace}:costward-operator"
    wanted = {
        *((verb, f"{kind}policies") for verb in ("list", "watch") for kind in ("cost", "clustercost")),
        ("patch", "costpolicies/status"),
        ("create", "events"),
        ("get", "leases"),
        ("create", "leases"),
        ("update", "leases"),
        ("get", "configmaps"),
        ("patch", "configmaps"),
    }
    operator.start()
    try:
        until(
            lambda: wanted <= {(one.verb, one.resource) for one in asked_by(control_plane.audit_log, user)},
            "every right used",
            show=lambda: str(wanted - {(one.verb, one.resource) for one in asked_by(control_plane.audit_log, user)}),
        )
    finally:
        operator.stop()
        shown.remove(operator)

    assert _denied(asked_by(control_plane.audit_log, user)) == []


@pytest.mark.parametrize(
    "words",
    [
        ("get", "secrets"),
        ("delete", "configmap", "kube-root-ca.crt"),
        ("delete", "costpolicy", "six-line"),
        ("get", "pods"),
        ("delete", "lease", "costward-operator"),
    ],
    ids=" ".join,
)
def test_one_step_beyond_is_refused(installed: Api, words: tuple[str, ...]) -> None:
    operator = installed.as_token(installed.token_for("costward-operator"))
    with pytest.raises(CallError, match="forbidden"):
        operator.kubectl(*words)


def _policy(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": "six-line", "namespace": namespace},
        "spec": {"owner": {"team": "support"}},
    }


def _operator(api: Api, token: Path, folder: Path) -> Process:
    (port,) = free_ports(1)
    settings = {
        "COSTWARD_KUBE_SERVER": api.url,
        "COSTWARD_KUBE_TOKEN_FILE": str(token),
        "COSTWARD_KUBE_CA_FILE": str(api.ca),
        "COSTWARD_NAMESPACE": api.namespace,
        "COSTWARD_ADMIN_LISTEN": f"127.0.0.1:{port}",
        "COSTWARD_DELIVERY_LISTEN": "off",
        "COSTWARD_SETTLE_SECONDS": "1",
    }
    return Process(
        "operator",
        (sys.executable, "-m", "costward_operator"),
        folder / "operator.log",
        lambda: says_ok(f"http://127.0.0.1:{port}/health"),
        {**os.environ, **settings},
    )


def _denied(asked: Iterator[Asked]) -> list[Asked]:
    return [one for one in asked if one.decision == "forbid"]


def test_a_team_edits_its_own_policies_and_not_the_platforms(installed: Api) -> None:
    installed.kubectl("create", "serviceaccount", "developer")
    account = f"{installed.namespace}:developer"
    installed.kubectl("create", "rolebinding", "developer", "--clusterrole=edit", f"--serviceaccount={account}")
    developer = installed.as_token(installed.token_for("developer"))
    until(lambda: _may(developer, "create", "costpolicies"), "the role aggregated")

    developer.apply(_policy(installed.namespace))

    assert not _may(developer, "create", "clustercostpolicies")
    assert not _may(developer, "patch", "costpolicies", "--subresource=status")


def _may(api: Api, *words: str) -> bool:
    try:
        return api.kubectl("auth", "can-i", *words).strip() == "yes"
    except CallError:
        return False
