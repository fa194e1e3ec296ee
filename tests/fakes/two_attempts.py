"""An exchange whose first attempt fails, in a World: what Envoy does between its two attempts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from costward_contract.snapshot import (
    Alias,
    FallbackPolicy,
    Policy,
    RoutingPolicy,
    RoutingRule,
    Tier,
    UpstreamFailure,
    When,
)
from costward_extproc.core.events import Answer, Closed, GoUpstream, RequestBody, RequestHeaders, ResponseHeaders

from tests.fakes.world import Run, World, completion, policy, tier

ALL: tuple[UpstreamFailure, ...] = ("ServerError", "RateLimited", "Timeout")
EASY = {"x-costward-task-type": "Easy"}
FAR = 10_000_000
"""µ$ of a cap that nothing here reaches."""


def falling_back(*after: UpstreamFailure, **changes: Any) -> Policy:
    """Easy tasks go to the small rung; the alias `auto` and named models may use both."""
    routing = RoutingPolicy(
        mode="Enforce",
        rewrite_named_models=True,
        rules=(RoutingRule(When(task_type="Easy"), "small"),),
        fallback=FallbackPolicy(after or ALL, 300),
    )
    given: dict[str, Any] = {"tiers": (tier(FAR),), "aliases": (Alias("auto", ("small", "large")),), "routing": routing}
    return policy(**given | changes)


@dataclass
class TwoAttempts:
    world: World
    first: Run
    second: Run = field(init=False)
    sent: bytes = b""
    failed: int | None = None

    @classmethod
    def of(cls, world: World, document: Any, headers: dict[str, str] | None = None) -> TwoAttempts:
        run = world.begin()
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        run.request(body, EASY if headers is None else headers)
        assert run.upstream is not None
        return cls(world, run, sent=body if run.upstream.body is None else run.upstream.body)

    @property
    def asked(self) -> dict[str, str]:
        """Of Envoy's router."""
        assert self.first.upstream is not None
        return dict(self.first.upstream.add)

    @property
    def ticket(self) -> str:
        assert self.first.upstream is not None
        return self.first.upstream.ticket

    def fail(self, status: int | None = 503, sent: bytes | None = None) -> GoUpstream | Answer:
        """What the second attempt's conversation says to Envoy."""
        self.failed = status
        self.second = self.world.begin()
        headers = {":method": "POST", ":path": "/elsewhere", "x-envoy-attempt-count": "2"}
        self.second.send(RequestHeaders(self.world.now, headers, False, self.ticket, status))
        self.second.send(RequestBody(self.world.now, self.sent if sent is None else sent, True))
        self.second.send(Closed(self.world.now))
        reply = self.second.answer or self.second.upstream
        assert reply is not None
        return reply

    def answer(self, verdict: str, status: int = 200, body: bytes | None = None, attempts: int = 2) -> Run:
        """The answer to the last attempt passes the exchange."""
        failed = status if status >= 400 else self.failed
        kind = "text/event-stream" if (body or b"").startswith(b"data:") else "application/json"
        headers = {":status": str(status), "content-type": kind}
        self.first.send(ResponseHeaders(self.world.now, headers, False, attempts, failed, verdict))
        self.first.flow(completion() if body is None else body)
        return self.first


def closed(limit: int) -> tuple[Tier, ...]:
    return (tier(limit, on_ledger_failure="Closed"),)
