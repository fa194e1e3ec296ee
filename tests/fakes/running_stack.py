"""The real stack for end-to-end tests: Envoy, a data plane and a provider, with their books within reach."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from costward_cli.stack import Stack, StackSpec

ROOT = Path(__file__).resolve().parents[2]
MODEL_DIR = ROOT / "build" / "model"

POLICY = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {{name: e2e}}
spec:
  owner: {{team: support-platform, contact: "#support-llm"}}
  models: [{{name: small, model: gpt-5-mini}}, {{name: large, model: gpt-5}}]
  aliases: {{auto: small..large}}
  identity: {{user: {{header: x-user-id, trustedFrom: [local]}}}}
  tiers:
  - name: all
    caps: [{{per: User, window: Month, limitUSD: "{limit_usd}"}}]
    onLedgerFailure: {on_ledger_failure}
  cache: {{mode: {cache}, scope: User{semantic}}}
"""


def policy(*, limit_usd: str = "5", cache: str = "Enforce", semantic: str | None = None, closed: bool = False) -> str:
    """One monthly cap per user, which no test outlives; ten questions an hour would not do across a full hour."""
    return POLICY.format(
        limit_usd=limit_usd,
        cache=cache,
        semantic=f', semantic: {{fixedThreshold: "{semantic}"}}' if semantic else "",
        on_ledger_failure="Closed" if closed else "Open",
    )


class Books(NamedTuple):
    """µ$ over all counters of the ledger file, and how many reservations are open in it."""

    spent: int
    reserved: int
    open: int


@dataclass
class RunningStack:
    stack: Stack
    client: httpx.AsyncClient
    provider: httpx.AsyncClient
    state_dir: Path
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Records by id, in the order in which their lines came."""
    events: list[str] = field(default_factory=list)
    admin_url: str = ""

    async def ask(self, text: str, *, user: str = "ada", headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """The response to one chat request, whole."""
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}
        return await self.client.post("/chat/completions", json=body, headers={"x-user-id": user, **(headers or {})})

    async def record(self, response: httpx.Response) -> dict[str, Any]:
        """What was written down about it; it comes a moment after the answer."""
        id = response.headers["x-costward-request-id"]
        await until(lambda: id in self.decisions, f"the record of {id}")
        return self.decisions[id]

    async def bill(self) -> dict[str, Any]:
        """The stand-in's own."""
        statement: dict[str, Any] = (await self.provider.get("/_stand_in/bill")).json()
        return statement

    async def fault(self, **faults: Any) -> None:
        (await self.provider.post("/_stand_in/faults", json=faults)).raise_for_status()

    async def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of this name that carry these labels, 0 where there is none."""
        async with httpx.AsyncClient() as client:
            lines = (await client.get(f"{self.admin_url}/metrics")).text.splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [line for line in lines if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples if all(label in line for label in wanted))

    def books(self) -> Books:
        with read_only(self.state_dir / "ledger.sqlite") as db:
            spent, reserved = db.execute("SELECT total(spent), total(reserved) FROM counter").fetchone()
            (open_,) = db.execute("SELECT count(*) FROM reservation WHERE state = 'open'").fetchone()
        return Books(int(spent), int(reserved), open_)

    async def settled(self, seconds: float = 10) -> Books:
        """The books when no reservation is open any more."""
        await until(lambda: self.books().open == 0, "the end of all reservations", seconds)
        return self.books()

    @property
    def log(self) -> str:
        """The data plane's own, of all its lives."""
        return (self.stack.run_dir / "data-plane.log").read_text()


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        yield connection
    finally:
        connection.close()


async def until(condition: Any, what: str, seconds: float = 10) -> None:
    """Asks every 20 ms. Raises AssertionError that names `what` did not come."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"{what} did not come within {seconds:g} s"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running_stack(
    policy_text: str, *, state_dir: Path | None = None, chunk_ms: float = 0, **spec: Any
) -> AsyncIterator[RunningStack]:
    """`spec`: further fields of StackSpec; an `upstream` replaces the stand-in."""
    decisions: dict[str, dict[str, Any]] = {}
    events: list[str] = []
    with tempfile.TemporaryDirectory(prefix="costward-e2e-") as folder:
        policy_file = Path(folder) / "policy.yaml"
        policy_file.write_text(policy_text)
        state = state_dir or Path(folder) / "state"
        given = StackSpec(
            policy_file=policy_file,
            state_dir=state,
            listen_port=0,
            stand_in_args=("--chunk-ms", f"{chunk_ms:g}"),
            **spec,
        )
        stack = Stack(
            given, on_decision=lambda record: decisions.update({record["id"]: record}), on_event=events.append
        )
        no_limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with (
            stack,
            httpx.AsyncClient(base_url=stack.base_url, timeout=30, limits=no_limits) as client,
            httpx.AsyncClient(base_url=given.upstream or stack.stand_in_url or "") as provider,
        ):
            admin = f"http://127.0.0.1:{given.admin_port}"
            yield RunningStack(stack, client, provider, state, decisions, events, admin)
