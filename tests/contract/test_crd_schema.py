"""The CRDs are structural, described and bounded throughout: what the API server needs to price their rules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from costward_contract.crd import at, crds, file_name
from costward_contract.structural import Schema

from tests.fakes.cel_rules import SCHEMAS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "charts" / "costward" / "files" / "crds"
CRDS = {crd["spec"]["names"]["kind"]: crd for crd in crds()}
KINDS = sorted(CRDS)
NOT_STRUCTURAL = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "const", "title", "nullable", "patternProperties"}


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node with its path; metadata and the two names of the kind are Kubernetes' own."""
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        if path or name in ("spec", "status"):
            yield from nodes(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def offending(kind: str, is_bad: Any) -> list[str]:
    return [path for path, node in nodes(SCHEMAS[kind]) if is_bad(path, node)]


@pytest.mark.parametrize("kind", KINDS)
def test_kubernetes_own_schema_accepts_it_strictly(kind: str) -> None:
    kubernetes_validate.validate(CRDS[kind], "1.37.0", strict=True)


def test_the_strict_validation_refuses_an_unknown_key() -> None:
    crd = {**CRDS["CostPolicy"], "extra": 1}

    with pytest.raises(kubernetes_validate.ValidationError, match="extra"):
        kubernetes_validate.validate(crd, "1.37.0", strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_structural(kind: str) -> None:
    assert offending(kind, lambda _, node: NOT_STRUCTURAL & set(node) or "type" not in node) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind: str) -> None:
    assert (
        offending(kind, lambda path, node: not path.endswith("[]") and not node.get("description", "").endswith("."))
        == []
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_bounded(kind: str) -> None:
    def is_unbounded(_: str, node: Schema) -> bool:
        match node["type"]:
            case "string":
                return "enum" not in node and not {"pattern", "maxLength"} <= set(node)
            case "array":
                return not {"items", "maxItems"} <= set(node)
            case "object":
                return "properties" not in node and not {"additionalProperties", "maxProperties"} <= set(node)
            case "integer":
                return not {"minimum", "maximum"} <= set(node)
        return bool(node["type"] != "boolean")

    assert offending(kind, is_unbounded) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_says_how_it_is_merged(kind: str) -> None:
    lists = {path: node for path, node in nodes(SCHEMAS[kind]) if node["type"] == "array"}

    assert {node.get("x-kubernetes-list-type") for node in lists.values()} == {"atomic", "map", "set"}
    for node in lists.values():
        keys = node.get("x-kubernetes-list-map-keys", [])
        item = node["items"]
        assert all(key in item["required"] or "default" in item["properties"][key] for key in keys)


@pytest.mark.parametrize("place", ["spec", "spec.defaults", "spec.overrides"])
def test_no_part_of_a_policy_is_said_by_a_default(place: str) -> None:
    """Else the API server would write it into each policy, and the platform's default could never count."""
    block = at(SCHEMAS["CostPolicy" if place == "spec" else "ClusterCostPolicy"], place)
    parts = {name: node for name, node in block["properties"].items() if name != "priority"}

    assert [name for name, node in parts.items() if "default" in node] == []
    assert block["properties"]["failurePolicy"]["description"].endswith(" Open where nobody says it.")


def test_defaults_inside_of_a_part_stand_in_the_schema() -> None:
    spec = at(SCHEMAS["CostPolicy"], "spec")

    assert at(spec, "cache.bypass")["default"] == ["TimeSensitive", "ToolCalls"]
    assert (at(spec, "cache.mode")["default"], at(spec, "priority")["default"]) == ("Observe", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_kubectl_and_policy_attachment_expect(kind: str) -> None:
    crd = CRDS[kind]
    (version,) = crd["spec"]["versions"]

    assert crd["metadata"]["labels"] == {"gateway.networking.k8s.io/policy": "inherited"}
    assert crd["spec"]["names"]["categories"] == ["costward"]
    assert crd["spec"]["names"]["shortNames"]
    assert version["subresources"] == {"status": {}}
    assert {"conditions", "ancestors", "spend", "savings", "coverage"} <= set(
        SCHEMAS[kind]["properties"]["status"]["properties"]
    )
    for path in (*(column["jsonPath"] for column in version["additionalPrinterColumns"]),):
        assert path.startswith(".metadata.") or at(SCHEMAS[kind], generic(path))["type"] in ("string", "integer")
    for field in version["selectableFields"]:
        assert at(SCHEMAS[kind], generic(field["jsonPath"]))["type"] == "string"


def generic(path: str) -> str:
    """`.status.conditions[?(@.type=="Ready")].reason` as `status.conditions[].reason`."""
    before, bracket, after = path.removeprefix(".").partition("[?")
    return before + (f"[]{after.partition(')]')[2]}" if bracket else "")


def test_the_chart_has_what_the_model_says() -> None:
    script = ROOT / "tools" / "crds.py"
    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
    assert {path.name: yaml.safe_load(path.read_text()) for path in FOLDER.iterdir()} == {
        file_name(crd): crd for crd in crds()
    }
