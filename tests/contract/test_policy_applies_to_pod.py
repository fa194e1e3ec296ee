"""Of all policies that could apply to a pod's calls, each is told with its role and the reason for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from costward_cli.cluster.applying import Applying, applying, workload_of
from costward_cli.policy.account import Asking
from costward_cli.policy.request_file import read_request
from costward_cli.problems import CliError
from costward_extproc.core.identity import governing

POD = {"metadata": {"name": "bot-1", "namespace": "shop"}, "spec": {"serviceAccountName": "bot", "containers": []}}
WORKLOAD = workload_of(POD, "here")


def team(name: str, **spec: Any) -> dict[str, Any]:
    created = spec.pop("created", "2026-01-01T00:00:00Z")
    metadata = {"name": name, "namespace": "shop", "creationTimestamp": created}
    spec = {"owner": {"team": "shop"}, **spec}
    return {"apiVersion": "costward.dev/v1alpha1", "kind": "CostPolicy", "metadata": metadata, "spec": spec}


def platform(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"owner": {"team": "platform"}, **spec}
    return {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "ClusterCostPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def roles(found: Applying) -> dict[str, str]:
    return {one.ref: one.role for one in found.policies}


def why(found: Applying, ref: str) -> str:
    return next(one.why for one in found.policies if one.ref == ref)


def test_priority_then_age_then_name_say_who_governs() -> None:
    older = "2025-01-01T00:00:00Z"
    found = applying(WORKLOAD, [team("b"), team("a"), team("first", priority=5), team("old", created=older)])

    assert roles(found) == {"shop/first": "governs", "shop/old": "later", "shop/a": "later", "shop/b": "later"}
    assert why(found, "shop/old") == "shop/first goes before it: priority 5, this one 0"
    without = applying(WORKLOAD, [team("b"), team("a"), team("old", created=older)])
    assert why(without, "shop/a") == "shop/old goes before it: the priority is the same, and it is older"
    assert "its name comes first" in why(applying(WORKLOAD, [team("b"), team("a")]), "shop/b")


def test_another_service_accounts_policy_is_elsewhere() -> None:
    found = applying(WORKLOAD, [team("web", priority=9, workloads={"serviceAccounts": ["web"]}), team("rest")])

    assert roles(found) == {"shop/rest": "governs", "shop/web": "elsewhere"}
    assert "service accounts web, not bot" in why(found, "shop/web")


def test_the_platform_replaces_reaches_or_does_not() -> None:
    cap = {"tiers": [{"name": "any", "caps": [{"per": "Workload", "window": "Day", "limitUSD": "1"}]}]}
    other = [{"group": "", "kind": "Namespace", "name": "other"}]
    found = applying(
        WORKLOAD,
        [
            team("own", cache={"mode": "Enforce"}),
            platform("calm", overrides={"cache": {"mode": "Observe"}}),
            platform("caps", defaults=cap),
            platform("theirs", defaults=cap, targetRefs=other),
        ],
    )

    assert roles(found) == {"shop/own": "governs", "calm": "overrides", "caps": "defaults", "theirs": "elsewhere"}
    assert why(found, "calm") == "it reaches the cluster and replaces parts of shop/own"
    governs = governing(found.snapshot, WORKLOAD)
    assert governs is not None
    assert governs.cache.mode == "Observe"


def test_without_a_teams_policy_the_platforms_governs() -> None:
    found = applying(WORKLOAD, [platform("calm", defaults={"cache": {"mode": "Observe"}})])

    assert roles(found) == {"calm": "governs"}


def test_what_cannot_be_taken_is_refused_with_every_reason() -> None:
    broken = team("broken")
    broken["spec"]["prioritty"] = 3

    found = applying(WORKLOAD, [broken, team("fine")])

    assert roles(found) == {"shop/fine": "governs", "shop/broken": "refused"}
    assert "prioritty" in why(found, "shop/broken")


def test_a_pod_without_an_account_has_its_namespaces_default() -> None:
    assert str(workload_of({"metadata": {"namespace": "shop"}, "spec": {}}, "here")) == "here/shop/default"


def test_a_request_tells_model_tools_and_length(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "word " * 800}]}
    file.write_text(json.dumps(body))

    read = read_request(Asking(WORKLOAD), file, "/v1/chat/completions")

    assert (read.model, read.tools) == ("gpt-5", False)
    assert 900 < read.prompt_tokens < 1_200
    file.write_text("[")
    with pytest.raises(CliError, match=r"no request of openai\.chat"):
        read_request(Asking(WORKLOAD), file, "/v1/chat/completions")
