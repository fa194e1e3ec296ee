"""Plays the demo's script with the real OpenAI SDK against a running stack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import openai

from costward_cli.demo.script import STEPS, Ask, Step

_RECORD_SECONDS = 5.0
"""A record is written as its exchange ends; what is longer than this is lost, not late."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one step came to."""

    name: str
    expected: str
    got: str
    why: str
    ok: bool
    ms: float
    cost: int
    """µ$"""
    requests: int


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    headers: Mapping[str, str]
    chunks: int
    ms: float


class Player:
    """Asks by the SDK, and finds each exchange's record by its id."""

    def __init__(self, base_url: str) -> None:
        # Retries would hide what the first answer was.
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-demo", max_retries=0, timeout=30)
        self._records: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Event()

    def on_decision(self, record: dict[str, Any]) -> None:
        self._records[record["id"]] = record
        self._news.set()

    @property
    def records(self) -> list[dict[str, Any]]:
        return list(self._records.values())

    async def play(self) -> AsyncIterator[Shown]:
        for step in STEPS:
            for ask in step.before:
                await self._ask(ask)
            yield await self._show(step)
        await self._client.close()

    async def _show(self, step: Step) -> Shown:
        cost = requests = 0
        for ask in step.asks():
            reply = await self._ask(ask)
            requests += 1
            record = await self._record(reply.headers.get("x-costward-request-id", ""))
            cost += int(record.get("cost", 0))
            got, why = reply.headers.get("x-costward-decision", "none"), reply.headers.get("x-costward-reason", "none")
            if (got, why[: len(step.reason or "")]) == (step.expected, step.reason or ""):
                break
        said = step.says in reply.text
        ok = got == step.expected and why.startswith(step.reason or "") and said and (reply.chunks > 1) == ask.stream
        return Shown(
            step.name, step.expected, got, why if said else f"{why}, but another answer", ok, reply.ms, cost, requests
        )

    async def _ask(self, ask: Ask) -> _Reply:
        headers = {"x-user-id": ask.user, "x-user-tier": ask.tier}
        if ask.task_type is not None:
            headers["x-costward-task-type"] = ask.task_type
        started = time.perf_counter()
        try:
            text, given, chunks = await self._create(ask, headers)
        except openai.APIStatusError as refusal:
            text, given, chunks = str(refusal.message), refusal.response.headers, 0
        return _Reply(text, given, chunks, (time.perf_counter() - started) * 1000)

    async def _create(self, ask: Ask, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str], int]:
        messages: Any = [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.text}]
        create = self._client.chat.completions.with_raw_response.create
        if not ask.stream:
            raw = await create(model=ask.model, messages=messages, extra_headers=headers)
            return raw.parse().choices[0].message.content or "", raw.headers, 1
        streamed = await create(model=ask.model, messages=messages, extra_headers=headers, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in streamed.parse() if chunk.choices]
        return "".join(pieces), streamed.headers, len(pieces)

    async def _record(self, id: str) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(_RECORD_SECONDS):
                while id not in self._records:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return {}
        return self._records[id]
