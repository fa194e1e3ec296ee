"""Every rule between fields is held by the API server or says why only the compiler can hold it."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from costward_contract.checks import cluster_findings, findings
from costward_contract.rules import BY_COMPILER, BY_MODEL, BY_SCHEMA, CEL_RULES, RuleName

from tests.fakes.policy_documents import RICH, changed, platform, read
from tests.fakes.rule_breakers import BREAKERS

NAMES: tuple[RuleName, ...] = get_args(RuleName)
CHECKED = [name for name in NAMES if name not in BY_MODEL]


def test_each_rule_has_one_holder_in_the_cluster() -> None:
    holders = Counter([*{rule.name for rule in CEL_RULES}, *BY_SCHEMA, *BY_COMPILER])

    assert holders == Counter(NAMES)


def test_each_rule_has_a_policy_that_breaks_it() -> None:
    assert set(BREAKERS) == set(NAMES)


@pytest.mark.parametrize("name", CHECKED)
def test_the_checks_know_the_rule_by_its_name(name: RuleName) -> None:
    document = BREAKERS[name]
    found = findings(document) if document["kind"] == "CostPolicy" else cluster_findings(document)

    assert {finding.rule for finding in found} == {name}


@pytest.mark.parametrize("name", sorted(BY_MODEL))
def test_the_model_holds_what_the_checks_leave_to_it(name: RuleName) -> None:
    assert list(findings(BREAKERS[name])) == []
    assert read(BREAKERS[name]).problems != ()


def test_a_good_policy_breaks_none() -> None:
    assert list(findings(RICH)) == []
    assert list(cluster_findings(platform(defaults={"cache": {"ttl": "1h"}}))) == []


def test_blocks_of_the_platform_are_held_to_the_same_rules() -> None:
    block = {**RICH["spec"], "failurePolicy": "Open"}  # type: ignore[dict-item]  # a document is of objects
    del block["targetRefs"], block["workloads"], block["owner"], block["priority"]
    bad = changed("spec.routing.rules[0].use", "huge")["spec"]["routing"]  # type: ignore[index]  # as above

    assert list(cluster_findings(platform(overrides=block))) == []
    assert [f.path for f in cluster_findings(platform(overrides={**block, "routing": bad}))] == [
        ("spec", "overrides", "routing", "rules", 0, "use")
    ]


def test_a_platform_cap_per_user_needs_no_identity_of_its_own() -> None:
    cap = {"per": "User", "window": "Day", "limitUSD": "1"}

    assert list(cluster_findings(platform(overrides={"tiers": [{"name": "any", "caps": [cap]}]}))) == []
