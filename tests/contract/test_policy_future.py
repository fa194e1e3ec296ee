"""What is planned but cannot be honoured yet is rejected in other words than a mistake."""

from __future__ import annotations

import pytest
from costward_contract.future import planned
from costward_contract.parse import KINDS, parse_object

from tests.fakes.policy_documents import changed, platform, read


@pytest.mark.parametrize("path", [path for path, values in planned() if not values])
def test_planned_fields_are_not_supported_yet(path: str) -> None:
    problems = read(changed(path.replace("[]", "[0]"), {})).problems

    assert [problem.message for problem in problems] == ["is not supported yet: leave it out"]


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in planned() for value in values])
def test_planned_values_are_not_supported_yet(path: str, value: str) -> None:
    problems = read(changed(path.replace("[]", "[0]"), value)).problems

    assert [problem.message for problem in problems] == ["is not supported yet"]
    assert problems[0].allowed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.outcomes", {}),
        ("spec.routing.qualityTarget", {}),
        ("spec.routing.maxShare", "50%"),
        ("spec.routing.mode", "Shadow"),
        ("spec.cache.semantic.maxErrorRate", "1%"),
        ("spec.cache.semantic.shadow", {}),
        ("spec.identity.user.jwtClaim", "sub"),
        ("spec.models[0].billing", "Subscription"),
        ("spec.tiers[0].ladder[0].action", "CacheOnly"),
        ("spec.tiers[0].caps[0].per", "Tenant"),
    ],
)
def test_the_plans_that_documents_already_use_are_known(path: str, value: object) -> None:
    (problem,) = read(changed(path, value)).problems

    assert (problem.path, problem.message[:20]) == (path, "is not supported yet")


@pytest.mark.parametrize("block", ["defaults", "overrides"])
def test_blocks_of_the_platform_have_the_same_plans(block: str) -> None:
    document = platform(**{block: {"outcomes": {}, "routing": {"mode": "Shadow"}}})
    problems = parse_object(document, kinds=KINDS).problems

    assert {problem.path: problem.message for problem in problems} == {
        f"spec.{block}.outcomes": "is not supported yet: leave it out",
        f"spec.{block}.routing.mode": "is not supported yet",
    }
