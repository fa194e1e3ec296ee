"""The control plane is the real one, of the pinned version, and its controllers work."""

from __future__ import annotations

import json

from tests.cluster.bench.api import Api
from tests.cluster.bench.process import until
from tools.cluster_parts import kubernetes_version


def test_the_server_is_of_the_pinned_version(api: Api) -> None:
    told = json.loads(api.kubectl("version", "-o", "json"))

    assert told["serverVersion"]["gitVersion"] == kubernetes_version()


def test_controllers_collect_what_nobody_owns_any_more(api: Api) -> None:
    api.kubectl("create", "configmap", "owner")
    owner = api.get("configmap", "owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [reference]}})

    api.kubectl("delete", "configmap", "owner")

    until(lambda: "owned" not in api.kubectl("get", "configmaps", "-o", "name"), "owned is collected", seconds=30)
