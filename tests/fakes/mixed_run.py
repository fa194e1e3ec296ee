"""A run of mixed traffic: every exchange straight through an Envoy, then through the shipped stack, then the books.

Both ways end at the same scripted provider. What is left of an exchange is an `Outcome`; the bodies are gone by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from costward_contract.wiring import EnvoySpec, Upstream

from tests.fakes import mixed_compare
from tests.fakes.mixed_client import Caller, Seen
from tests.fakes.mixed_provider import LANES, MixedProvider, Request, mixed_provider
from tests.fakes.mixed_traffic import BROKE, POLICY, Exchange
from tests.fakes.running_envoy import RunningEnvoy, running_envoy
from tests.fakes.running_stack import RunningStack, read_only, running_stack

_SETTLED_S = 15.0
_RECORDS_LOOKS = 25
_RECORDS_PAUSE_S = 0.2
"""Records come a moment after their exchange, together five seconds at most on a machine that is busy."""
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


@dataclass(frozen=True, slots=True)
class Outcome:
    exchange: Exchange
    """Without its bodies."""
    rewritten: bool
    differences: tuple[str, ...]
    status: int
    whole: bool
    problem: str
    decision: str | None
    started: float
    """Loop time, of the way through us."""
    ended: float
    billed: int
    """µ$."""
    expected: float
    """µ$, with a provider's cache that deals evenly."""
    told: bool
    usage_chunks: int
    """That were not asked for."""
    torn: bool
    """A stream with an event that the provider never sent."""
    same_meaning: bool | None = None
    """Of a hit: whether it says what the provider says, where that can be told."""

    @property
    def kind(self) -> str:
        """complete, aborted, cut (by the provider)."""
        if self.exchange.abort is not None and not self.whole:
            return "aborted"
        return "cut" if self.exchange.fault.partition(":")[0] in ("cut", "early", "error") else "complete"


class Charged(NamedTuple):
    """A sum over exchanges, µ$."""

    exchanges: int
    billed: int
    recorded: int
    expected: int
    """The bill if the provider's cache had dealt evenly: which of the large prompts it knew is chance, and few prompts
    are most of the money."""

    @property
    def off_ppm(self) -> int:
        return _ppm(self.recorded, self.billed)

    @property
    def off_expected_ppm(self) -> int:
        return _ppm(self.recorded, self.expected)


def _ppm(recorded: int, owed: int) -> int:
    return (recorded - owed) * 1_000_000 // owed if owed else 0


@dataclass
class MixedRun:
    stack: RunningStack
    provider: MixedProvider
    plain: RunningEnvoy
    outcomes: list[Outcome] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    async def play(
        self, exchanges: Iterable[Exchange], callers: int, on_done: Callable[[Outcome], None] = lambda _: None
    ) -> None:
        """All of them, `callers` at once. Each goes first without us and then with us."""
        waiting = iter(exchanges)
        await asyncio.gather(*(self._work(waiting, on_done) for _ in range(callers)))

    async def _work(self, waiting: Iterable[Exchange], on_done: Callable[[Outcome], None]) -> None:
        ports = {"plain": _port(self.plain.url), "ours": _port(self.stack.stack.base_url)}
        plain, ours = (Caller(lane, ports[lane], self.provider) for lane in LANES)
        self.callers.append(ours)
        for exchange in waiting:
            outcome = await self._compare(exchange, plain, ours)
            self.outcomes.append(outcome)
            on_done(outcome)
        self.callers.remove(ours)
        plain.close()
        ours.close()

    async def _compare(self, exchange: Exchange, plain: Caller, ours: Caller) -> Outcome:
        without_us, with_us = await plain.ask(exchange), await ours.ask(exchange)
        sent = [await self._sent(lane, exchange.number) for lane in LANES]
        return _outcome(exchange, without_us, sent[0], with_us, sent[1])

    async def _sent(self, lane: Any, number: int) -> list[Request]:
        """What reached the provider, once it knows what it charges for it: a client knows sooner that it has left."""
        for _ in range(200):
            requests = self.provider.requests.get((lane, number), [])
            if all(request.over for request in requests):
                break
            await asyncio.sleep(0.01)
        return self.provider.take(lane, number)

    def phases(self, since: float) -> Counter[str]:
        """How many exchanges that began after `since` (loop time) are in which phase now, on their way through us."""
        live = (caller.live for caller in self.callers)
        return Counter(seen.phase for seen in live if seen is not None and seen.started >= since)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """By task."""
        with read_only(self.stack.state_dir / "records.sqlite") as db:
            lines = [json.loads(line) for (line,) in db.execute("SELECT json FROM record ORDER BY seq")]
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in lines:
            found[line["task"]].append(line)
        return found

    async def settled(self, tasks: Set[str], seconds: float = _SETTLED_S) -> dict[str, list[dict[str, Any]]]:
        """The records, once nothing is reserved and these tasks have theirs, or should have had them."""
        await self.stack.settled(seconds)
        for _ in range(_RECORDS_LOOKS):
            found = self.records()
            if tasks <= found.keys():
                break
            await asyncio.sleep(_RECORDS_PAUSE_S)
        return found


def _outcome(
    exchange: Exchange, plain: Seen, plain_sent: list[Request], ours: Seen, ours_sent: list[Request]
) -> Outcome:
    decision = ours.header("x-costward-decision")
    hit = (decision or "").startswith("hit")
    # What the provider fails to answer a hit may answer all the same, and an alias may be served by a higher rung.
    comparable = hit and not exchange.fault and not exchange.alias and plain.whole and ours.whole
    found = [] if hit else mixed_compare.differences(exchange, plain, plain_sent, ours, ours_sent)
    return Outcome(
        exchange=replace(exchange, body=b"", plain_body=b""),
        rewritten=exchange.rewritten,
        differences=tuple(found),
        status=ours.status,
        whole=ours.whole,
        problem=ours.problem,
        decision=decision,
        started=ours.started,
        ended=ours.ended,
        billed=sum(request.charged for request in ours_sent),
        expected=sum(request.expected for request in ours_sent),
        told=all(request.told for request in ours_sent),
        usage_chunks=mixed_compare.usage_chunks(ours.body) if exchange.wish else 0,
        torn=bool(exchange.wish and ours_sent) and mixed_compare.is_torn(ours.body, ours_sent[-1].sent),
        same_meaning=mixed_compare.same_meaning(exchange, plain, ours) if comparable else None,
    )


def charged(outcomes: Iterable[Outcome], records: dict[str, list[dict[str, Any]]]) -> Charged:
    """The provider's bill beside what was recorded."""
    chosen = list(outcomes)
    recorded = sum(record["cost"] for o in chosen for record in records.get(o.exchange.task, []))
    return Charged(len(chosen), sum(o.billed for o in chosen), recorded, round(sum(o.expected for o in chosen)))


def _port(url: str) -> int:
    return int(url.removesuffix("/v1").rsplit(":", 1)[1])


@contextlib.asynccontextmanager
async def mixed_run(*, cache: str = "Observe", **spec: Any) -> AsyncIterator[MixedRun]:
    """`spec`: further fields of StackSpec. The user of the spent tier has spent it."""
    async with contextlib.AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="mixed-", dir="/tmp")))
        provider = await running.enter_async_context(mixed_provider())
        urls = {lane: f"http://127.0.0.1:{provider.ports[lane]}/v1" for lane in LANES}
        wiring = EnvoySpec(
            upstreams=(Upstream("provider", urls["plain"]),),
            sockets=("/nowhere",),
            listen_port=0,
            admin_socket=str(folder / "envoy.sock"),
        )
        bare = _bare(wiring, provider.ports["plain"])
        plain = await running.enter_async_context(running_envoy(wiring, folder, partial(_instead, bare)))
        stack = await running.enter_async_context(
            running_stack(POLICY.format(cache=cache), upstream=urls["ours"], **spec)
        )
        run = MixedRun(stack, provider, plain)
        await _spend(run)
        yield run


async def _spend(run: MixedRun) -> None:
    """Take the user of the spent tier over its cap, which is less than one answer."""
    headers = {"x-user-tier": BROKE, "x-mixed": "-1", "x-costward-task": "spend"}
    spent = await run.stack.ask("Spend it.", user=BROKE, headers=headers)
    assert spent.status_code == 200, spent.text
    run.provider.take("ours", -1)
    await run.stack.settled()


def _instead(other: dict[str, Any], bootstrap: dict[str, Any]) -> None:
    bootstrap.clear()
    bootstrap.update(other)


def _bare(spec: EnvoySpec, port: int) -> dict[str, Any]:
    """An Envoy that does nothing but pass on."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}
    manager = {
        "@type": _HCM,
        "stat_prefix": "plain",
        "server_header_transformation": "PASS_THROUGH",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    provider = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {
        "admin": {"address": {"pipe": {"path": spec.admin_socket, "mode": 0o600}}},
        "static_resources": {
            "listeners": [
                {
                    "name": "plain",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                    "filter_chains": [chain],
                }
            ],
            "clusters": [
                {
                    "name": "provider",
                    "connect_timeout": "5s",
                    "load_assignment": {"cluster_name": "provider", "endpoints": [{"lb_endpoints": [provider]}]},
                }
            ],
        },
    }
