"""A data plane's process that follows operators on the real API server, and is asked for decisions all the while.

Its policy resolves one alias, and which model that is tells which generation of the policy is in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from costward_extproc import control_plane

from tests.cluster.bench.api import Api
from tests.cluster.bench.costward import Installed, RunningOperator, installed_costward
from tests.cluster.bench.process import BenchError, Process
from tests.fakes.fault_rows import Row
from tests.fakes.running_data_plane import RunningDataPlane, run_exchange, running_data_plane

SMALL, LARGE = "gpt-5-mini", "gpt-5"
ASK_S = 0.05
"""Between two questions: twenty a second see a gap of a tenth, and leave the processor to what is tested."""
WITHIN_S = 60.0
"""A lease that ends by itself takes 15 s, a data plane asks again within 10 s; the rest is for a machine that is busy
with other work."""
_ANSWER = json.dumps({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()


def policy(namespace: str, model: str = SMALL, name: str = "bot") -> dict[str, Any]:
    """The alias `auto` is that model."""
    rung = {SMALL: "small", LARGE: "large"}[model]
    return {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "owner": {"team": "support"},
            "models": [{"name": "small", "model": SMALL}, {"name": "large", "model": LARGE}],
            "aliases": {"auto": rung},
        },
    }


@dataclass(slots=True)
class Governed:
    plane: RunningDataPlane
    answers: list[str] = field(default_factory=list)
    """Of every decision that was asked for: the model, or what went wrong."""

    async def model(self) -> str:
        """What the alias is by the policy in force; empty where the exchange was let go."""
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hello"}]}).encode()
        async with asyncio.timeout(5):
            told = await run_exchange(self.plane.channel, body, _ANSWER)
        return told.get("x-costward-model", "")

    async def until(self, model: str, within_s: float = WITHIN_S) -> None:
        """Until that is in force. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while await self.model() != model:  # noqa: ASYNC110  # a decision is had by asking
                await asyncio.sleep(ASK_S)

    @asynccontextmanager
    async def asked(self, row: Row, *allowed: str) -> AsyncIterator[None]:
        """Asked all the while: each decision must be by one of these models, and `row` counts them."""
        asking = asyncio.create_task(self._ask())
        try:
            yield
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            row.exchanges = len(self.answers)
            row.failed = sum(answer not in allowed for answer in self.answers)
        assert self.answers
        assert row.failed == 0, sorted(set(self.answers) - set(allowed))

    async def _ask(self) -> None:
        while True:
            try:
                self.answers.append(await self.model())
            except Exception as problem:  # whatever it is, it is a decision that was not made
                self.answers.append(repr(problem))
            await asyncio.sleep(ASK_S)


@asynccontextmanager
async def governed(installed: Installed, address: str, api: Api, **env: str) -> AsyncIterator[Governed]:
    """A data plane of the shared account that follows the operator at `address` and speaks for a workload in the
    namespace of `api`. `env` are further settings."""
    source = installed.source(address, "plane")
    given = {
        "COSTWARD_POLICY_FILE": "",
        "COSTWARD_WORKLOAD": f"bench/{api.namespace}/bot",
        control_plane.ADDRESS: source.address,
        control_plane.CA: str(source.ca),
        control_plane.TOKEN: str(source.token),
        control_plane.NAME: str(source.name),
        control_plane.NODE: source.node,
    }
    async with running_data_plane("", **{**given, **env}) as plane:
        yield Governed(plane)


@dataclass(frozen=True, slots=True)
class Case:
    """One operator and one data plane that follows it."""

    installed: Installed
    operator: RunningOperator
    kubelet: Kubelet
    plane: Governed

    @property
    def api(self) -> Api:
        return self.installed.api

    async def change(self, model: str = LARGE, name: str = "bot") -> None:
        await asyncio.to_thread(self.api.apply, policy(self.api.namespace, model, name))

    async def changes_in(self, model: str = LARGE) -> float:
        """A change, and the seconds until it is in force."""
        began = time.monotonic()
        await self.change(model)
        await self.plane.until(model)
        return time.monotonic() - began

    async def policies(self) -> int:
        """That the operator knows; -1 where it does not answer."""
        return int(await self.metric("policies"))

    async def until_knows(self, policies: int) -> None:
        """So many. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN_S):
            while await self.policies() != policies:  # noqa: ASYNC110  # a metric is had by asking
                await asyncio.sleep(0.1)

    async def metric(self, name: str) -> float:
        """-1 where the operator does not answer."""
        try:
            async with httpx.AsyncClient() as client:
                text = (await client.get(f"{self.operator.admin_url}/metrics", timeout=5)).text
        except httpx.TransportError:
            return -1.0
        found = re.search(rf"^costward_operator_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else -1.0


@asynccontextmanager
async def governing(
    api: Api, folder: Path, prepared: Callable[[], None] = lambda: None, **env: str
) -> AsyncIterator[Case]:
    """The policy is in force, and says SMALL. `prepared` is called once the chart is installed; `env` are further
    settings of the operator."""
    with installed_costward(api, folder) as installed:
        prepared()
        api.apply(policy(api.namespace))
        operator = installed.operator(**env)
        async with kept(operator) as (kubelet,), governed(installed, operator.address, api) as plane:
            await plane.until(SMALL)
            yield Case(installed, operator, kubelet, plane)


class Kubelet:
    """Starts a process again as soon as it ends, as the kubelet does: ending is how the operator says that it cannot
    go on."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.starts = 0

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            try:
                _ = self._process.pid
            except BenchError:
                self.starts += 1
                # Readiness is its own affair: under a fault it may take long.
                self._process.begin()
            await asyncio.sleep(0.1)


async def started(process: Process) -> None:
    """Returns when it is ready, and holds nothing else up meanwhile."""
    process.begin()
    await asyncio.to_thread(process.await_ready)


@asynccontextmanager
async def kept(*operators: RunningOperator) -> AsyncIterator[Sequence[Kubelet]]:
    """Each running, and started again whenever it ends."""
    kubelets = [Kubelet(operator.process) for operator in operators]
    tasks = [asyncio.create_task(kubelet.keep()) for kubelet in kubelets]
    try:
        yield kubelets
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for operator in operators:
            await asyncio.to_thread(operator.process.stop)


async def until_logged(operator: RunningOperator, words: str) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(WITHIN_S):
        while words not in operator.process.log.read_text():  # noqa: ASYNC110  # a file tells nobody
            await asyncio.sleep(0.1)
