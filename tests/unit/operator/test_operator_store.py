"""The store holds what the API server holds, whatever the watch loses, repeats or delays."""

from __future__ import annotations

import pytest
from costward_operator.core.objects import read
from costward_operator.core.store import Dirty, Drift, Listing, Store

from tests.fakes.apiserver_objects import policy, seen, spec


def names(store: Store) -> set[str]:
    return {each.name for each in store.objects()}


def listed(*bodies: dict[str, object], version: int) -> Listing:
    return Listing([found for body in bodies if (found := read(body))], version)


def test_nothing_is_complete_before_a_full_list() -> None:
    store = Store()
    store.apply("ADDED", policy("a"))
    before = store.complete

    store.replace(listed(policy("a"), version=1))

    assert (before, store.complete) == (False, True)


def test_an_empty_first_list_is_worth_a_compile() -> None:
    store = Store()

    store.replace(listed(version=1))

    assert store.take_dirty() == Dirty.SPEC


def test_a_list_removes_what_was_deleted_unseen() -> None:
    store = Store()
    store.replace(listed(policy("a"), policy("b"), version=5))

    drift = store.replace(listed(policy("b"), version=9))

    assert (names(store), drift) == ({"b"}, Drift(vanished=1))


def test_a_list_keeps_what_came_after_it() -> None:
    store = Store()
    store.apply("ADDED", policy("young", version=12))

    drift = store.replace(listed(policy("old", version=3), version=10))

    assert (names(store), drift) == ({"old", "young"}, Drift(appeared=1))


def test_a_list_does_not_bring_back_what_was_deleted_after_it() -> None:
    store = Store()
    store.apply("ADDED", policy("a", version=3))
    store.apply("DELETED", policy("a", version=12))

    store.replace(listed(policy("a", version=3), version=10))

    assert names(store) == set()


def test_an_event_from_before_the_list_changes_nothing() -> None:
    store = Store()
    store.replace(listed(version=10))
    store.take_dirty()

    store.apply("ADDED", policy("deleted since", version=8))

    assert (names(store), store.take_dirty()) == (set(), Dirty.NO)


def test_an_older_version_does_not_replace_a_newer_one() -> None:
    store = Store()
    store.apply("MODIFIED", policy("a", version=7, generation=3))

    store.apply("MODIFIED", policy("a", version=6, generation=2))

    assert [each.generation for each in store.objects()] == [3]


def test_a_name_used_again_replaces_the_object_whose_deletion_was_lost() -> None:
    store = Store()
    store.apply("ADDED", policy("a", uid="first", version=1))

    store.apply("ADDED", policy("a", uid="second", version=2))

    assert [each.uid for each in store.objects()] == ["second"]


def test_a_late_deletion_of_the_former_object_leaves_the_present_one() -> None:
    store = Store()
    store.apply("ADDED", policy("a", uid="first", version=1))
    store.apply("ADDED", policy("a", uid="second", version=3))

    store.apply("DELETED", policy("a", uid="first", version=2))

    assert [each.uid for each in store.objects()] == ["second"]


def test_a_restored_api_server_is_believed_although_its_versions_are_lower() -> None:
    store = Store()
    store.replace(listed(policy("a", version=900), policy("b", version=901), version=1_000))

    store.replace(listed(policy("a", version=50), version=60))

    assert [(each.name, each.version) for each in store.objects()] == [("a", 50)]


def test_an_api_server_without_numbers_for_versions_is_followed_too() -> None:
    store = Store()
    store.apply("ADDED", policy("a", version=5))

    store.replace(Listing([], 0))

    assert names(store) == set()


def test_a_status_write_is_no_reason_to_compile() -> None:
    store = Store()
    store.apply("ADDED", policy("a", version=1))
    store.take_dirty()

    store.apply("MODIFIED", policy("a", version=2, status={"conditions": []}))
    touched = store.take_dirty()
    store.apply("MODIFIED", policy("a", version=3, status={"conditions": []}))

    assert (touched, store.take_dirty()) == (Dirty.STATUS, Dirty.NO)


def test_a_spec_is_parsed_once_a_generation() -> None:
    store = Store()
    store.apply("ADDED", policy("a", version=1))
    first = store.objects()[0].policy

    store.apply("MODIFIED", policy("a", version=2, status={"x": 1}))

    assert store.objects()[0].policy is first


def test_a_new_generation_is_compiled() -> None:
    store = Store()
    store.apply("ADDED", policy("a", version=1))
    store.take_dirty()

    store.apply("MODIFIED", policy("a", version=2, generation=2, spec_=spec("others")))

    parsed = store.objects()[0].policy
    assert (store.take_dirty(), parsed and parsed.spec.owner.team) == (Dirty.SPEC, "others")


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": {"name": "a"}}, {"metadata": {"uid": 7}}])
def test_what_is_no_object_is_left_alone(body: dict[str, object]) -> None:
    store = Store()

    store.apply("ADDED", body)

    assert store.objects() == ()


def test_a_spec_that_cannot_be_read_is_kept_with_its_problems() -> None:
    found = seen(spec_={"owner": {"team": "x"}, "modles": []})

    assert found.policy is None
    assert found.problems == ("spec.modles: unknown field; did you mean models?",)


def test_a_policy_without_targets_attaches_to_its_namespace() -> None:
    assert [(t.kind, t.name, t.namespace) for t in seen(namespace="team").targets] == [("Namespace", "team", "")]
