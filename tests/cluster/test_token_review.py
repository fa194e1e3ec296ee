"""A token asked for by TokenRequest is reviewed as its account's, for its own audience and for no other."""

from __future__ import annotations

from typing import Any

from tests.cluster.bench.api import Api

AUDIENCE = "costward-operator"


def review(api: Api, token: str, audience: str) -> dict[str, Any]:
    spec = {"token": token, "audiences": [audience]}
    answer = api.create({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec})
    status: dict[str, Any] = answer["status"]
    return status


def test_a_token_is_its_accounts(api: Api) -> None:
    status = review(api, api.token_for("default", AUDIENCE), AUDIENCE)

    assert status["authenticated"] is True
    assert status["audiences"] == [AUDIENCE]
    assert status["user"]["username"] == f"system:serviceaccount:{api.namespace}:default"


def test_a_token_for_another_audience_is_refused(api: Api) -> None:
    status = review(api, api.token_for("default"), AUDIENCE)

    assert status.get("authenticated", False) is False
    assert "audience" in status["error"]


def test_a_made_up_token_is_refused(api: Api) -> None:
    assert review(api, "made-up", AUDIENCE).get("authenticated", False) is False
