"""Which counters an exchange charges: by the cap's subject, in its window, under names without clear text."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.snapshot import CapSubject, HeaderSource, Identity, Tier
from costward_extproc.core.events import Stand
from costward_extproc.core.ledger import Charge

from tests.fakes.world import World, chat, policy, tier

IDENTITY = Identity(
    user=HeaderSource("x-user-id", trusted_from=("app",)),
    tier=HeaderSource("x-user-tier", trusted_from=("app",), default="free"),
    session_headers=("x-session-id",),
)


def _charge(per: CapSubject, headers: dict[str, str], identity: Identity = IDENTITY, **members: Any) -> Charge:
    world = World.of(policy(tiers=(tier(per=per),), identity=identity))
    charges = world.ask(chat(**members), headers).only(Stand).charges
    assert len(charges) == 1
    charge: Charge = charges[0]
    return charge


@pytest.mark.parametrize(
    ("per", "apart"),
    [
        ("User", {"x-user-id": "bob"}),
        ("Session", {"x-session-id": "s2"}),
    ],
)
def test_each_subject_has_its_own_count(per: CapSubject, apart: dict[str, str]) -> None:
    headers = {"x-user-id": "ann", "x-session-id": "s1"}
    assert _charge(per, headers).key == _charge(per, headers).key
    assert _charge(per, headers).key != _charge(per, headers | apart).key


@pytest.mark.parametrize("per", ["Workload", "Policy", "Tier"])
def test_other_subjects_share_one(per: CapSubject) -> None:
    ann = _charge(per, {"x-user-id": "ann", "x-session-id": "s1"})
    assert ann == _charge(per, {"x-user-id": "bob", "x-session-id": "s2"})


def test_the_model_opens_no_second_count() -> None:
    assert _charge("User", {"x-user-id": "ann"}) == _charge("User", {"x-user-id": "ann"}, model="gpt-5-mini")


def test_dropping_the_user_header_frees_nobody() -> None:
    nobody = _charge("User", {})
    assert nobody.key == _charge("User", {"x-user-id": ""}).key
    assert nobody.key != _charge("User", {"x-user-id": "ann"}).key


def test_a_user_header_from_an_untrusted_account_opens_no_count() -> None:
    other = Identity(user=HeaderSource("x-user-id", trusted_from=("web-frontend",)))
    assert _charge("User", {"x-user-id": "ann"}, other) == _charge("User", {"x-user-id": "bob"}, other)


def test_keys_hold_no_clear_text() -> None:
    for per in ("User", "Session"):
        key = _charge(per, {"x-user-id": "ann@example.com", "x-session-id": "chat-of-ann"}).key
        assert "ann" not in key
        assert key.startswith(f"cw1:{{team/bot}}:cap:default/{per}/Day:")
        assert key.endswith(":1799971200"), "the start of the window"


def test_each_window_has_its_own_count() -> None:
    world = World.of(policy(tiers=(tier(),)))
    first = world.ask(chat()).only(Stand).charges[0]
    world.now += 86_400
    second = world.ask(chat("Another question")).only(Stand).charges[0]
    assert first.key != second.key
    assert second.resets_at - first.resets_at == 86_400


@pytest.mark.parametrize(
    ("name", "expected"), [("pro", "pro"), ("free", "free"), ("gold", "free"), ("", "free"), (None, "free")]
)
def test_the_tier_decides_which_caps(name: str | None, expected: str) -> None:
    tiers = (Tier("other"), Tier("pro", tier(5).caps), Tier("free", tier(1).caps))
    world = World.of(policy(tiers=tiers, identity=IDENTITY))
    run = world.ask(chat(), {} if name is None else {"x-user-tier": name})
    assert run.record.tier == expected
    assert run.record.caps[0].limit == {"pro": 5, "free": 1}[expected]


def test_an_untrusted_tier_header_is_ignored() -> None:
    untrusted = Identity(tier=HeaderSource("x-user-tier", trusted_from=("web-frontend",), default="free"))
    world = World.of(policy(tiers=(Tier("pro"), Tier("free")), identity=untrusted))
    assert world.ask(chat(), {"x-user-tier": "pro"}).record.tier == "free"


def test_without_caps_nothing_is_asked_of_the_ledger() -> None:
    run = World.of(policy()).ask(chat())
    assert not run.has(Stand)
    assert run.record.reserved == 0
