"""Sending the log: a few requests at a time, each timed from its first byte out to its last byte in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx
from costward_extproc.dialects.openai_chat import OpenAIChat

from costward_cli.problems import CliError
from costward_cli.replay.log import Logged
from costward_cli.stand_in.answers import UNKNOWN, meaning_of

_ANSWER_SECONDS = 120.0
"""Reasoning models take a minute for a hard question; beyond two nothing comes any more."""

_CONNECT_SECONDS = 5.0
"""On one machine or in one cluster a connection takes milliseconds: five seconds is nobody there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request."""

    logged: Logged
    seconds: float
    status: int | None = None
    """None: no answer at all."""
    error: str | None = None
    """The kind of failure where there was no answer."""
    decision: str | None = None
    """None: Costward did not see it."""
    reason: str | None = None
    request_id: str | None = None
    answer_class: str | None = None
    """The class that the answer itself says it belongs to; None where it says none."""


_OWN_NAME = {"host": "replay.local", "authorization": "Bearer sk-stand-in"}
"""What a stack of our own is always called by, and with which key: the cache is parted by both, and a second replay
should find the first's answers although the port is another one."""


def client_for(base_url: str, concurrency: int, key: str | None) -> httpx.AsyncClient:
    """One connection per request in flight, kept open. `key` None: a stack of our own on loopback, past any proxy."""
    own = key is None
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"content-type": "application/json", **(_OWN_NAME if own else {"authorization": f"Bearer {key}"})},
        limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        trust_env=not own,
    )


async def ask_all(
    client: httpx.AsyncClient, log: Sequence[Logged], concurrency: int, on_outcome: Callable[[Outcome], None]
) -> list[Outcome]:
    """Every request of the log, started in its order, at most `concurrency` in flight."""
    outcomes: list[Outcome] = []
    waiting = iter(log)

    async def work(waiting: Iterator[Logged]) -> None:
        for logged in waiting:
            outcome = await ask(client, logged)
            outcomes.append(outcome)
            on_outcome(outcome)

    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work(waiting))
    return outcomes


async def require_costward(client: httpx.AsyncClient, first: Logged) -> Outcome:
    """The first outcome, alone. Raises CliError where no Costward is in the path: sending a whole log to a provider
    would cost money and tell nothing."""
    outcome = await ask(client, first)
    place = str(client.base_url)
    if outcome.status is None:
        mend = "start the stack with `make up`, or leave out --base-url and OPENAI_BASE_URL: replay then starts its own"
        raise CliError(f"nothing answers at {place} ({outcome.error})", mend=mend)
    if outcome.decision is None:
        mend = "name the URL of your Envoy with --base-url, or unset OPENAI_BASE_URL: replay then starts its own stack"
        raise CliError(
            f"the answer of {place} (status {outcome.status}) did not come through Costward under a policy; "
            "only one request was sent",
            mend=mend,
        )
    return outcome


async def ask(client: httpx.AsyncClient, logged: Logged) -> Outcome:
    """Never raises for what the other side does: that is an outcome."""
    began = time.perf_counter()
    try:
        # A reader of a log cannot be sent elsewhere: a redirect is an answer like any other.
        response = await client.post("chat/completions", content=logged.body, headers=dict(logged.headers))
    except httpx.HTTPError as error:
        return Outcome(logged, time.perf_counter() - began, error=type(error).__name__)
    seconds = time.perf_counter() - began
    headers = response.headers
    return Outcome(
        logged,
        seconds,
        status=response.status_code,
        decision=headers.get("x-costward-decision"),
        reason=headers.get("x-costward-reason"),
        request_id=headers.get("x-costward-request-id"),
        answer_class=_class_of(response) if response.is_success else None,
    )


def _class_of(response: httpx.Response) -> str | None:
    streamed = response.headers.get("content-type", "").startswith("text/event-stream")
    text = OpenAIChat().read_answer(response.content, streamed, None).text_seen
    name = meaning_of(text)
    return None if name == UNKNOWN else name
