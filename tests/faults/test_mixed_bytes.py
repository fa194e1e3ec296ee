"""Mixed traffic with and without Costward: no byte differs that is not declared, and the books are the bill.

Four dialects, streamed and not, a fifth given up by clients, failing providers and malformed bodies; each exchange goes
through a bare Envoy and through the shipped stack to one scripted provider. `make mixed` runs ten thousand.
"""

from __future__ import annotations

import pytest

from tests.fakes.figures import keep
from tests.fakes.mixed_books import shown, verdict
from tests.fakes.mixed_run import mixed_run
from tests.fakes.mixed_traffic import Flavour, traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

CALLERS = 12


async def test_nothing_differs_and_everything_is_settled_once() -> None:
    async with mixed_run() as run:
        await run.play(traffic(1, range(300)), CALLERS)
        found = await verdict(run)
        keep("mixed", found.figures)
        assert found.problems == [], shown(found.problems)
        assert found.figures["letThrough"] == 0
        assert found.figures["complete"]["exchanges"] > 200


async def test_a_hit_says_what_the_provider_says() -> None:
    async with mixed_run(cache="Enforce") as run:
        quiet = Flavour(aborted=0.1, failing=0, malformed=0.02, capped=0, aliases=0, repeats=True)
        await run.play(traffic(2, range(100), quiet), CALLERS)
        found = await verdict(run)
        keep("mixed-hits", found.figures)
        assert found.problems == [], shown(found.problems)
        # Under load the cache is given up first: a busy machine sees fewer of them.
        assert found.figures["byDecision"].get("hit-exact", 0) > 0
