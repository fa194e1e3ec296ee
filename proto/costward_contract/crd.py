"""The two CRDs, made from the policy model, so that file, cluster and documents cannot differ.

Pure: model -> plain dicts. `tools/crds.py` writes them into the chart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costward_contract.cluster_policy import CLUSTER_KIND, ClusterCostPolicy
from costward_contract.policy import API_VERSION, KIND, Block, CostPolicy
from costward_contract.rules import CEL_RULES, CelRule, Where
from costward_contract.status import PolicyStatus
from costward_contract.structural import Schema, structural


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the two CRDs."""

    kind: str
    plural: str
    scope: str
    short_names: tuple[str, ...]
    model: type[CostPolicy | ClusterCostPolicy]
    places: dict[Where, tuple[str, ...]]
    """Where the rules of each sort stand."""
    target_keys: tuple[str, ...]


_TEAM = _Kind(
    KIND,
    "costpolicies",
    "Namespaced",
    ("cpol",),
    CostPolicy,
    {"block": ("spec",), "team": ("spec",), "spec": ("spec",), "cluster": ()},
    ("group", "kind", "name", "sectionName"),
)
_PLATFORM = _Kind(
    CLUSTER_KIND,
    "clustercostpolicies",
    "Cluster",
    ("ccpol",),
    ClusterCostPolicy,
    {"block": ("spec.defaults", "spec.overrides"), "team": (), "spec": ("spec",), "cluster": ("spec",)},
    ("group", "kind", "namespace", "name", "sectionName"),
)

_SETS = (
    "identity.user.trustedFrom",
    "identity.tier.trustedFrom",
    "cache.bypass",
    "routing.fallback.after",
)
"""Lists whose order says nothing. A list that is neither here nor keyed is atomic: its order counts."""

_PARTS = tuple(info.alias or name for name, info in Block.model_fields.items())
"""What a block can say. No part has a default in the schema: the API server would write it into every policy, and a
platform's default could no longer tell what a team said from what it left open."""

_CONDITION = '.status.conditions[?(@.type=="{}")].{}'
_COLUMNS = (
    ("Accepted", "string", _CONDITION.format("Accepted", "reason"), "Whether the policy is taken, or why not.", 0),
    ("Programmed", "string", _CONDITION.format("Programmed", "status"), "Whether it is proven to be in force.", 0),
    ("Ready", "string", _CONDITION.format("Ready", "status"), "All of it in one word.", 0),
    ("Team", "string", ".spec.owner.team", "Who answers for the money.", 0),
    ("Workloads", "integer", ".status.matched.workloads", "Workloads that it governs now.", 0),
    ("Month USD", "string", ".status.spend.monthUSD", "Dollars spent in this calendar month.", 0),
    ("Age", "date", ".metadata.creationTimestamp", "Since when it exists.", 0),
    ("Priority", "integer", ".spec.priority", "The highest goes first.", 1),
    ("Namespaces", "integer", ".status.matched.namespaces", "Namespaces of these workloads.", 1),
    ("Nearest cap", "string", ".status.spend.nearestCap.id", "The cap that is nearest to its limit.", 1),
    ("Saved USD", "string", ".status.savings.monthUSD", "Dollars saved in this calendar month.", 1),
    ("Snapshot", "string", ".status.snapshot", "The published snapshot that holds it.", 1),
    ("Message", "string", _CONDITION.format("Ready", "message"), "Why it is ready or is not.", 1),
)

_SELECTABLE = (".spec.owner.team",)
"""For `--field-selector`: all policies of one team."""


def crds() -> tuple[Schema, Schema]:
    """`CostPolicy` and `ClusterCostPolicy` as `apiextensions.k8s.io/v1` objects."""
    return _crd(_TEAM), _crd(_PLATFORM)


def file_name(crd: Schema) -> str:
    """Where the chart keeps it: `costward.dev_costpolicies.yaml`."""
    return f"{crd['spec']['group']}_{crd['spec']['names']['plural']}.yaml"


def _crd(kind: _Kind) -> Schema:
    group, _, version = API_VERSION.partition("/")
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{group}",
            # GEP-713: what it says reaches objects below the one that it is attached to.
            "labels": {"gateway.networking.k8s.io/policy": "inherited"},
        },
        "spec": {
            "group": group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["costward"],
            },
            "scope": kind.scope,
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
                    "selectableFields": [{"jsonPath": path} for path in _SELECTABLE],
                    "schema": {"openAPIV3Schema": _root(kind)},
                }
            ],
        },
    }


def _column(name: str, kind: str, path: str, description: str, priority: int) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": priority} if priority else column


def _root(kind: _Kind) -> Schema:
    document = structural(kind.model)
    properties = document["properties"]
    name = properties["metadata"]["properties"]["name"]
    # Beyond its name, Kubernetes lets no CRD speak of metadata.
    bounds = {key: name[key] for key in ("type", "pattern", "maxLength")}
    root: Schema = {
        "type": "object",
        "description": _WORDS[kind.kind],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": properties["apiVersion"]["description"]},
            "kind": {"type": "string", "description": properties["kind"]["description"]},
            "metadata": {"type": "object", "properties": {"name": bounds}},
            "spec": properties["spec"],
            "status": {**structural(PolicyStatus), "description": "Written by the operator."},
        },
    }
    for place in kind.places["block"]:
        _finish_block(at(root, place))
    _finish_lists(root, kind)
    for rule in CEL_RULES:
        for place in kind.places[rule.where]:
            _add_rule(at(root, ".".join(filter(None, (place, rule.at)))), rule)
    return root


_WORDS = {
    KIND: "A CostPolicy says whose money is spent on models, by whom, up to which limit, and what Costward may do "
    "about it.",
    CLUSTER_KIND: "A ClusterCostPolicy is what the platform says for all teams: what holds where they say nothing, and "
    "what holds whatever they say.",
}


def at(node: Schema, path: str) -> Schema:
    """The node at a generic path such as `spec.tiers[].caps`. Raises KeyError where there is none."""
    for part in path.split(".") if path else ():
        name, *items = part.split("[")
        node = node["properties"][name]
        for _ in items:
            node = node["items"]
    return node


def _finish_block(block: Schema) -> None:
    for part in _PARTS:
        default = block["properties"][part].pop("default", None)
        if default is not None:
            block["properties"][part]["description"] += f" {default} where nobody says it."
    at(block, "tiers").update(_keyed("name"))
    for path in _SETS:
        at(block, path)["x-kubernetes-list-type"] = "set"


def _finish_lists(root: Schema, kind: _Kind) -> None:
    at(root, "spec.targetRefs").update(_keyed(*kind.target_keys))
    if kind.kind == KIND:
        at(root, "spec.workloads.serviceAccounts")["x-kubernetes-list-type"] = "set"
    for path in ("status.conditions", "status.ancestors[].conditions"):
        at(root, path).update(_keyed("type"))
    for node in nodes(root):
        if node.get("type") == "array":
            node.setdefault("x-kubernetes-list-type", "atomic")


def nodes(node: Schema) -> Iterator[Schema]:
    """This node and all below it."""
    yield node
    below = [*node.get("properties", {}).values(), node.get("items"), node.get("additionalProperties")]
    for child in below:
        if child is not None:
            yield from nodes(child)


def _keyed(*keys: str) -> Schema:
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def _add_rule(node: Schema, rule: CelRule) -> None:
    written: Schema = {"rule": rule.expression, "message": rule.message, "reason": rule.reason}
    if rule.field:
        written["fieldPath"] = rule.field
    node.setdefault("x-kubernetes-validations", []).append(written)
