"""A caller's `Cache-Control`: do not read, do not keep, not older than."""

from __future__ import annotations

import pytest

from tests.fakes.world import NOW, World, chat, completion, policy


def test_no_cache_goes_upstream_and_renews_the_entry() -> None:
    world = World.of(policy())
    world.ask(chat(), answer=completion("old"))
    run = world.ask(chat(), {"cache-control": "no-cache"}, completion("new"))
    assert run.upstream is not None
    assert (run.record.cache.outcome, run.record.cache.reason) == ("miss", "no-cache")
    hit = world.ask(chat()).answer
    assert hit is not None
    assert b"new" in hit.body


def test_no_store_neither_reads_nor_keeps() -> None:
    world = World.of(policy())
    run = world.ask(chat(), {"cache-control": "No-Store"})
    assert (run.record.cache.outcome, run.record.cache.reason) == ("bypass", "no-store")
    assert not world.entries
    world.ask(chat())
    assert world.ask(chat(), {"cache-control": "no-cache, no-store"}).upstream is not None


@pytest.mark.parametrize(("age", "hit"), [(0, True), (60, True), (61, False)])
def test_max_age(age: int, hit: bool) -> None:
    world = World.of(policy())
    world.ask(chat())
    world.now = NOW + age
    assert (world.ask(chat(), {"cache-control": "max-age=60"}).answer is not None) == hit


def test_max_age_that_is_no_number_is_ignored() -> None:
    world = World.of(policy())
    world.ask(chat())
    world.now = NOW + 100
    assert world.ask(chat(), {"cache-control": "max-age=soon"}).answer is not None


@pytest.mark.parametrize(("age", "hit"), [(86_399, True), (86_400, False)])
def test_an_entry_ends_with_its_ttl(age: int, hit: bool) -> None:
    world = World.of(policy())
    world.ask(chat())
    world.now = NOW + age
    assert (world.ask(chat()).answer is not None) == hit
