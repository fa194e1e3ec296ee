"""A cap holds when many ask at once: what the provider bills may pass it by one answer, never by sixty."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.figures import keep
from tests.fakes.running_stack import RunningStack, policy, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

LIMIT = 1_000
"""µ$: $0.001."""
CALLERS = 60
WORDS = 20
MOST_WITHOUT_LIMIT = 1_024
RETRY_S = 0.05
"""The header says a second; a test need not wait that long."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[RunningStack]:
    # Closed: on a machine that is too busy to reach the ledger in time a request is refused, not let through uncounted.
    async with running_stack(policy(limit_usd="0.001", cache='"Off"', closed=True)) as running:
        yield running


@dataclass
class Rush:
    """What became of sixty callers that all started at once."""

    admitted: int = 0
    refused: int = 0
    """Because the cap is used up."""
    sent_again: Counter[str] = field(default_factory=Counter)


async def rush(stack: RunningStack, user: str, **more: Any) -> Rush:
    """Each caller asks once, and again for as long as it is told to try again soon."""
    seen = Rush()

    async def caller() -> None:
        while True:
            response = await stack.ask(f"repeat {WORDS} words", user=user, **more)
            if response.status_code == 200:
                seen.admitted += 1
                return
            error = response.json()["error"]["code"]
            if error == "budget_exceeded":
                assert response.headers["x-should-retry"] == "false"
                seen.refused += 1
                return
            assert (error, response.headers["retry-after"]) in {("budget_reserved", "1"), ("ledger_unavailable", "1")}
            seen.sent_again[error] += 1
            await asyncio.sleep(RETRY_S)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return seen


@pytest.mark.parametrize(
    ("name", "most_output", "more"),
    [
        ("no-max-tokens", MOST_WITHOUT_LIMIT, {}),
        ("ten-times-too-high", 10 * WORDS, {"max_tokens": 10 * WORDS}),
        ("exact", WORDS, {"max_tokens": WORDS}),
        ("streams", MOST_WITHOUT_LIMIT, {"stream": True, "max_completion_tokens": MOST_WITHOUT_LIMIT}),
    ],
)
async def test_sixty_callers_at_once_pass_a_cap_by_one_answer_at_most(
    stack: RunningStack, name: str, most_output: int, more: dict[str, Any]
) -> None:
    before, billed_before = stack.books(), await stack.bill()
    seen = await rush(stack, name, **more)
    books, bill = await stack.settled(), await stack.bill()
    billed = bill["microUSD"] - billed_before["microUSD"]
    true_cost = billed // seen.admitted
    estimate = true_cost + (most_output - WORDS) * 2
    figures = {"limit": LIMIT, "billed": billed, "each": true_cost, "estimate": estimate, **vars(seen)}
    keep(f"caps-{name}", figures)
    assert true_cost * seen.admitted == billed
    assert billed <= LIMIT + true_cost <= LIMIT + estimate, figures
    assert books.spent - before.spent == billed
    assert books.reserved == 0
    assert seen.admitted >= LIMIT // true_cost - 1, figures
    assert seen.admitted + seen.refused == CALLERS


async def test_a_cap_holds_by_default_while_every_request_is_embedded() -> None:
    """Open, as policies are by default: what the embedder makes slow must not become a ledger that is out of reach."""
    async with running_stack(policy(limit_usd="0.001", semantic="0.95")) as stack:
        numbers = iter(range(CALLERS))

        async def caller() -> int:
            # A context of its own for each: nobody is served from another's answer, and everybody is embedded.
            system = {
                "role": "system",
                "content": f"You are helper number {next(numbers)}. " + "Be kind and brief. " * 10,
            }
            messages = [system, {"role": "user", "content": f"repeat {WORDS} words"}]
            return int((await stack.ask("", user="embedded", messages=messages)).status_code)

        codes = Counter(await asyncio.gather(*(caller() for _ in range(CALLERS))))
        books, bill = await stack.settled(), await stack.bill()
        each = bill["microUSD"] // max(codes[200], 1)
        unreserved = sum("ledger-unavailable" in record["warnings"] for record in stack.decisions.values())
        keep("caps-embedded", {"billed": bill["microUSD"], "codes": dict(codes), "unreserved": unreserved})
        assert bill["microUSD"] <= LIMIT + each + MOST_WITHOUT_LIMIT * 2
        assert books.spent == bill["microUSD"]
        assert unreserved == 0


async def test_one_users_rush_does_not_touch_another(stack: RunningStack) -> None:
    assert (await stack.ask("repeat 3 words", user="somebody-else")).status_code == 200
