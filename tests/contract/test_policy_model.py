"""The model is fit to become a CRD: every field is described and bounded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costward_contract.fields import fields
from costward_contract.policy import CostPolicy

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = CostPolicy.model_json_schema()


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield path, schema
        for key, value in schema.items():
            yield from nodes(value, f"{path}/{key}")
    if isinstance(schema, list):
        for at, value in enumerate(schema):
            yield from nodes(value, f"{path}/{at}")


def test_every_field_is_described() -> None:
    assert [
        path for path, doc in fields().items() if not path.endswith("[]") and not doc.description.endswith(".")
    ] == []


def test_every_field_says_what_it_allows() -> None:
    assert [path for path, doc in fields().items() if not doc.allowed] == []


def test_every_text_list_mapping_and_number_is_bounded() -> None:
    def is_bounded(node: dict[str, Any]) -> bool:
        match node.get("type"):
            case "string":
                return "const" in node or "enum" in node or ("pattern" in node and "maxLength" in node)
            case "array":
                return "maxItems" in node
            case "object":
                return "maxProperties" in node or node.get("additionalProperties") is False
            case "integer":
                return "minimum" in node and "maximum" in node
            case "number":
                return False
        return True

    # Names of aliases are bounded by their pattern alone: JSON Schema has no length for them.
    unbounded = [
        path for path, node in nodes(SCHEMA) if not path.endswith("/patternProperties") and not is_bounded(node)
    ]
    assert unbounded == []


def test_the_reference_page_is_what_the_model_says() -> None:
    script = ROOT / "tools" / "policy_reference.py"
    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert result.stderr == ""
    assert result.returncode == 0
