"""An upstream filter behind a matcher on the attempt count costs nothing on the way that most exchanges take.

Only a second attempt goes by us once more, where the next rung's name is put into the body.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes import conformance
from tests.fakes.conformance import Ours, Proxy, envoy_before
from tests.fakes.raw_provider import Asked, RawProvider, completion, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(36, "Work per attempt by a matched upstream filter: not a message on a first attempt"),
]

POLICY = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: fallback}
spec:
  owner: {team: t}
  models: [{name: small, model: gpt-5-mini}, {name: large, model: gpt-5}]
  aliases: {auto: small..large}
  routing:
    mode: Enforce
    rules: [{when: {taskType: Easy}, use: small}]
    fallback: {after: [ServerError]}
"""
EASY = "x-costward-task-type: Easy"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_fallback(one_provider: RawProvider) -> AsyncIterator[Ours]:
    async with conformance.ours(one_provider, POLICY) as ours:
        yield ours


async def entered(proxy: Proxy) -> int:
    """How often the upstream filter was begun."""
    return await proxy.envoy.stat("ext_proc.costward_retry.streams_started")


async def small_fails(asked: Asked) -> None:
    failed = asked.json["model"] == "gpt-5-mini"
    await whole(completion(model=asked.json["model"]), status=503 if failed else 200)(asked)


async def test_a_first_attempt_that_works_sends_no_message_upstream(
    with_fallback: Ours, provider: RawProvider, user: str
) -> None:
    before = await entered(with_fallback)
    answered = await with_fallback.ask("hello", EASY, user=user, model="auto")
    assert (answered.status, len(provider.asked)) == (200, 1)
    assert await entered(with_fallback) == before


async def test_a_second_attempt_is_another_model_and_the_client_sees_its_answer(
    with_fallback: Ours, provider: RawProvider, user: str
) -> None:
    provider.answer = small_fails
    before = await entered(with_fallback)
    answered = await with_fallback.ask("hello", EASY, user=user, model="auto")
    assert (answered.status, answered.json["model"]) == (200, "gpt-5")
    assert [asked.json["model"] for asked in provider.asked] == ["gpt-5-mini", "gpt-5"]
    assert await entered(with_fallback) == before + 1
    (record,) = await with_fallback.of(user)
    assert [attempt["status"] for attempt in record["attempts"]] == [503, 200]
    assert [asked.header("x-envoy-attempt-count") for asked in provider.asked] == [None, None]


def on_every_attempt(bootstrap: dict[str, Any]) -> None:
    text = json.dumps(bootstrap)
    assert "[2-9][0-9]*" in text
    bootstrap.clear()
    bootstrap.update(json.loads(text.replace("[2-9][0-9]*", "[0-9]+")))


async def test_naive_without_the_match_every_exchange_pays(
    with_fallback: Ours, provider: RawProvider, user: str
) -> None:
    async with envoy_before(with_fallback.sockets, provider, on_every_attempt) as envoy:
        assert (await Proxy(envoy).ask("hello", user=user)).status == 200
        assert await entered(Proxy(envoy)) == 1
