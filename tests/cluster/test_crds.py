"""The real API server takes the CRDs, refuses what breaks a rule in the rule's words, and hands out what files hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from costward_contract.compiler import compile_policies
from costward_contract.crd import crds
from costward_contract.parse import parse_object
from costward_contract.rules import BY_COMPILER, BY_SCHEMA, CEL_RULES, RuleName

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.process import until
from tests.fakes.cel_rules import SCHEMAS
from tests.fakes.policy_documents import RICH, changed, minimal, platform
from tests.fakes.rule_breakers import BREAKERS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "charts" / "costward" / "files" / "crds"
SAMPLES = sorted((ROOT / "examples" / "policies").glob("*.yaml"))
NAMES = [crd["metadata"]["name"] for crd in crds()]
REFUSED = [name for name in get_args(RuleName) if name not in BY_COMPILER]
AT = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def served(control_plane: ControlPlane) -> None:
    """The chart's own files, applied; they stay for the rest of the run, as they would in a cluster."""
    admin = control_plane.api
    admin.apply(*(yaml.safe_load(file.read_text()) for file in sorted(FOLDER.iterdir())))
    for name in NAMES:
        admin.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{name}")
    until(lambda: is_served(admin), "both kinds in the API")


def is_served(admin: Api) -> bool:
    try:
        admin.kubectl("get", "costpolicies,clustercostpolicies")
    except CallError:
        return False
    return True


def tried(api: Api, document: Mapping[str, Any]) -> str:
    """What the API server says to it, without keeping it: empty where it would take it."""
    metadata = {"name": document["metadata"]["name"]}
    try:
        api.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps({**document, "metadata": metadata}))
    except CallError as refusal:
        return str(refusal)
    return ""


@pytest.mark.usefixtures("served")
def test_the_schema_is_structural_and_its_names_are_accepted(api: Api) -> None:
    for name in NAMES:
        conditions = {one["type"]: one["status"] for one in api.get("crd", name)["status"]["conditions"]}
        assert conditions["NamesAccepted"] == conditions["Established"] == "True"
        assert conditions.get("NonStructuralSchema", "False") == "False"


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_a_rule_is_refused_in_its_words(api: Api, name: RuleName) -> None:
    said = tried(api, BREAKERS[name])
    messages = [rule.message for rule in CEL_RULES if rule.name == name]

    assert any(message in said for message in messages) if messages else "Duplicate value" in said
    assert (name in BY_SCHEMA) == (not messages)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", sorted(BY_COMPILER))
def test_what_only_the_compiler_sees_is_taken(api: Api, name: RuleName) -> None:
    assert tried(api, BREAKERS[name]) == ""


@pytest.mark.usefixtures("served")
def test_good_policies_are_taken(api: Api) -> None:
    spec: dict[str, Any] = json.loads(json.dumps(RICH["spec"]))
    block = {name: spec[name] for name in ("models", "aliases", "identity", "tiers", "cache", "routing")}
    ref = {"group": "networking.istio.io", "kind": "ServiceEntry", "namespace": "a", "name": "openai"}
    samples = [document for file in SAMPLES for document in yaml.safe_load_all(file.read_text())]
    good = [RICH, minimal("least"), platform(defaults=block, overrides=block, targetRefs=[ref]), *samples]

    assert [said for document in good if (said := tried(api, document))] == []


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.owner.tema", "x"),
        ("spec.tiers[0].caps[0].limitUsd", "1"),
        ("spec.tiers[0].caps[0].limitUSD", "1,50"),
        ("spec.priority", 1001),
        ("spec.cache.mode", "Sometimes"),
        ("spec.targetRefs", []),
    ],
)
def test_unknown_fields_and_wrong_values_are_refused(api: Api, path: str, value: object) -> None:
    assert path.rpartition(".")[2] in tried(api, changed(path, value))


@pytest.mark.usefixtures("served")
def test_a_name_that_the_parser_would_refuse_is_refused(api: Api) -> None:
    assert "metadata.name" in tried(api, minimal("a.b"))


@pytest.mark.usefixtures("served")
def test_what_the_api_server_hands_out_compiles_to_what_the_file_does(api: Api) -> None:
    document = changed("metadata", {"name": "rich", "namespace": api.namespace})
    document["spec"]["targetRefs"][0]["name"] = api.namespace  # type: ignore[index]  # a document is of objects
    api.apply(document)
    stored = parse_object(api.get("costpolicy", "rich"))
    in_cluster, _ = compile_policies(stored.policies)
    in_file, _ = compile_policies(parse_object(document).policies)

    assert stored.problems == ()
    assert in_cluster.policies == in_file.policies


@pytest.mark.usefixtures("served")
def test_a_part_that_nobody_says_stays_unsaid_and_what_is_said_is_completed(api: Api) -> None:
    api.apply({**minimal("least", api.namespace), "spec": {"owner": {"team": "t"}, "cache": {}}})
    spec = api.get("costpolicy", "least")["spec"]

    assert sorted(spec) == ["cache", "owner", "priority"]
    assert spec["cache"] == {"mode": "Observe", "ttl": "24h", "bypass": ["TimeSensitive", "ToolCalls"]}


@pytest.mark.usefixtures("served")
def test_every_description_reaches_kubectl_explain(api: Api) -> None:
    document = json.loads(api.kubectl("get", "--raw", "/openapi/v3/apis/costward.dev/v1alpha1"))
    schemas = document["components"]["schemas"]

    for kind, schema in SCHEMAS.items():
        published = schemas[f"dev.costward.v1alpha1.{kind}"]["properties"]
        for part in ("spec", "status"):
            assert described(published[part]) == described(schema["properties"][part])
    assert "Dollars that may be spent" in api.kubectl("explain", "cpol.spec.tiers.caps.limitUSD")


def described(node: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found = {path: node.get("description", "")}
    for name, below in node.get("properties", {}).items():
        found |= described(below, f"{path}.{name}")
    return found | described(node["items"], f"{path}[]") if "items" in node else found


@pytest.mark.usefixtures("served")
def test_kubectl_lists_them_by_their_short_names_and_by_team(api: Api) -> None:
    api.apply(minimal("one", api.namespace, owner={"team": "a"}), minimal("two", api.namespace, owner={"team": "b"}))
    table = api.kubectl("get", "cpol", "--field-selector=spec.owner.team=b")

    assert table.split("\n")[0].split()[:5] == ["NAME", "ACCEPTED", "PROGRAMMED", "READY", "TEAM"]
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["two"]
    assert "costpolicy.costward.dev/one" in api.kubectl("get", "costward", "-o", "name")


@pytest.mark.usefixtures("served")
def test_status_is_written_apart_and_conditions_merge_by_type(api: Api) -> None:
    api.apply(minimal("one", api.namespace))
    write_status(api, "operator", condition("Accepted", "True", "Accepted"))
    write_status(api, "other", condition("Ready", "False", "Waiting"))
    found = api.get("costpolicy", "one")
    reasons = {one["type"]: one["reason"] for one in found["status"]["conditions"]}

    assert reasons == {"Accepted": "Accepted", "Ready": "Waiting"}
    assert found["metadata"]["generation"] == 1
    assert "Accepted" in api.kubectl("get", "cpol", "one", "--no-headers")


def condition(kind: str, status: str, reason: str) -> dict[str, object]:
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": AT}


def write_status(api: Api, manager: str, one: Mapping[str, object]) -> None:
    target = {"kind": "Namespace", "name": api.namespace}
    ancestor = {"ancestorRef": target, "controllerName": "costward.dev/operator", "conditions": [one]}
    status = {"conditions": [one], **({"ancestors": [ancestor]} if manager == "operator" else {})}
    document = {**minimal("one", api.namespace), "status": status}
    del document["spec"]
    words = ("apply", "--server-side", "--subresource=status", f"--field-manager={manager}", "-f", "-")
    api.kubectl(*words, stdin=json.dumps(document))
