"""The stage of the conformance suite: a provider that is only a socket, the stack that ships, and beside it the same
Envoy config before a server that does what ours must not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from costward_cli.ports_free import free_port
from costward_contract.wiring import EnvoySpec, Upstream
from costward_contract.wiring.ext_proc import CLUSTER_NAME
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from grpc import aio

from tests.fakes.envoy_edits import Edit, cluster, several, unruled
from tests.fakes.naive_server import NaiveServer, Script, replies
from tests.fakes.raw_client import Answered, chat, exchange, request
from tests.fakes.raw_provider import RawProvider
from tests.fakes.running_envoy import RunningEnvoy, running_envoy
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

ROOMY = (("grpc.max_receive_message_length", -1),)
"""What a naive server needs too, where its message limit is not what the test is about."""


def shipped(bootstrap: dict[str, Any]) -> None:
    """No edit."""


@dataclass
class Proxy:
    """One Envoy and what it counts of our filter."""

    envoy: RunningEnvoy

    @property
    def port(self) -> int:
        port = urlsplit(self.envoy.url).port
        assert port is not None
        return port

    async def count(self, name: str) -> int:
        """Of our filter's counters: `failure_mode_allowed`, `spurious_msgs_received` …"""
        return await self.envoy.stat(f"ext_proc.costward.{name}")

    async def ask(self, text: str, *headers: str, user: str, **more: Any) -> Answered:
        return await exchange(self.port, request(chat(text, **more), *headers, user=user))


@dataclass
class Ours(Proxy):
    stack: RunningStack
    provider: RawProvider

    async def record(self, answered: Answered) -> dict[str, Any]:
        id = answered.headers["x-costward-request-id"]
        await until(lambda: id in self.stack.decisions, f"the record of {id}")
        return self.stack.decisions[id]

    async def of(self, user: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """The records of all that `user` asked; raises AssertionError if they are not `count`."""

        def found() -> list[dict[str, Any]]:
            return [record for record in self.stack.decisions.values() if record["task"] == user]

        await until(lambda: len(found()) >= count, f"{count} records of {user}", seconds)
        assert len(found()) == count, [record["reason"] for record in found()]
        return found()

    async def beside(self, folder: contextlib.AsyncExitStack, edit: Edit) -> Proxy:
        """Another Envoy before the same data plane and provider; it ends with `folder`."""
        return Proxy(await folder.enter_async_context(envoy_before(self.sockets, self.provider, edit)))

    @property
    def sockets(self) -> tuple[str, ...]:
        """Of the data plane, as its Envoy knows them."""
        config = json.loads((self.stack.stack.run_dir / "envoy.json").read_text())
        endpoints = cluster(config)["load_assignment"]["endpoints"][0]["lb_endpoints"]
        return tuple(each["endpoint"]["address"]["pipe"]["path"] for each in endpoints)


@dataclass
class Lab(Proxy):
    server: NaiveServer

    async def until_healthy(self) -> None:
        for _ in range(500):
            if await self.envoy.stat(f"{CLUSTER_NAME}.membership_healthy"):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("Envoy does not find the naive server healthy")


@contextlib.asynccontextmanager
async def envoy_before(
    sockets: tuple[str, ...], provider: RawProvider, edit: Edit = shipped
) -> AsyncIterator[RunningEnvoy]:
    # Not tmp_path: its length comes near what a Unix socket path may have.
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        spec = EnvoySpec(
            upstreams=(Upstream("provider", provider.url),),
            sockets=sockets,
            listen_port=0,
            admin_socket=f"{name}/admin.sock",
        )
        async with running_envoy(spec, Path(name), edit) as envoy:
            yield envoy


@contextlib.asynccontextmanager
async def naive(
    provider: RawProvider,
    script: Script | None = None,
    edit: Edit = shipped,
    options: tuple[tuple[str, Any], ...] = ROOMY,
    *,
    ruled: bool = False,
) -> AsyncIterator[Lab]:
    """A naive server behind an Envoy with the shipped config, but for `edit`; `ruled`: as bound as ours in the headers
    that it may change."""
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        socket = f"{name}/naive.sock"
        async with (
            NaiveServer(socket, script or replies(), options) as server,
            envoy_before((socket,), provider, edit if ruled else several(unruled, edit)) as envoy,
        ):
            yield Lab(envoy, server)


@contextlib.asynccontextmanager
async def ours(
    provider: RawProvider, policy_text: str | None = None, edit: Edit | None = None, **spec: Any
) -> AsyncIterator[Ours]:
    """The stack that ships, before `provider`. `spec`: further fields of StackSpec."""
    text = policy(limit_usd="1000") if policy_text is None else policy_text
    async with running_stack(text, upstream=provider.url, admin_port=free_port(), **spec) as stack:
        transport = httpx.AsyncHTTPTransport(uds=str(stack.stack.run_dir / "envoy.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin") as admin:
            address = urlsplit(stack.stack.base_url)
            yield Ours(RunningEnvoy(f"http://{address.netloc}", admin), stack, provider)


@contextlib.asynccontextmanager
async def direct(ours: Ours) -> AsyncIterator[Any]:
    """A gRPC call on the data plane itself, as Envoy makes one: `write`, `read`, `done_writing`."""
    async with aio.insecure_channel(f"unix:{ours.sockets[0]}") as channel:
        call = pb_grpc.ExternalProcessorStub(channel).Process()
        yield call
        call.cancel()


async def settle(seconds: float = 0.05) -> None:
    """Long enough for a message between two processes of this machine that nobody waits for."""
    await asyncio.sleep(seconds)
