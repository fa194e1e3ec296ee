"""observability_mode adds no delay, but ignores every reply and keeps each stream open for seconds after its end.

It cannot cap, route or answer, and an abort is seen seconds late: no mode of ours, not even for Observe.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.fakes.conformance import Ours
from tests.fakes.envoy_edits import with_processor
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(22, "observability_mode ignores replies and lets streams linger: it is never set"),
]


async def test_our_stream_ends_with_its_exchange(ours: Ours, provider: RawProvider, user: str) -> None:
    await ours.ask("hello", user=user, model="auto")
    assert provider.asked[0].json["model"] == "gpt-5"
    (record,) = await ours.of(user, seconds=2)
    assert record["end"] == "complete"


async def test_naive_observing_changes_nothing_and_lingers(ours: Ours, provider: RawProvider, user: str) -> None:
    observing = with_processor(observability_mode=True, allow_mode_override=None, failure_mode_allow=None)
    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, observing)
        await beside.ask("hello", user=user, model="auto")
        assert provider.asked[0].json["model"] == "auto"
        assert await beside.count("streams_started") == 1
        assert await beside.count("streams_closed") == 0
