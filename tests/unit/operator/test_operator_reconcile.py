"""Everything that is known -> the snapshot and the statuses; a bad policy harms only itself."""

from __future__ import annotations

import random

from costward_contract.compiler import compile_policies
from costward_contract.memory import Memory
from costward_operator.core.delivery import HISTORY, DataPlane, Delivery, Digests, Proof, Published, contents
from costward_operator.core.reconcile import compile_seen, status_changes

from tests.fakes.apiserver_objects import LATER, NOW, policy, seen, spec

NAMES = tuple(f"p{number}" for number in range(6))


def test_a_policy_that_cannot_be_read_harms_only_itself() -> None:
    good, bad = seen("good"), seen("bad", spec_={"owner": 7})

    compiled = compile_seen([good, bad])

    assert [each.ref for each in compiled.snapshot.policies] == ["team/good"]
    assert compiled.snapshot.hash == compile_seen([good]).snapshot.hash
    assert (compiled.judgements[good.uid].refused, compiled.judgements[bad.uid].refused) == (None, "Invalid")
    assert "spec.owner" in compiled.judgements[bad.uid].message


def test_a_policy_that_contradicts_itself_is_invalid_with_the_compilers_words() -> None:
    bad = seen("bad", spec_={**spec(), "routing": {"rules": [{"when": {"taskType": "x"}, "use": "huge"}]}})

    compiled = compile_seen([bad])

    assert compiled.judgements[bad.uid].refused == "Invalid"
    assert "routing.rules[0].use" in compiled.judgements[bad.uid].message


def test_the_order_of_what_was_seen_means_nothing() -> None:
    objects = [seen(name, version=at) for at, name in enumerate(NAMES, start=1)]
    shuffled = random.Random(3).sample(objects, len(objects))

    assert compile_seen(shuffled).snapshot == compile_seen(objects).snapshot


def test_a_status_write_changes_no_hash() -> None:
    plain, told = seen("a"), seen("a", version=9, status={"conditions": []})

    assert compile_seen([plain]).snapshot == compile_seen([told]).snapshot


def test_statuses_converge_in_one_round() -> None:
    objects = [seen(name) for name in NAMES]
    compiled = compile_seen(objects)
    published = Published()
    published.remember(compiled.snapshot.hash, compiled.contents)
    delivery = Delivery(
        (DataPlane("one", acked=compiled.snapshot.hash),), {each.ref: Proof("Seen") for each in objects}
    )

    first = status_changes(objects, compiled, delivery, published, NOW)
    told = [seen(change.seen.name, status=change.status) for change in first]

    assert len(first) == len(NAMES)
    assert status_changes(told, compiled, delivery, published, LATER) == ()


def test_an_object_that_came_after_the_compile_waits_for_the_next() -> None:
    compiled = compile_seen([])

    assert status_changes([seen()], compiled, Delivery(), Published(), NOW) == ()


def test_a_policys_digest_moves_with_its_compiled_form_alone() -> None:
    alone = contents(compile_seen([seen("a")]).snapshot)
    beside = contents(compile_seen([seen("a"), seen("b")]).snapshot)
    edited = contents(compile_seen([seen("a", spec_=spec(limit="6"))]).snapshot)

    assert alone["team/a"] == beside["team/a"] != edited["team/a"]


def test_digests_that_are_kept_are_those_worked_out_anew() -> None:
    memory, digests = Memory(), Digests()
    for round in (("a", "b"), ("a", "b"), ("b", "c"), ("c",)):
        snapshot = compile_seen([seen(name) for name in round], memory=memory).snapshot
        assert contents(snapshot, digests) == contents(snapshot, digests) == contents(snapshot)


def test_only_so_many_snapshots_are_remembered() -> None:
    published = Published()
    for number in range(HISTORY + 1):
        published.remember(f"h{number}", {"team/bot": "d"})

    assert not published.holds("h0", "team/bot", "d")
    assert published.holds("h1", "team/bot", "d")


def test_no_policies_make_an_empty_snapshot() -> None:
    assert compile_seen([]).snapshot == compile_policies(())[0]
    assert policy()["kind"] == "CostPolicy"
