"""The real Envoy tries another rung where the provider fails, and the books know both attempts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from tests.fakes.failing_upstream import Fault, Try, failing_upstream
from tests.fakes.running_stack import RunningStack, running_stack, until

pytestmark = pytest.mark.slow

SMALL, LARGE = "gpt-5-mini", "gpt-5"
POLICY = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {{name: fallback}}
spec:
  owner: {{team: t}}
  models: [{{name: small, model: gpt-5-mini}}, {{name: large, model: gpt-5}}]
  aliases: {{auto: small..large}}
  identity: {{user: {{header: x-user-id, trustedFrom: [local]}}}}
  tiers: [{{name: all, caps: [{{per: User, window: Month, limitUSD: "{limit}"}}]}}]
  cache: {{mode: "Off"}}
  routing:
    mode: Enforce
    rules: [{{when: {{taskType: Easy}}, use: small}}]
    fallback: {{after: [ServerError, RateLimited, Timeout], firstByteWithin: 1s}}
"""
EASY = {"x-costward-task-type": "Easy"}


def policy(limit: str = "5") -> str:
    return POLICY.format(limit=limit)


def only(model: str, fault: Fault) -> Any:
    return lambda attempt: fault if attempt.model == model else None


async def ask(stack: RunningStack, **more: Any) -> Any:
    return await stack.ask("hello", headers=EASY, **{"model": "auto", **more})


@pytest.mark.parametrize(("fault", "status"), [(503, 503), (429, 429), (504, 504), ("hang", None)])
async def test_a_failure_goes_to_the_next_rung(fault: Fault, status: int | None) -> None:
    async with (
        failing_upstream(only(SMALL, fault)) as provider,
        running_stack(policy(), upstream=provider.url) as stack,
    ):
        response = await ask(stack)
        record = await stack.record(response)
        assert (response.status_code, response.json()["model"]) == (200, LARGE)
        assert provider.models == [SMALL, LARGE]
        assert response.headers["x-costward-model"] == LARGE
        assert (record["reason"], record["rung"], record["served_model"]) == ("fallback", "large", LARGE)
        assert [(a["model"], a["status"]) for a in record["attempts"]] == [(SMALL, status), (LARGE, 200)]
        # Nobody knows whether a provider that did not answer in time did the work: its input is charged.
        assert (record["attempts"][0]["cost"] > 0) is (status in (None, 504))
        assert record["cost"] == sum(a["cost"] for a in record["attempts"])
        books = await stack.settled()
        assert (books.spent, books.reserved) == (record["cost"], 0)
        assert all(not name.startswith(("x-envoy", "x-costward")) for a in provider.tries for name in a.headers)
        assert all(not name.startswith("x-envoy") for name in response.headers)


async def test_a_connection_cut_before_the_answer_goes_to_the_next_rung() -> None:
    bodies: list[bytes] = []

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            # Changed bodies have no length: one chunk, then the empty one.
            bodies.append(await reader.readuntil(b"\r\n0\r\n\r\n"))
            if len(bodies) > 1:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running_stack(policy(), upstream=f"http://127.0.0.1:{port}") as stack:
        response = await ask(stack)
        record = await stack.record(response)
        assert (response.status_code, len(bodies)) == (200, 2)
        assert [(a["model"], a["status"]) for a in record["attempts"]] == [(SMALL, None), (LARGE, 200)]


async def test_a_stream_falls_back_before_its_first_byte() -> None:
    async with failing_upstream(only(SMALL, 500)) as provider, running_stack(policy(), upstream=provider.url) as stack:
        response = await ask(stack, stream=True)
        record = await stack.record(response)
        events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
        assert provider.models == [SMALL, LARGE]
        # We asked for the usage, so its chunk is not the caller's.
        assert [bool(event["choices"]) for event in events] == [True, True]
        assert (record["usage"]["output"], record["usage"]["estimated"]) == (20, False)


async def test_the_second_failure_is_the_answer() -> None:
    async with failing_upstream(lambda _: 503) as provider, running_stack(policy(), upstream=provider.url) as stack:
        response = await ask(stack)
        record = await stack.record(response)
        assert (response.status_code, response.json()) == (503, {"error": {"message": "as told"}})
        assert [a["status"] for a in record["attempts"]] == [503, 503]
        assert record["cost"] == 0
        assert len(provider.tries) == 2


async def test_other_statuses_and_other_models_go_once() -> None:
    async with failing_upstream(lambda _: 404) as provider, running_stack(policy(), upstream=provider.url) as stack:
        assert (await ask(stack)).status_code == 404
        provider.fault = lambda _: 503
        assert (await ask(stack, model="gpt-4.1")).status_code == 503
        named = await ask(stack, model=SMALL)
        assert (named.status_code, len(provider.tries)) == (503, 3)
        assert [a["status"] for a in (await stack.record(named))["attempts"]] == [503]


async def test_a_cap_that_cannot_hold_the_second_rung_refuses_it() -> None:
    # The small rung's worst case fits twice, the large one's never beside it.
    async with (
        failing_upstream(only(SMALL, 503)) as provider,
        running_stack(policy("0.006"), upstream=provider.url) as stack,
    ):
        # Something must be reserved besides, or one exchange would be admitted alone.
        provider.fault = lambda attempt: "hang" if b"hold" in attempt.body else only(SMALL, 503)(attempt)
        held = asyncio.ensure_future(stack.ask("hold", headers=EASY, model="auto", max_tokens=1_000))
        await until(lambda: bool(provider.tries), "the exchange that holds the rest of the cap")
        response = await ask(stack, max_tokens=1_000)
        record = await stack.record(response)
        assert response.status_code == 429, record
        assert response.json()["error"]["code"] == "budget_reserved"
        assert [(a["model"], a["status"]) for a in record["attempts"]] == [(SMALL, 503)]
        assert (record["decision"], record["reason"]) == ("refuse", "cap-reserved")
        await held


async def test_a_400_to_what_we_changed_goes_once_more_as_it_was_sent() -> None:
    def no_stream_options(attempt: Try) -> Fault:
        return 400 if "stream_options" in attempt.document else None

    async with failing_upstream(no_stream_options) as provider, running_stack(policy(), upstream=provider.url) as stack:
        sent = b'{ "stream" : true, "messages": [{"role":"user","content":"h\\u0069"}],  "model" : "gpt-5" }'
        response = await stack.client.post(
            "/chat/completions", content=sent, headers={"content-type": "application/json", "x-user-id": "ada"}
        )
        record = await stack.record(response)
        assert response.status_code == 200
        assert [attempt.body == sent for attempt in provider.tries] == [False, True]
        assert (record["reason"], record["usage"]["estimated"]) == ("as-sent", True)
        assert [a["status"] for a in record["attempts"]] == [400, 200]


async def test_a_400_to_an_untouched_request_is_the_callers() -> None:
    async with failing_upstream(lambda _: 400) as provider, running_stack(policy(), upstream=provider.url) as stack:
        assert (await ask(stack, model=LARGE)).status_code == 400
        assert len(provider.tries) == 1
