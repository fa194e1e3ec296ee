"""Write the chart's values.schema.json from values.yaml, so that a misspelt value is refused; or check it.

A value's comment (`# -- ...`) is its description and its default gives its type. Blocks that Kubernetes itself
defines, such as `affinity`, are empty by default and take any content of their type.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "costward"
SCHEMA = CHART / "values.schema.json"
WHOLE = {"resources"}
"""Blocks with a default that are nevertheless Kubernetes' own."""
NARROWER: dict[str, dict[str, Any]] = {
    "replicas": {"minimum": 1},
    "digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"},
    "issuerKind": {"enum": ["Issuer", "ClusterIssuer"]},
    "clusterName": {"minLength": 1, "maxLength": 63},
}
"""What a default cannot tell, by the name of the value."""
_KEY = re.compile(r"^( *)([A-Za-z]+):")
_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


def descriptions(text: str) -> dict[tuple[str, ...], str]:
    """Of each value that has a comment, by its path. `text`: of values.yaml, indented by two."""
    found: dict[tuple[str, ...], str] = {}
    path: list[str] = []
    comment = ""
    for line in text.splitlines():
        if line.strip().startswith("# -- "):
            comment = line.strip().removeprefix("# -- ")
        elif key := _KEY.match(line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if comment:
                found[tuple(path)] = comment
            comment = ""
    return found


def schema_of(value: Any, told: dict[tuple[str, ...], str], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """JSON Schema of a value. Raises KeyError for one without a comment."""
    made: dict[str, Any] = {"type": _TYPES[type(value)]}
    if isinstance(value, dict) and value and path[-1:] not in {(name,) for name in WHOLE}:
        if path in told:
            made["description"] = told[path]
        made["additionalProperties"] = False
        made["properties"] = {name: schema_of(each, told, (*path, name)) for name, each in value.items()}
        return made
    return made | {"description": told[path]} | NARROWER.get(path[-1], {})


def wanted() -> str:
    text = (CHART / "values.yaml").read_text()
    schema = schema_of(yaml.safe_load(text), descriptions(text))
    # helm hands these to every chart, whether it has them or not.
    schema["properties"]["global"] = {"type": "object", "description": "What a parent chart shares with its parts."}
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the committed file is stale")
    text = wanted()
    if not parser.parse_args().check:
        SCHEMA.write_text(text)
    elif not SCHEMA.is_file() or SCHEMA.read_text() != text:
        print("values.schema.json is not what values.yaml says; run tools/chart_schema.py", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
