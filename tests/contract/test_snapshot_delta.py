"""A delta leads from one snapshot to the other, says only what changed, and a wrong one is found."""

from dataclasses import replace

import pytest
from costward_contract.codec import decode, encode, seal
from costward_contract.delta import Parts, applied, difference, parts_of, sealed_of, snapshot_of
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import Destination, Target
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import snapshots


def snapshot(*names: str) -> bytes:
    return encode(snapshots.snapshot(*names))


def led(old: Parts, new: Parts) -> bytes:
    return sealed_of(applied(old, difference(old, new), new.hash))


NAMES = st.lists(st.sampled_from([f"p{n}" for n in range(12)]), unique=True, max_size=12)


def with_destinations(names: list[str], destinations: list[str]) -> bytes:
    found = tuple(
        Destination((Target("", "Service", "team", name),), policy)
        for name in destinations
        for policy in snapshots.snapshot(name).policies
    )
    return encode(seal(replace(snapshots.snapshot(*names), destinations=found)))


@given(NAMES, NAMES, NAMES, NAMES)
def test_any_snapshot_leads_to_any_other(
    before: list[str], after: list[str], destinations: list[str], others: list[str]
) -> None:
    old, new = with_destinations(before, destinations), with_destinations(after, others)
    update = parts_of(new)
    assert led(parts_of(old), update) == new
    assert snapshot_of(update, {}) == decode(new)


def test_one_new_policy_among_many_is_sent_alone() -> None:
    names = [f"p{n:03}" for n in range(300)]
    old, new = parts_of(snapshot(*names)), parts_of(snapshot(*names[:100], "fresh", *names[101:]))
    delta = difference(old, new)
    assert [step.WhichOneof("does") for step in delta.steps] == ["keep", "added", "skip", "keep"]
    assert delta.ByteSize() < 1_000


def test_a_delta_for_another_base_is_refused() -> None:
    old, new = parts_of(snapshot("a")), parts_of(snapshot("a", "b"))
    with pytest.raises(SnapshotError, match="another snapshot"):
        applied(new, difference(old, new), new.hash)


def test_a_delta_that_leads_elsewhere_is_refused() -> None:
    old, new, other = parts_of(snapshot("a")), parts_of(snapshot("a", "b")), parts_of(snapshot("c"))
    with pytest.raises(SnapshotError, match="does not lead"):
        sealed_of(applied(old, difference(old, new), other.hash))


def test_a_torn_policy_is_refused() -> None:
    old = parts_of(snapshot("a"))
    with pytest.raises(SnapshotError, match="torn"):
        sealed_of(Parts(old.hash, old.schema_version, (old.policies[0][:-3],)))
