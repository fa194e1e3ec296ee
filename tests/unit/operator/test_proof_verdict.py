"""What is proven of a policy's path, by each kind of evidence, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from costward_operator.proof.evidence import Answer, Evidence, Path, ProxyView, Traffic
from costward_operator.proof.verdict import SEEN_S, bypass_of, prove

HOSTS = frozenset({"openai.costward-system.svc.cluster.local", "api.openai.com"})
GATEWAY = Path("gateway", "istio-egress", "egress", "sha256:new", HOSTS, "http://egress")
SIDECARS = Path("sidecar", "", "", "sha256:new", HOSTS)
TRAFFIC = Traffic("shop/bot", frozenset({"shop"}), frozenset({"bot"}))
SIDECAR = ProxyView("bot-1.shop", "sidecar", "shop", "bot", "sha256:new", HOSTS)
NOW = 10_000.0


def look(*paths: Path, **more: Any) -> Evidence:
    return Evidence(paths, at=NOW, **more)


def test_an_answer_through_the_gateway_with_the_wirings_hash_verifies() -> None:
    proof = prove(TRAFFIC, look(GATEWAY, answers={GATEWAY: Answer("sha256:new")}))

    assert (proof.kind, "istio-egress/egress" in proof.message) == ("Verified", True)


@pytest.mark.parametrize("answer", [Answer("sha256:old"), Answer(problem="404")])
def test_a_gateway_that_answers_otherwise_outweighs_all_else(answer: Answer) -> None:
    seen = {("shop", "bot"): NOW}
    proof = prove(TRAFFIC, look(GATEWAY, SIDECARS, answers={GATEWAY: answer}, proxies=(SIDECAR,), seen=seen))

    assert proof.kind == "Unproven"


def test_sidecars_that_istiod_gave_the_filter_are_configured() -> None:
    assert prove(TRAFFIC, look(SIDECARS, proxies=(SIDECAR,))).kind == "Configured"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"hash": None}, "no filter"),
        ({"hash": "sha256:old"}, "sha256:old"),
        ({"has_data_plane": False}, "Sidecar resource"),
        ({"hosts": HOSTS - {"api.openai.com"}}, "api.openai.com"),
        ({"rejected": "bad regex"}, "bad regex"),
    ],
)
def test_one_proxy_that_lacks_a_part_unproves_and_is_named(changed: dict[str, Any], word: str) -> None:
    other = replace(SIDECAR, name="bot-2.shop", **changed)
    proof = prove(TRAFFIC, look(SIDECARS, proxies=(SIDECAR, other), seen={("shop", "bot"): NOW}))

    assert proof.kind == "Unproven"
    assert "bot-2.shop" in proof.message
    assert word in proof.message


def test_another_accounts_proxy_is_none_of_this_policys() -> None:
    other = replace(SIDECAR, service_account="batch", hash=None)

    assert prove(TRAFFIC, look(SIDECARS, proxies=(SIDECAR, other))).kind == "Configured"


@pytest.mark.parametrize(("age", "kind"), [(0, "Seen"), (SEEN_S, "Seen"), (SEEN_S + 1, "Unproven")])
def test_exchanges_prove_for_some_minutes(age: float, kind: str) -> None:
    assert prove(TRAFFIC, look(SIDECARS, seen={("shop", "bot"): NOW - age})).kind == kind


def test_without_evidence_the_reason_says_what_is_missing() -> None:
    assert "no wiring" in prove(TRAFFIC, look()).message
    assert "refused" in prove(TRAFFIC, look(SIDECARS, problem="connection refused")).message
    assert "no proxy" in prove(TRAFFIC, look(SIDECARS, proxies=())).message


def test_a_sidecar_that_lets_unknown_hosts_pass_can_be_gone_around() -> None:
    assert bypass_of(TRAFFIC, look(SIDECARS, proxies=(SIDECAR,))) == ""
    assert "bot-1.shop" in bypass_of(TRAFFIC, look(SIDECARS, proxies=(replace(SIDECAR, is_open=True),)))
