"""Cases in short rounds, in turn with all others, so that a slow minute of the machine meets them all alike."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import httpx

from tests.bench.cases import QUESTION, Case
from tests.bench.load import Load, Sample, run
from tests.bench.stage import Server, Stage

Key = tuple[str, int]
"""A case's name and its number of connections."""


@dataclass
class Measured:
    """Samples of all rounds. What a case lacks for a comparison, it was left out for."""

    samples: dict[Key, list[Sample]] = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)
    start_seconds: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Cases that did not measure what their name says, with the reason."""

    def series(self, name: str, figure: str, connections: int) -> list[float] | None:
        """One figure of each round; None: the case was left out, or is none."""
        samples = self.samples.get((name, connections))
        if samples is None or name in self.left_out:
            return None
        return [float(getattr(sample, figure)) for sample in samples]


class Run(Protocol):
    """One round of one case. Raises RuntimeError if it did not go as asked."""

    def __call__(
        self, folder: Path, server: Server, load: Load, /, *, seconds: float, connections: int, seed: int
    ) -> Sample: ...


@dataclass(frozen=True)
class Plan:
    cases: Sequence[Case]
    rounds: int
    seconds: float
    """Length of a round."""
    run: Run = run

    @property
    def ticks(self) -> int:
        """How many measurements there are."""
        return self.rounds * sum(len(case.connections) for case in self.cases)


def measure(
    stage: Stage, plan: Plan, tick: Callable[[], None], between: Callable[[], Sample] | None = None
) -> Measured:
    """`tick`: told after each measurement. `between`: what else belongs to each round, kept as the case `embed`."""
    measured = Measured()
    _warm(stage, plan)
    _check(stage, plan.cases, measured)
    for turn in range(plan.rounds):
        if between is not None:
            measured.samples.setdefault(("embed", 1), []).append(between())
        for case in plan.cases:
            for connections in case.connections:
                _one(stage, plan, case, connections, turn, measured)
                tick()
    _check(stage, plan.cases, measured)
    for case in plan.cases:
        measured.rss_mb[case.name] = stage.server(case.server).rss_mb()
        measured.start_seconds[case.server] = stage.server(case.server).start_seconds
    return measured


def _one(stage: Stage, plan: Plan, case: Case, connections: int, turn: int, measured: Measured) -> None:
    if case.name in measured.left_out:
        return
    server, lasting, seed = stage.server(case.server), plan.seconds * case.length, turn * 100 + connections
    try:
        sample = plan.run(stage.folder, server, case.load, seconds=lasting, connections=connections, seed=seed)
    except (RuntimeError, OSError) as problem:
        measured.left_out[case.name] = str(problem)
        return
    measured.samples.setdefault((case.name, connections), []).append(sample)


def _warm(stage: Stage, plan: Plan) -> None:
    """Fill the caches with the one question, which hits by meaning are hits of too, and let every path run once."""
    for case in plan.cases:
        if case.decision is not None and case.decision.startswith("hit"):
            load = replace(case.load, text=QUESTION, watched=None)
            server, lasting = stage.server(case.server), plan.seconds / 2
            with contextlib.suppress(RuntimeError):
                # What is wrong will be told by the check.
                run(stage.folder, server, load, seconds=lasting, connections=1, seed=1)


def _check(stage: Stage, cases: Sequence[Case], measured: Measured) -> None:
    """A case that measures another path than its name says is worse than none."""
    for case in cases:
        decision = _decision(stage, case)
        for _ in range(_MORE_TRIES):
            decision = decision if decision == case.decision else _decision(stage, case)
        if decision != case.decision and case.name not in measured.left_out:
            measured.left_out[case.name] = f"measures {decision}, not {case.decision}"


_MORE_TRIES = 2
"""On a busy machine one answer may come too late to be a hit; a case on another path never is one."""


def _decision(stage: Stage, case: Case) -> str | None:
    text = case.load.text or f"{time.time_ns()} zebras play the violin near a river"
    headers = {"content-type": "application/json", "authorization": "Bearer bench"}
    if case.load.host is not None:
        headers["host"] = case.load.host
    url = stage.server(case.server).url + case.load.path
    try:
        answer = httpx.post(url, content=case.load.body.of(text), headers=headers, timeout=30)
    except httpx.HTTPError as problem:
        return f"nothing ({type(problem).__name__})"
    if answer.status_code != 200:
        return f"status {answer.status_code}"
    decision: str | None = answer.headers.get("x-costward-decision")
    return decision
