"""Who may read an answer: never a caller of another scope, credential, language or provider."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from costward_contract.snapshot import CachePolicy, HeaderSource, Identity, Scope

from tests.fakes.world import World, chat, completion, policy

TRUSTS_APP = Identity(user=HeaderSource("x-user-id", trusted_from=("app",)))


def _world(scope: Scope, identity: Identity = TRUSTS_APP, epoch: str = "epoch") -> World:
    return World.of(policy(cache=CachePolicy(mode="Enforce", scope=scope), identity=identity, cache_epoch=epoch))


def _hits(world: World, *headers: dict[str, str]) -> bool:
    """Whether the last of these callers is served what the ones before were answered."""
    *before, last = headers
    for each in before:
        world.ask(chat(), each)
    return world.ask(chat(), last).answer is not None


ANN, BOB = {"x-user-id": "ann"}, {"x-user-id": "bob"}


def test_user_scope_keeps_users_apart() -> None:
    assert not _hits(_world("User"), ANN, BOB)
    assert _hits(_world("User"), ANN, BOB, ANN)


@pytest.mark.parametrize("scope", ["Tenant", "Workload", "Policy"])
def test_wider_scopes_share_among_users(scope: Scope) -> None:
    assert _hits(_world(scope), ANN, BOB)


def test_user_scope_without_a_user_has_no_cache() -> None:
    world = _world("User")
    run = world.ask(chat(), {})
    assert (run.record.cache.outcome, run.record.cache.reason) == ("bypass", "no-user")
    assert not world.entries
    assert not _hits(world, {})


def test_a_user_header_from_an_untrusted_account_is_nobody() -> None:
    world = _world("User", Identity(user=HeaderSource("x-user-id", trusted_from=("web-frontend",))))
    assert not _hits(world, ANN, ANN)
    assert world.records[-1].user is None
    assert world.records[-1].cache.reason == "no-user"


@pytest.mark.parametrize(("scope", "shared"), [("Workload", False), ("User", True), ("Tenant", True), ("Policy", True)])
def test_workloads_of_one_policy(scope: Scope, shared: bool) -> None:
    both = Identity(user=HeaderSource("x-user-id", trusted_from=("app", "other")))
    world = _world(scope, both)
    world.ask(chat(), ANN)
    world.workload = replace(world.workload, service_account="other")
    assert (world.ask(chat(), ANN).answer is not None) == shared


def test_a_hit_never_crosses_policies_or_their_epochs() -> None:
    world = _world("Workload")
    world.ask(chat())
    world.snapshot = _world("Workload", epoch="next").snapshot
    assert world.ask(chat()).upstream is not None
    world.snapshot = replace(world.snapshot, policies=(policy(name="heir"),))
    assert world.ask(chat()).upstream is not None


@pytest.mark.parametrize(
    "other",
    [
        {"authorization": "Bearer other"},
        {"authorization": ""},
        {"api-key": "k"},
        {"x-api-key": "k"},
        {"openai-organization": "org-2"},
        {"openai-project": "proj-2"},
        {"x-tenant-id": "t"},
        {"x-account": "a"},
        {"x-org-id": "o"},
        {"x-workspace-id": "w"},
        {"x-goog-user-project": "p"},
        {"x-portkey-config": "c"},
        {"x-portkey-provider": "p"},
        {"helicone-target-url": "https://b.example"},
        {"x-litellm-tags": "b"},
        {"cf-aig-metadata": "{}"},
        {"x-" + "a" * 300: "too long to be looked at"},
    ],
)
def test_a_hit_never_crosses_credentials(other: dict[str, str]) -> None:
    assert not _hits(_world("Policy"), {}, other)
    assert _hits(_world("Policy"), other, other)


@pytest.mark.parametrize(
    "other",
    [
        {"accept-language": "fr"},
        {":authority": "staging.example"},
        {":path": "/v1/chat/completions?api-version=2"},
    ],
)
def test_a_hit_never_crosses_languages_or_providers(other: dict[str, str]) -> None:
    assert not _hits(_world("Workload"), {}, other)
    assert _hits(_world("Workload"), other, other)


def test_another_port_of_the_proxy_keeps_the_cache() -> None:
    assert _hits(_world("Workload"), {":authority": "localhost:8080"}, {":authority": "localhost:8081"})


def test_an_answer_is_stored_for_the_one_who_asked() -> None:
    """Two callers at once: each answer lands in its own caller's partition."""
    world = _world("User")
    one, two = world.begin(), world.begin()
    one.request(json.dumps(chat()).encode(), ANN)
    two.request(json.dumps(chat()).encode(), BOB)
    two.response(completion("for bob"))
    one.response(completion("for ann"))
    hit = world.ask(chat(), ANN).answer
    assert hit is not None
    assert b"for ann" in hit.body
