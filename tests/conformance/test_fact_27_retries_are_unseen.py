"""A filter before the router sees only the attempt that won: the others cost money that nobody counts.

So no route retries by itself, no caller can ask for retries, and Envoy tells how often it tried all the same.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.fakes.conformance import Ours
from tests.fakes.envoy_edits import Edit, routes, several, with_processor
from tests.fakes.raw_provider import Asked, RawProvider, completion, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(27, "Retries are unseen by ext_proc: no route or caller asks for one, and the count is told"),
]

WISHES = ("x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3", "x-envoy-hedge-on-per-try-timeout: true")


def retrying(bootstrap: dict[str, Any]) -> None:
    for route in routes(bootstrap):
        route["route"]["retry_policy"] = {"retry_on": "5xx", "num_retries": 1}


class FailsFirst:
    def __init__(self) -> None:
        self.attempts = 0

    async def __call__(self, asked: Asked) -> None:
        self.attempts += 1
        await whole(completion(output=50), status=500 if self.attempts == 1 else 200)(asked)


async def test_one_request_is_one_attempt_whatever_the_caller_wishes(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    provider.answer = FailsFirst()
    answered = await ours.ask("hello", *WISHES, user=user)
    assert (answered.status, len(provider.asked)) == (500, 1)
    (record,) = await ours.of(user)
    assert [attempt["status"] for attempt in record["attempts"]] == [500]
    assert [name for name, _ in provider.asked[0].headers if name.startswith("x-envoy-")] == []


@pytest.mark.parametrize(
    ("edit", "attempts"),
    [(retrying, [500, 200]), (several(retrying, with_processor(response_attributes=None)), [200])],
    ids=["told", "naive"],
)
async def test_a_retry_that_another_added_is_seen_only_where_envoy_tells_the_count(
    ours: Ours, provider: RawProvider, user: str, edit: Edit, attempts: list[int]
) -> None:
    provider.answer = FailsFirst()
    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, edit)
        assert (await beside.ask("hello", user=user)).status == 200
    assert len(provider.asked) == 2
    (record,) = await ours.of(user)
    assert [attempt["status"] for attempt in record["attempts"]] == attempts
