"""Whose calls a policy governs, and that thousands of them are judged as each alone would be."""

from __future__ import annotations

from typing import Any

from costward_operator.core.governed import traffic_of
from costward_operator.core.objects import read
from costward_operator.proof.evidence import Evidence, Path, ProxyView, Traffic
from costward_operator.proof.verdict import proofs_of, prove
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.apiserver_objects import seen, spec

SIDECARS = Path("sidecar", "", "", "sha256:new", frozenset({"api.openai.com"}))
EGRESS = Path("gateway", "edge", "egress", "sha256:new", frozenset({"api.openai.com"}))
NAMES = st.sampled_from(["a", "b", "c"])


def cluster_policy(**spec_: Any) -> Traffic:
    body = {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "ClusterCostPolicy",
        "metadata": {"name": "platform", "uid": "u", "generation": 1},
        "spec": {"owner": {"team": "platform"}, "overrides": {"failurePolicy": "Open"}, **spec_},
    }
    found = read(body, kind="ClusterCostPolicy")
    assert found is not None
    (traffic,) = traffic_of([found])
    return traffic


def test_a_teams_policy_governs_its_accounts_in_its_namespace() -> None:
    chosen = seen("bot", "shop", spec_={**spec(), "workloads": {"serviceAccounts": ["web"]}})

    assert traffic_of([chosen]) == (Traffic("shop/bot", frozenset({"shop"}), frozenset({"web"})),)


def test_a_platforms_policy_governs_what_it_names_or_all() -> None:
    refs = [
        {"group": "", "kind": "Namespace", "name": "shop"},
        {"group": "", "kind": "Service", "namespace": "tools", "name": "llm"},
    ]

    assert cluster_policy() == Traffic("platform")
    assert cluster_policy(targetRefs=refs) == Traffic("platform", frozenset({"shop", "tools"}))


def test_what_cannot_be_read_governs_nothing() -> None:
    assert traffic_of([seen("broken", spec_={"owner": 1})]) == ()


PROXIES = st.builds(
    ProxyView,
    name=NAMES,
    kind=st.sampled_from(["sidecar", "router"]),
    namespace=st.sampled_from(["a", "b", "edge"]),
    service_account=NAMES,
    hash=st.sampled_from([None, "sha256:old", "sha256:new"]),
    hosts=st.just(frozenset({"api.openai.com"})),
)
TRAFFIC = st.builds(
    Traffic, ref=st.uuids().map(str), namespaces=st.frozensets(NAMES), service_accounts=st.frozensets(NAMES)
)


@given(
    st.lists(TRAFFIC, max_size=5),
    st.none() | st.lists(PROXIES, max_size=4).map(tuple),
    st.dictionaries(st.tuples(NAMES, NAMES), st.sampled_from([0.0, 900.0, 1000.0])),
    st.sampled_from([(), (SIDECARS,), (EGRESS,), (SIDECARS, EGRESS)]),
)
def test_together_they_are_judged_as_each_alone(governed: Any, proxies: Any, exchanges: Any, paths: Any) -> None:
    evidence = Evidence(paths, proxies=proxies, seen=exchanges, at=1000.0, problem="down")

    assert proofs_of(governed, evidence) == {one.ref: prove(one, evidence) for one in governed}
