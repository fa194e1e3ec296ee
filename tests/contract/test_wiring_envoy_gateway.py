"""The objects for Envoy Gateway: what its API can carry of the wiring, and the list of what it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.wiring import WiringError
from costward_contract.wiring.catalogue import named
from costward_contract.wiring.envoy_gateway import NOT_CARRIED, GatewaySpec, envoy_gateway_objects

SPEC = GatewaySpec(named(["openai", "anthropic"]), closed=frozenset({"anthropic"}))


def body(kind: str, name: str) -> dict[str, Any]:
    (found,) = [o for o in envoy_gateway_objects(SPEC) if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    spec: dict[str, Any] = found["spec"]
    return spec


def test_a_processor_fails_as_its_providers_policy_says() -> None:
    openai, anthropic = (body("EnvoyExtensionPolicy", n)["extProc"][0] for n in ("openai", "anthropic"))

    assert (openai["failOpen"], anthropic["failOpen"]) == (True, False)
    assert openai["messageTimeout"] == "1s"


def test_only_request_headers_are_sent_until_more_is_asked_for() -> None:
    mode = body("EnvoyExtensionPolicy", "openai")["extProc"][0]["processingMode"]

    assert mode["allowModeOverride"] is True
    assert "body" not in mode["request"]
    assert "response" not in mode


def test_a_provider_is_asked_by_its_own_name_over_checked_tls() -> None:
    assert body("Backend", "openai")["tls"] == {"wellKnownCACertificates": "System", "sni": "api.openai.com"}
    (rewrite,) = body("HTTPRoute", "openai")["rules"][0]["filters"]
    assert rewrite["urlRewrite"]["hostname"] == "api.openai.com"


def test_the_data_plane_must_show_its_name() -> None:
    assert body("BackendTLSPolicy", "costward-extproc")["validation"]["hostname"].startswith("costward-extproc.")


def test_long_prompts_and_long_answers_pass_and_nothing_is_retried() -> None:
    assert body("ClientTrafficPolicy", "costward")["connection"]["bufferLimit"] == "32Mi"
    policy = body("BackendTrafficPolicy", "costward")
    assert policy["timeout"]["http"]["requestTimeout"] == "0s"
    assert policy["retry"] == {"numRetries": 0}


def test_what_it_cannot_carry_is_said() -> None:
    told = " ".join(NOT_CARRIED)

    assert all(word in told for word in ("mutation_rules", "EnvoyPatchPolicy", "initial_metadata"))


def test_all_objects_carry_one_hash() -> None:
    marks = {o["metadata"]["annotations"]["costward.dev/wiring-hash"] for o in envoy_gateway_objects(SPEC)}

    assert len(marks) == 1


def test_no_provider_is_a_problem() -> None:
    with pytest.raises(WiringError, match="name at least one"):
        envoy_gateway_objects(GatewaySpec(()))
