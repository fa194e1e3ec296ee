"""The commands for platform teams on a real API server that has the chart: doctor, and how policies stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from costward_contract.wiring.catalogue import named
from costward_contract.wiring.istio import istio_objects
from costward_contract.wiring.mesh import MeshSpec

from tests.cluster.bench.api import Api
from tests.cluster.bench.mesh import Mesh
from tests.cluster.test_install import INSTALL


@pytest.fixture
def platform(api: Api) -> Iterator[Api]:
    api.helm(*INSTALL)
    yield api
    api.helm("uninstall", "costward")


def run(api: Api, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"KUBECONFIG": str(api.kubeconfig_for(api.token)), "HOME": str(api.folder), "PATH": os.defpath}
    command = [sys.executable, "-m", "costward_cli", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def doctor(api: Api) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit status, and the findings by what they are about."""
    done = run(api, "doctor", "--cluster", "-n", api.namespace, "--json")
    assert done.stdout, done.stderr
    by_what: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(done.stdout)["findings"]:
        by_what.setdefault(one["what"], []).append(one)
    return done.returncode, by_what


def test_the_doctor_tells_what_is_there_and_what_is_not(platform: Api, mesh: Mesh) -> None:
    status, found = doctor(platform)

    assert status == 1, "no wiring, and no kubelet that would start the operator"
    assert [one["state"] for one in found["CRD"]] == ["ok", "ok"], found["CRD"]
    assert [one["state"] for one in found["Kubernetes"]] == ["ok"]
    # Every right that the operator needs is in the chart's roles.
    assert {one["where"]: one["state"] for one in found["rights"]} == {
        "you": "ok",
        f"{platform.namespace}/costward-operator": "ok",
    }
    assert "0 of" in found["operator"][0]["found"]


def test_the_doctor_knows_a_wiring_and_one_that_was_changed_by_hand(platform: Api, mesh: Mesh) -> None:
    spec = MeshSpec("gateway", named(["openai"]), namespace=platform.namespace, proxy_namespace=platform.namespace)
    wiring = next(one for one in istio_objects(spec) if one["kind"] == "EnvoyFilter")
    place = f"{platform.namespace}/{wiring['metadata']['name']}"

    def state() -> str:
        (told,) = [one for one in doctor(platform)[1]["wiring"] if one["where"] == place]
        return f"{told['state']} {told['found']}"

    platform.apply(wiring)
    assert state().startswith("ok version v1, hash sha256:")
    assert "retry" in state()

    wiring["metadata"]["annotations"]["costward.dev/wiring-hash"] = "sha256:0000000000000000"
    platform.apply(wiring)
    assert state().startswith("missing hash sha256:0000000000000000, but proxies announce")


def test_a_caller_without_rights_is_told_each(platform: Api, mesh: Mesh) -> None:
    platform.kubectl("create", "serviceaccount", "nobody")

    _, found = doctor(platform.as_token(platform.token_for("nobody")))

    refused = " ".join(one["found"] for one in found["right"])
    assert "patch envoyfilters.networking.istio.io: needed for: costward pause" in refused
    assert "not looked at" in found["wiring"][0]["found"]


def test_a_policy_without_an_operator_stands_as_not_seen(platform: Api) -> None:
    metadata = {"name": "six-line", "namespace": platform.namespace}
    spec = {"owner": {"team": "support"}}
    platform.apply({"apiVersion": "costward.dev/v1alpha1", "kind": "CostPolicy", "metadata": metadata, "spec": spec})

    told = json.loads(run(platform, "policy", "status", "--json").stdout)["policies"]

    (one,) = told
    assert (one["namespace"], one["name"], one["snapshot"]) == (platform.namespace, "six-line", "")
    assert {told["reason"] for told in one["conditions"].values()} == {"NotSeen"}
    assert "Ready" in run(platform, "policy", "status", "-A").stdout


def test_a_pods_policies_are_explained(platform: Api, tmp_path: Path) -> None:
    # As the API server would have it, defaults and managed fields included.
    for name, priority in (("first", 7), ("second", 0)):
        metadata = {"name": name, "namespace": platform.namespace}
        models = [{"name": "small", "model": "gpt-5-mini"}, {"name": "large", "model": "gpt-5"}]
        spec = {
            "owner": {"team": "support"},
            "priority": priority,
            "models": models,
            "aliases": {"auto": "small..large"},
        }
        platform.apply(
            {"apiVersion": "costward.dev/v1alpha1", "kind": "CostPolicy", "metadata": metadata, "spec": spec}
        )
    platform.kubectl("run", "bot", "--image=app")
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": "auto", "messages": [{"role": "user", "content": "When are you open?"}]}))
    words = ("policy", "explain", "--pod", "bot", "-n", platform.namespace, "--request", str(body))

    told = json.loads(run(platform, *words, "--json").stdout)

    assert told["workload"] == f"local/{platform.namespace}/default"
    assert [(one["ref"].partition("/")[2], one["role"]) for one in told["policies"]] == [
        ("first", "governs"),
        ("second", "later"),
    ]
    assert [(one["asked"], one["model"]) for one in told["account"]["goes"]] == [("auto", "gpt-5")]
    assert "priority 7, this one 0" in " ".join(run(platform, *words).stdout.split())
    missing = run(platform, "policy", "explain", "--pod", "nobody", "-n", platform.namespace)
    assert (missing.returncode, "there is no pod nobody" in missing.stderr) == (1, True)
