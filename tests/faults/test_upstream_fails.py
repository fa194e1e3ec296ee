"""A provider that is slow, fails, limits or hangs up: callers get what it says, or what its next rung says where the
policy declares that, each request goes up twice at most, and nothing but whole answers is kept (promises P1 and P4)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.conformance import Ours, ours
from tests.fakes.fault_rows import Row
from tests.fakes.faultproxy import FaultProxy, Trouble, fault_proxy
from tests.fakes.raw_client import Answered, chat, exchange, request
from tests.fakes.raw_provider import Answer, Asked, RawProvider, chunk, completion, events, head, raw_provider, whole
from tests.fakes.running_stack import policy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

FALLBACK = "fallback: {after: [ServerError, RateLimited, Timeout], to: Next, attempts: 1, firstByteWithin: 1s}"
ALIAS, FIRST, SECOND = "auto", "gpt-5", "gpt-5-mini"
"""Without rules an alias is its highest rung, and the next one is below it."""
FEW, MANY = 20, 200
"""Of each fault, in `make test` and in `make faults`."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Ours]:
    text = policy(limit_usd="1000") + f"  routing: {{mode: Enforce, rewriteNamedModels: true, {FALLBACK}}}\n"
    async with raw_provider() as provider, ours(provider, text) as stack:
        yield stack


def error(status: int) -> Answer:
    return whole(json.dumps({"error": {"message": "as told", "type": "server_error"}}).encode(), status=status)


async def resets(asked: Asked) -> None:
    asked.writer.transport.abort()


async def hangs(asked: Asked) -> None:
    await asyncio.sleep(3)
    await whole(completion())(asked)


TROUBLES: dict[str, Answer] = {"500": error(500), "503": error(503), "429": error(429), "reset": resets, "slow": hangs}


def on_the_first_rung(trouble: Answer) -> Answer:
    """The second rung is healthy."""

    async def answer(asked: Asked) -> None:
        model = asked.json["model"]
        await (trouble if model == FIRST else whole(completion(model=model)))(asked)

    return answer


async def ask(stage: Ours, text: str, *, model: str = ALIAS, stream: bool = False) -> Answered:
    body = chat(text, stream=True) if stream else chat(text)
    return await exchange(stage.port, request(body.replace(b"gpt-5-mini", model.encode()), user=text))


@pytest.mark.fault("U1", "5xx, 429, reset or no answer from the first rung, the second one healthy")
@pytest.mark.parametrize("name", TROUBLES)
async def test_the_next_rung_answers_after_one_more_attempt(name: str, stage: Ours, row: Row, full: bool) -> None:
    stage.provider.answer = on_the_first_rung(TROUBLES[name])
    many = MANY if full else FEW
    answers = await asyncio.gather(*(ask(stage, f"{name} {number}.") for number in range(many)))
    row.exchanges, row.failed = many, sum(answered.status != 200 for answered in answers)
    tries = [len(stage.provider.about(f"{name} {number}.")) for number in range(many)]
    assert row.failed == 0, Counter(answered.status for answered in answers)
    assert set(tries) == {2}, "once more, and once only"
    records = [await stage.record(answered) for answered in answers]
    assert {len(record["attempts"]) for record in records} == {2}
    assert {record["served_model"] for record in records} == {SECOND}
    assert {answered.json["model"] for answered in answers} == {SECOND}


@pytest.mark.fault("U1", "5xx, 429, reset or no answer from both rungs")
@pytest.mark.parametrize("name", TROUBLES)
async def test_where_both_fail_the_failure_is_told_and_not_kept(name: str, stage: Ours, row: Row) -> None:
    stage.provider.answer = TROUBLES[name]
    text = f"both {name}."
    answered = await ask(stage, text)
    expected = {"reset": 503, "slow": 504}.get(name) or int(name)
    tries = len(stage.provider.about(text))
    stage.provider.answer = whole(completion("Healed."))
    healed = await ask(stage, text)
    row.exchanges, row.failed = 2, int(answered.status != expected) + int(healed.status != 200)
    assert answered.status == expected
    assert tries == 2
    assert healed.headers["x-costward-decision"] in ("route", "pass"), "a failure was served from the cache"
    assert healed.json["choices"][0]["message"]["content"] == "Healed."
    record = await stage.record(answered)
    assert record["usage"]["output"] == 0


@pytest.mark.fault("U1", "a stream that breaks after its first bytes")
async def test_what_has_begun_is_not_asked_for_again(stage: Ours, row: Row) -> None:
    begun = b"".join(events(3)[:2])

    async def breaks(asked: Asked) -> None:
        await asked.send(head(200, "content-type: text/event-stream", "transfer-encoding: chunked") + chunk(begun))
        # Longer than a crowd waits for us: a reset drops what is still on its way, and before the headers have gone on
        # it is Envoy's 502.
        await asyncio.sleep(0.5)
        asked.writer.transport.abort()

    stage.provider.answer = breaks
    answers = await asyncio.gather(*(ask(stage, f"breaks {number}.", stream=True) for number in range(FEW)))
    row.exchanges, row.failed = FEW, sum(answered.body != begun for answered in answers)
    assert row.failed == 0, [(answered.status, answered.body) for answered in answers]
    assert not any(answered.whole for answered in answers), "a broken stream looks whole"
    assert {len(stage.provider.about(f"breaks {number}.")) for number in range(FEW)} == {1}
    stage.provider.answer = whole(completion())
    again = await ask(stage, "breaks 0.")
    assert again.headers["x-costward-decision"] in ("route", "pass"), "a part of an answer was served from the cache"


PROXIED: dict[str, tuple[Trouble, int]] = {
    # What happens, and how often the provider itself is asked.
    "reset before a byte": (Trouble(reset=True, first=1), 1),
    "end within the headers": (Trouble(most_bytes=20, first=1), 2),
    "no answer": (Trouble(blackhole=True, first=1), 1),
    "slow by 0.3 s": (Trouble(delay_s=0.3), 1),
    "slow by bytes": (Trouble(bytes_per_s=2_000), 1),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[tuple[Ours, FaultProxy, RawProvider]]:
    """A network between Envoy and a healthy provider."""
    text = policy(limit_usd="1000") + f"  routing: {{mode: Enforce, rewriteNamedModels: true, {FALLBACK}}}\n"
    async with raw_provider() as provider, fault_proxy((provider.host, provider.port)) as proxy:
        behind = RawProvider(provider.answer, proxy.host, proxy.port)
        async with ours(behind, text) as stack:
            yield stack, proxy, provider


@pytest.mark.fault("U1", "a network that resets, swallows, cuts or slows the first connection")
@pytest.mark.parametrize("name", PROXIED)
async def test_a_bad_connection_costs_one_more_attempt(
    name: str, network: tuple[Ours, FaultProxy, RawProvider], row: Row
) -> None:
    stage, proxy, provider = network
    trouble, times = PROXIED[name]
    # A connection that Envoy keeps from before would have none of it.
    proxy.close_all()
    proxy.trouble, proxy.connections = trouble, 0
    answered = await ask(stage, f"{name}.")
    row.exchanges, row.failed = 1, int(answered.status != 200)
    assert (answered.status, answered.whole) == (200, True)
    assert len(provider.about(f"{name}.")) == times
    proxy.trouble = Trouble()
