"""kill -9 under mixed traffic: what callers get is what they would have got without Costward.

Only a request that Costward had rewritten may differ: its process is gone that would have taken the usage chunk out.
Bodies are read BUFFERED here, never FULL_DUPLEX, so that none is cut.
"""

from __future__ import annotations

import pytest

from tests.fakes.figures import keep
from tests.fakes.mixed_books import shown, verdict
from tests.fakes.mixed_kills import PHASES, play_with_kills
from tests.fakes.mixed_run import mixed_run
from tests.fakes.mixed_traffic import Flavour, traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

LEASE_S = 2.0
SLOW = Flavour(slow=0.5, aliases=0)
"""Aliases are left out: while Costward is down nobody knows what they stand for."""


async def test_no_caller_notices_and_each_reservation_ends_once() -> None:
    async with mixed_run(lease_seconds=LEASE_S) as run:
        kills = await play_with_kills(run, run.play(traffic(3, range(64), SLOW), 16), every_s=0, most=1)
        found = await verdict(run, kills, LEASE_S)
        keep("mixed-kill", found.figures)
        assert found.problems == [], shown(found.problems)
        assert len(kills.at) == 1
        assert set(kills.phases[0]) >= PHASES
        assert found.figures["hurt"] > 0
