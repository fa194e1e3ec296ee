"""Snapshots survive the wire whole, or are refused with the reason."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from costward_contract.codec import decode, encode, seal
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import (
    Alias,
    CachePolicy,
    Cap,
    Destination,
    FallbackPolicy,
    FixedThreshold,
    HeaderSource,
    Identity,
    LadderStep,
    Owner,
    Policy,
    PriceOverride,
    RoutingPolicy,
    RoutingRule,
    Rung,
    Snapshot,
    Target,
    Tier,
    When,
)
from costward_contract.v1 import snapshot_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = st.text(max_size=8)
AMOUNT = st.integers(0, 2**63 - 1)
HEADERS = st.builds(HeaderSource, TEXT, st.lists(TEXT, max_size=2).map(tuple), st.none() | TEXT)
TIERS = st.builds(
    Tier,
    TEXT,
    st.lists(st.builds(Cap, id=TEXT, limit=AMOUNT, scope=TEXT), max_size=2).map(tuple),
    st.lists(st.builds(LadderStep, at_ppm=AMOUNT, rung=st.none() | TEXT, text=st.none() | TEXT), max_size=2).map(tuple),
)
WHEN = st.builds(When, st.none() | TEXT, st.none() | st.booleans(), st.none() | AMOUNT, st.none() | AMOUNT)
POLICIES = st.builds(
    Policy,
    namespace=TEXT,
    name=TEXT,
    generation=AMOUNT,
    cache_epoch=TEXT,
    owner=st.builds(Owner, TEXT, st.none() | TEXT),
    priority=st.integers(-(2**31), 2**31 - 1),
    service_accounts=st.lists(TEXT, max_size=2).map(tuple),
    models=st.lists(
        st.builds(Rung, TEXT, TEXT, st.none() | st.builds(PriceOverride, AMOUNT, AMOUNT, st.none() | AMOUNT)),
        max_size=2,
    ).map(tuple),
    aliases=st.lists(st.builds(Alias, TEXT, st.lists(TEXT, max_size=2).map(tuple)), max_size=2).map(tuple),
    identity=st.builds(Identity, st.none() | HEADERS, st.none() | HEADERS, st.lists(TEXT, max_size=2).map(tuple)),
    tiers=st.lists(TIERS, max_size=2).map(tuple),
    unpriced=st.sampled_from(["Pass", "Refuse"]),
    cache=st.builds(
        CachePolicy,
        ttl_s=AMOUNT,
        semantic=st.none() | st.builds(FixedThreshold, AMOUNT),
        bypass=st.lists(st.sampled_from(("TimeSensitive", "ToolCalls")), max_size=2).map(tuple),
    ),
    routing=st.builds(
        RoutingPolicy,
        rewrite_named_models=st.booleans(),
        rules=st.lists(st.builds(RoutingRule, WHEN, TEXT), max_size=2).map(tuple),
        fallback=st.none() | st.builds(FallbackPolicy, st.just(("ServerError", "Timeout")), AMOUNT),
    ),
)
POLICY = Policy(
    "ns", "p", 1, "", Owner("t"), 0, (), (), (), Identity(), (Tier("default"),), CachePolicy(), RoutingPolicy(), "Open"
)
TARGETS = st.builds(Target, group=TEXT, namespace=TEXT, name=TEXT, section=TEXT)
DESTINATIONS = st.builds(Destination, st.lists(TARGETS, max_size=2).map(tuple), POLICIES)
SNAPSHOTS = st.builds(
    lambda policies, destinations: seal(Snapshot(tuple(policies), destinations=tuple(destinations))),
    st.lists(POLICIES, max_size=2),
    st.lists(DESTINATIONS, max_size=1),
)


@settings(deadline=None)
@given(SNAPSHOTS)
def test_what_is_encoded_is_decoded(snapshot: Snapshot) -> None:
    assert decode(encode(snapshot)) == snapshot
    assert encode(decode(encode(snapshot))) == encode(snapshot)


@settings(deadline=None)
@given(SNAPSHOTS, SNAPSHOTS)
def test_the_hash_is_the_contents(one: Snapshot, other: Snapshot) -> None:
    same = (one.policies, one.destinations) == (other.policies, other.destinations)
    assert (one.hash == other.hash) == same
    assert seal(replace(one, hash="stale")) == one


@settings(deadline=None)
@given(SNAPSHOTS, st.data())
def test_a_torn_snapshot_is_refused(snapshot: Snapshot, data: st.DataObject) -> None:
    whole = encode(snapshot)
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(SnapshotError):
        decode(whole[:cut])


@settings(deadline=None)
@given(SNAPSHOTS, st.data())
def test_a_changed_byte_is_refused(snapshot: Snapshot, data: st.DataObject) -> None:
    changed = bytearray(encode(snapshot))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SnapshotError):
        decode(bytes(changed))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode(data)


def test_a_newer_schema_says_what_to_upgrade() -> None:
    with pytest.raises(SnapshotError, match="schema 2 and this Costward reads up to 1: upgrade the data plane"):
        decode(encode(Snapshot(schema_version=2)))


def test_a_name_that_is_not_known_is_refused() -> None:
    later = encode(Snapshot((replace(POLICY, failure_policy="Ajar"),)))  # type: ignore[arg-type]  # a later release's

    with pytest.raises(SnapshotError, match="unknown failure policy 'Ajar': upgrade the data plane"):
        decode(later)


def test_a_policy_from_before_unpriced_endpoints_lets_them_pass() -> None:
    sealed = pb.Sealed.FromString(encode(Snapshot((replace(POLICY, unpriced="Refuse"),))))
    earlier = pb.Snapshot.FromString(sealed.snapshot)
    earlier.policies[0].ClearField("unpriced")

    assert decode(seal_bytes(earlier.SerializeToString())).policies[0].unpriced == "Pass"


def test_a_snapshot_without_schema_is_refused() -> None:
    with pytest.raises(SnapshotError, match="no schema version"):
        decode(seal_bytes(b""))


def test_fields_of_a_later_release_keep_the_hash() -> None:
    """A newer control plane may add what this reader can do without; both must still speak of one hash."""
    body = pb.Snapshot(schema_version=1).SerializeToString() + b"\xfa\x01\x01x"  # field 31
    snapshot = decode(seal_bytes(body))

    assert snapshot.hash == pb.Sealed.FromString(seal_bytes(body)).hash


def seal_bytes(body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return pb.Sealed(hash=f"sha256:{digest}", snapshot=body).SerializeToString()
