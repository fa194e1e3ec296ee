"""A ClusterCostPolicy is read as strictly as a team's policy, and only by those who can honour it."""

from __future__ import annotations

import json

import pytest
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.fields import fields
from costward_contract.parse import KINDS, Parsed, parse_documents, parse_object

from tests.fakes.policy_documents import minimal, platform


def parsed(*documents: dict[str, object]) -> Parsed:
    return parse_documents("\n---\n".join(json.dumps(document) for document in documents), "test.yaml", KINDS)


def test_both_kinds_are_read_from_one_text() -> None:
    found = parsed(minimal("team"), platform(defaults={"cache": {"ttl": "1h"}}))

    assert found.problems == ()
    assert [policy.ref for policy in found.policies] == ["default/team"]
    assert [policy.ref for policy in found.cluster_policies] == ["platform"]


def test_who_cannot_honour_it_is_told_and_does_not_lose_it_silently() -> None:
    found = parse_documents(json.dumps(platform(defaults={})))

    assert (found.policies, found.cluster_policies) == ((), ())
    assert [(p.path, p.message, p.allowed) for p in found.problems] == [
        ("kind", "is read by the operator only", "CostPolicy")
    ]


def test_a_kind_of_neither_sort_names_both() -> None:
    (problem,) = parse_object({"kind": "Deployment"}, kinds=KINDS).problems

    assert problem.allowed == "CostPolicy or ClusterCostPolicy"


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({}, "spec", "says nothing"),
        ({"defaults": {"owner": {}}}, "spec.defaults.owner", "unknown field; there are models"),
        ({"workloads": {}, "defaults": {}}, "spec.workloads", "unknown field; there are owner"),
        ({"overrides": {"cache": {"ttl": "0s"}}}, "spec.overrides.cache.ttl", "an answer must live"),
        ({"overrides": {"unpriced": "Maybe"}}, "spec.overrides.unpriced", "is not allowed"),
        ({"defaults": {}, "targetRefs": []}, "spec.targetRefs", "has too few entries"),
        (
            {"defaults": {}, "targetRefs": [{"kind": "Namespace", "name": "a", "namespace": "a"}]},
            "spec.targetRefs[0].namespace",
            "a Namespace is in no namespace",
        ),
        (
            {"defaults": {}, "targetRefs": [{"kind": "Service", "name": "a"}]},
            "spec.targetRefs[0].namespace",
            "is required, except for a Namespace",
        ),
    ],
)
def test_what_is_wrong_is_told(spec: dict[str, object], path: str, said: str) -> None:
    (problem,) = parsed(platform(**spec)).problems

    assert problem.path == path
    assert problem.message.startswith(said)


def test_its_fields_are_described_like_the_teams() -> None:
    docs = fields(ClusterCostPolicy)

    assert docs["spec.overrides.tiers[].caps[].limitUSD"].allowed == fields()["spec.tiers[].caps[].limitUSD"].allowed
    assert [path for path, doc in docs.items() if not path.endswith("[]") and not doc.description.endswith(".")] == []
