"""The CRDs' validation rules, evaluated as the API server does: defaults first, then each rule where it stands.

Only the language is another interpreter's; what the API server itself makes of a rule is the cluster bench's to tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import cel
from costward_contract.crd import crds
from costward_contract.rules import CEL_RULES, RuleName
from costward_contract.structural import Schema

RESERVED = frozenset({"as", "namespace"})
"""Names of ours that CEL keeps for itself; Kubernetes writes them with two underscores on each side."""

SCHEMAS: Mapping[str, Schema] = {
    crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for crd in crds()
}
_NAMES: Mapping[tuple[str, str], RuleName] = {(rule.expression, rule.message): rule.name for rule in CEL_RULES}


def broken(document: Mapping[str, Any]) -> list[RuleName]:
    """The rules that a document breaks, once for each place."""
    schema = SCHEMAS[document["kind"]]
    return list(_broken(schema, with_defaults(schema, document)))


def with_defaults(schema: Schema, value: Any) -> Any:
    """The value as the API server would store it."""
    if isinstance(value, dict) and "properties" in schema:
        value = dict(value)
        for name, below in schema["properties"].items():
            if name not in value and "default" in below:
                value[name] = deepcopy(below["default"])
            if name in value:
                value[name] = with_defaults(below, value[name])
        return value
    if isinstance(value, list):
        return [with_defaults(schema["items"], item) for item in value]
    return value


def _broken(schema: Schema, value: Any) -> Iterator[RuleName]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if _program(rule["rule"]).execute({"self": _escaped(value)}) is not True:
            yield _NAMES[(rule["rule"], rule["message"])]
    if isinstance(value, dict):
        for name, below in schema.get("properties", {}).items():
            if name in value:
                yield from _broken(below, value[name])
    if isinstance(value, list):
        for item in value:
            yield from _broken(schema["items"], item)


@cache
def _program(expression: str) -> cel.Program:
    return cel.compile(expression)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"__{name}__" if name in RESERVED else name: _escaped(inner) for name, inner in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value
