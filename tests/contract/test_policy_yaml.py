"""Reading YAML: places in the text, several documents, and the traps that YAML sets."""

from __future__ import annotations

import pytest
from costward_contract.parse import MAX_PROBLEMS, parse_documents

SMALL = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: a}
spec:
  owner: {team: t}
"""


def told(text: str) -> list[tuple[int | None, str, str]]:
    return [(problem.line, problem.path, problem.message) for problem in parse_documents(text).problems]


def test_problems_stand_in_the_order_of_their_lines() -> None:
    caps = "  tiers:\n  - name: x\n    caps:\n    - per: Policy\n      window: Decade\n"

    assert told(SMALL + caps + "  priority: high\n") == [
        (9, "spec.tiers[0].caps[0].limitUSD", "is required"),
        (10, "spec.tiers[0].caps[0].window", "is not allowed"),
        (11, "spec.priority", "is not allowed"),
    ]


def test_something_missing_has_the_line_of_what_it_is_missing_from() -> None:
    assert told(SMALL.replace("{team: t}", "{}")) == [(5, "spec.owner.team", "is required")]


def test_several_documents_and_empty_ones() -> None:
    parsed = parse_documents(f"---\n# nothing\n---\n{SMALL}---\n{SMALL.replace('name: a', 'name: b')}---\n")

    assert [policy.metadata.name for policy in parsed.policies] == ["a", "b"]
    assert parsed.problems == ()


def test_a_bad_document_harms_only_itself() -> None:
    parsed = parse_documents(f"{SMALL.replace('team', 'taem')}---\n{SMALL}")

    assert [policy.metadata.name for policy in parsed.policies] == ["a"]
    assert {problem.path for problem in parsed.problems} == {"spec.owner.team", "spec.owner.taem"}


@pytest.mark.parametrize(("version", "kind"), [("v1", "List"), ("costward.dev/v1alpha1", "CostPolicyList")])
def test_a_list_holds_policies(version: str, kind: str) -> None:
    items = "".join(
        "- " + SMALL.replace("\n", "\n  ").rstrip().replace("name: a", f"name: {name}") + "\n" for name in ("a", "B")
    )
    parsed = parse_documents(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{resourceVersion: ''}}\nitems:\n{items}")

    assert [policy.metadata.name for policy in parsed.policies] == ["a"]
    assert [problem.path for problem in parsed.problems] == ["items[1].metadata.name"]


def test_an_empty_list_is_fine_and_an_empty_text_is_not() -> None:
    assert told("{apiVersion: v1, kind: List, items: []}") == []
    assert told("# nothing\n") == [(None, "", "holds no CostPolicy")]


def test_what_kubectl_prints_can_be_loaded() -> None:
    parsed = parse_documents(
        SMALL.replace(
            "{name: a}",
            "{name: a, namespace: shop, uid: x, resourceVersion: '7', generation: 4, labels: {a: b}, "
            "creationTimestamp: 2026-01-31T12:00:00Z, annotations: {kubectl.kubernetes.io/last: '{}'}, "
            "managedFields: [{manager: kubectl, fieldsV1: {'f:spec': {}}}]}",
        )
        + "status: {ancestors: []}\n"
    )

    assert parsed.problems == ()
    assert parsed.policies[0].metadata.creation_timestamp == "2026-01-31T12:00:00Z"
    assert (parsed.policies[0].ref, parsed.policies[0].metadata.generation) == ("shop/a", 4)


def test_a_key_given_twice_is_told_at_the_second() -> None:
    parsed = parse_documents(SMALL + "  priority: 1\n  priority: 2\n")

    assert parsed.policies == ()
    assert [(p.line, p.path, p.message) for p in parsed.problems] == [(7, "spec.priority", "is given twice")]


def test_a_key_given_twice_in_a_list_harms_only_its_policy() -> None:
    head = "{apiVersion: costward.dev/v1alpha1, kind: CostPolicy"
    parsed = parse_documents(
        "{apiVersion: v1, kind: List, items: ["
        f"{head}, metadata: {{name: a}}, spec: {{owner: {{team: t}}}}}}, "
        f"{head}, metadata: {{name: b, name: c}}, spec: {{owner: {{team: t}}}}}}]}}"
    )

    assert [policy.metadata.name for policy in parsed.policies] == ["a"]
    assert [problem.path for problem in parsed.problems] == ["items[1].metadata.name"]


@pytest.mark.parametrize(
    ("field", "shown"),
    [("cache: {mode: Off}", "Off"), ("cache: {ttl: 24}", "24"), ("owner: {team: 1_000.50}", "1_000.50")],
)
def test_what_yaml_misreads_is_quoted_as_written(field: str, shown: str) -> None:
    text = SMALL.replace("owner: {team: t}", field) if field.startswith("owner") else f"{SMALL}  {field}\n"
    (problem,) = parse_documents(text).problems

    assert problem.value == shown
    assert problem.message.endswith(f'write it in quotes, "{shown}"')


def test_off_in_quotes_is_off() -> None:
    (policy,) = parse_documents(SMALL + '  cache: {mode: "Off"}\n').policies

    assert policy.spec.cache.mode == "Off"


def test_anchors_work() -> None:
    (policy,) = parse_documents(
        SMALL
        + "  identity: {user: &front {header: x-user, trustedFrom: &who [web]}, "
        + "tier: {header: x-tier, trustedFrom: *who}}\n"
    ).policies

    assert policy.spec.identity.tier is not None
    assert policy.spec.identity.tier.trusted_from == ("web",)


def test_merge_keys_are_told() -> None:
    assert told(SMALL + "  cache: {<<: {mode: Observe}}\n")[0][1:] == (
        "spec.cache[\"<<\"]",
        "merge keys are not supported: repeat the fields, or put `*name` in their place",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [*x]", "nested too deeply, or an anchor that contains itself"),
        ("[" * 3000, "nested too deeply"),
        ("a: !!python/object:os.system x", "has a YAML tag that is not allowed here"),
        ("a: !mine [1]", "has a YAML tag that is not allowed here"),
        ("? [1]\n: 2", "has a key that is not text"),
        ('"\\U00110000"', "not valid YAML: it holds characters that YAML does not allow"),
        ("a: \x07", "not valid YAML: it holds characters that YAML does not allow"),
        ("a: *nobody", "not valid YAML: found undefined alias 'nobody'"),
        ("a: [1", "not valid YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_what_is_no_policy_text_is_told(text: str, said: str) -> None:
    parsed = parse_documents(text)

    assert parsed.policies == ()
    assert said in [problem.message for problem in parsed.problems]


def test_anchors_that_multiply_themselves_stop() -> None:
    levels = "".join(f"l{n + 1}: &l{n + 1} [{', '.join([f'*l{n}'] * 10)}]\n" for n in range(12))

    assert told(f"l0: &l0 x\n{levels}") == [(None, "", "expands to more than 100000 values")]


def test_numbers_too_long_for_python_are_told() -> None:
    problems = parse_documents(f"{SMALL}  priority: {'9' * 5000}\n  workloads: 0x{'f' * 5000}\n").problems

    assert {problem.path for problem in problems} == {"spec.priority", "spec.workloads"}
    assert all(len(problem.value or "") <= 80 for problem in problems)


def test_text_that_cannot_be_encoded_is_told() -> None:
    (problem,) = parse_documents(SMALL.replace("team: t", 'team: "\\uD800"')).problems

    assert problem.path == "spec.owner.team"
    assert str(problem).encode()


def test_endless_problems_are_cut() -> None:
    problems = parse_documents(SMALL + "".join(f"x{n}: 1\n" for n in range(500))).problems

    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message == "and 400 more problems"
