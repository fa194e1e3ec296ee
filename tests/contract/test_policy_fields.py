"""A single field that is wrong is told with its path, its value and what is allowed."""

from __future__ import annotations

import pytest

from tests.fakes.policy_documents import RICH, accepted, changed, minimal, read, removed


def test_a_policy_that_sets_everything_is_accepted() -> None:
    (policy,) = accepted(RICH)

    assert policy.ref == "shop/rich"


def test_owner_and_name_are_enough() -> None:
    (policy,) = accepted(minimal("least"))

    assert policy.spec.cache.mode == policy.spec.routing.mode == "Observe"
    assert policy.spec.failure_policy == "Open"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("metadata.name", "Shop_Bot", "is not allowed"),
        ("metadata.name", "a" * 64, "is not allowed"),
        ("metadata.generation", "3", "is not allowed"),
        ("metadata.creationTimestamp", "yesterday", "is not allowed"),
        ("spec", None, "is empty"),
        ("spec.owner.team", 12, 'YAML reads this as a number: write it in quotes, "12"'),
        ("spec.owner.team", "two\nlines", "is not allowed"),
        ("spec.priority", True, "is not allowed"),
        ("spec.priority", 1001, "is not allowed"),
        ("spec.models", {}, "is not a list"),
        ("spec.models[0]", "gpt-5", "is not a mapping"),
        ("spec.models[0].price.inputPerMTokUSD", "$1", "is not allowed"),
        ("spec.models[1].model", "", "is not allowed"),
        ("spec.aliases.auto", "small-large..", "is not allowed"),
        ("spec.identity.user.header", "X-User", "is not allowed"),
        ("spec.identity.user.header", "x user", "is not allowed"),
        ("spec.identity.user.trustedFrom", [], "has too few entries"),
        ("spec.tiers[0].caps[0].per", "user", "is not allowed"),
        ("spec.tiers[0].caps[0].limitUSD", 0.5, 'YAML reads this as a number: write it in quotes, "0.5"'),
        ("spec.tiers[0].caps[0].window", "Year", "is not allowed"),
        ("spec.tiers[0].ladder[0].at", "80", "is not allowed"),
        ("spec.tiers[0].ladder[2].text", "x" * 501, "is not allowed"),
        ("spec.cache.mode", False, 'YAML reads this as a boolean: write it in quotes, "false"'),
        ("spec.cache.ttl", "1d", "is not allowed"),
        ("spec.cache.semantic.fixedThreshold", "0.2", "is not allowed"),
        ("spec.cache.bypass", ["TimeSensitive"] * 3, "has too many entries"),
        ("spec.routing.rewriteNamedModels", "yes", "is not allowed"),
        ("spec.routing.rules[0].when.minPromptTokens", -1, "is not allowed"),
        ("spec.failurePolicy", "Maybe", "is not allowed"),
        ("spec.unpriced", "Maybe", "is not allowed"),
        ("spec.routing.fallback.after[0]", "Error", "is not allowed"),
        ("spec.routing.fallback.to", "Cheapest", "is not allowed"),
    ],
)
def test_a_wrong_value_is_told(path: str, value: object, said: str) -> None:
    problems = read(changed(path, value)).problems

    told = [problem for problem in problems if problem.path == path]
    assert [problem.message for problem in told] == [said]
    assert all(problem.allowed for problem in told)


@pytest.mark.parametrize("path", ["spec.owner", "spec.owner.team", "metadata.name", "spec.models[0].model", "kind"])
def test_a_missing_field_is_told(path: str) -> None:
    (problem,) = read(removed(path)).problems

    assert (problem.path, problem.message, problem.value) == (path, "is required", None)


def test_an_unknown_field_names_its_nearest() -> None:
    (problem,) = read(changed("spec.tiers[0].caps[0].limitUsd", "1")).problems

    assert problem.path == "spec.tiers[0].caps[0].limitUsd"
    assert problem.message == "unknown field; did you mean limitUSD?"


def test_an_unknown_field_like_no_other_lists_those_there_are() -> None:
    (problem,) = read(changed("spec.owner.zzz", "1")).problems

    assert problem.message == "unknown field; there are team, contact"


def test_a_bad_alias_name_is_told_at_its_key() -> None:
    (problem,) = read(changed("spec.aliases.Best", "large")).problems

    assert (problem.path, problem.value) == ("spec.aliases.Best", '"Best"')


def test_long_values_are_cut() -> None:
    (problem,) = read(changed("spec.owner.team", "x" * 5000)).problems

    assert problem.value is not None
    assert len(problem.value) == 80


def test_another_kind_is_one_problem() -> None:
    (problem,) = read({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}}).problems

    assert (problem.path, problem.allowed) == ("kind", "CostPolicy")


def test_one_reading_tells_all_problems() -> None:
    document = changed("spec.tiers[0].caps[0].limitUSD", 0.5)
    document["extra"] = 1
    document["metadata"] = {}
    document["spec"]["routing"]["rules"][0]["use"] = "huge"  # type: ignore[index]  # a document is of objects

    assert {problem.path for problem in read(document).problems} >= {
        "spec.tiers[0].caps[0].limitUSD",
        "extra",
        "metadata.name",
        "spec.routing.rules[0].use",
    }


def test_a_problem_reads_as_one_line() -> None:
    (problem,) = read(changed("spec.failurePolicy", "Maybe")).problems

    assert str(problem) == ('test.yaml:1: spec.failurePolicy: is not allowed (found "Maybe"); allowed: Open or Closed')
