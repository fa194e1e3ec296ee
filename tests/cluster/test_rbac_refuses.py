"""RBAC is in force: a service account may do what a role gives it and nothing beside, and the audit log tells both."""

from __future__ import annotations

import pytest

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.audit import asked_by
from tests.cluster.bench.control_plane import ControlPlane


@pytest.fixture
def reader(api: Api) -> Api:
    """The API as a service account that may only read ConfigMaps."""
    api.kubectl("create", "serviceaccount", "reader")
    api.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    account = f"{api.namespace}:reader"
    api.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={account}")
    return api.as_token(api.token_for("reader"))


def test_a_role_gives_what_it_says(reader: Api) -> None:
    assert "kube-root-ca.crt" in reader.kubectl("get", "configmaps", "-o", "name")


def test_what_no_role_gives_is_refused(reader: Api) -> None:
    with pytest.raises(CallError, match=r"secrets is forbidden"):
        reader.kubectl("get", "secrets")


def test_the_audit_log_tells_both(reader: Api, control_plane: ControlPlane) -> None:
    reader.kubectl("get", "configmaps")
    with pytest.raises(CallError):
        reader.kubectl("create", "configmap", "mine")

    user = f"system:serviceaccount:{reader.namespace}:reader"
    seen = {(one.verb, one.resource): one for one in asked_by(control_plane.audit_log, user)}

    assert seen["list", "configmaps"].decision == "allow"
    assert seen["create", "configmaps"].decision == "forbid"
    assert seen["create", "configmaps"].status == 403
