"""A pydantic model as a Kubernetes structural schema: plain values, every reference resolved, nothing nullable.

What Kubernetes allows in a CRD is less than JSON Schema: no `$ref`, no `anyOf` with null, no `const`, no
`additionalProperties: false` (unknown fields are pruned or refused by the API server itself). See
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

Schema: TypeAlias = dict[str, Any]
"""A node of an OpenAPI schema as JSON values; they are any by nature, and end in YAML."""

_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
)


def structural(model: type[BaseModel]) -> Schema:
    """The schema of a model's values by their written names, defaults included."""
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}))


def _node(raw: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    node = _resolved(raw, definitions)
    result: Schema = {key: node[key] for key in _KEPT if key in node}
    if "const" in node:
        result["enum"] = [node["const"]]
    if result.get("type") == "integer":
        result["format"] = "int64"
    # Absent and empty are the same to Kubernetes, and a default object would make a part look as if it were said.
    if result.get("default") in (None, [], {}) or isinstance(result.get("default"), dict):
        result.pop("default", None)
    if "items" in node:
        result["items"] = _node(node["items"], definitions)
    for values in node.get("patternProperties", {}).values():
        result["additionalProperties"] = _node(values, definitions)
    if "properties" in node:
        result["properties"] = {name: _node(value, definitions) for name, value in node["properties"].items()}
    return result


def _resolved(raw: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node without `$ref` and without its null: what stands around either wins, as a field's description does
    over its type's."""
    around = {key: value for key, value in raw.items() if key not in ("$ref", "anyOf")}
    if "$ref" in raw:
        name = raw["$ref"].rpartition("/")[2]
        return {**_resolved(definitions[name], definitions), **around}
    if "anyOf" in raw:
        given = [_resolved(item, definitions) for item in raw["anyOf"] if item.get("type") != "null"]
        words = [word for item in given for word in item.get("enum", [item["const"]] if "const" in item else [])]
        inner = {**given[0], "enum": words} if len(given) > 1 else given[0]
        return {**{key: value for key, value in inner.items() if key != "const" or len(given) == 1}, **around}
    return raw
