"""`make bench`: what Costward adds to a request, as ratios against a no-op server measured in the same run.

The machine's speed drifts, so every case is measured in short rounds in turn with all others, and medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil
from costward_extproc.adapters.onnx_embedder import OnnxEmbedder
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.bench.load import SYSTEM, Sample, run
from tests.bench.stage import PYTHON, Server, Stage

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "build" / "model"
CHAT, PLAIN = "/v1/chat/completions", "/plain"
QUESTION = "How do I reset the password of my account, please?"
PARAPHRASE = "What are the steps to reset my account password?"
TEXT_OF_16_TOKENS = "garden bridge lemon tower candle wagon melody pepper cabin violin river helmet"

POLICY = """
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {{name: bench}}
spec:
  owner: {{team: bench}}
  models: [{{name: small, model: gpt-5-mini}}, {{name: large, model: gpt-5}}]
  tiers:
  - name: default
    caps: [{{per: Workload, window: Day, limitUSD: "100000"}}, {{per: Workload, window: Month, limitUSD: "1000000"}}]
  cache: {{mode: Enforce, scope: Workload{semantic}}}
"""
SEMANTIC = ', semantic: {fixedThreshold: "0.80"}'


@dataclass(frozen=True)
class Case:
    name: str
    server: Server
    path: str
    text: str | None
    """None: another text for every request."""
    decision: str | None
    """What Costward must answer, before and after the measurement; None: it is not asked."""
    measured: psutil.Process | None


@dataclass(frozen=True)
class Result:
    case: str
    p50Ms: float  # the report's names
    p99Ms: float
    rps: float
    cpuMsPerRequest: float
    rssMB: float
    rps16: float | None = None
    """Throughput at 16 connections; `rps` is of one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round (2: about 800 requests)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case; medians are quoted")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    given = parser.parse_args()
    console = Console(stderr=given.json)
    with tempfile.TemporaryDirectory(prefix="cw-bench-") as folder, Stage(Path(folder)) as stage:
        results, start = measure(stage, given.seconds, given.rounds, console)
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    if given.json:
        sys.stdout.write(given.out.read_text())
    show(console, results, start)


def measure(stage: Stage, seconds: float, rounds: int, console: Console) -> tuple[list[Result], float]:
    noop = stage.behind_envoy("noop", [PYTHON, str(ROOT / "tests/bench/noop.py"), "{socket}"], {})
    immediate = [PYTHON, str(ROOT / "tests/bench/noop.py"), "{socket}", "immediate"]
    noop_immediate = stage.behind_envoy("noop-immediate", immediate, {})
    exact, semantic = (_costward(stage, name) for name in ("exact", "semantic"))
    cases = [
        Case("envoy", noop, PLAIN, QUESTION, None, None),
        Case("noop", noop, CHAT, QUESTION, None, noop.process),
        Case("noop-immediate", noop_immediate, CHAT, QUESTION, None, noop_immediate.process),
        Case("miss", exact, CHAT, None, "pass", exact.process),
        Case("hit-exact", exact, CHAT, QUESTION, "hit-exact", exact.process),
        Case("miss-semantic", semantic, CHAT, None, "pass", semantic.process),
        Case("hit-semantic", semantic, CHAT, PARAPHRASE, "hit-semantic", semantic.process),
    ]
    _warm(stage, exact, QUESTION, seconds)
    _warm(stage, semantic, QUESTION, seconds)
    _verify(cases)
    one: dict[str, list[Sample]] = {case.name: [] for case in cases}
    many: dict[str, list[Sample]] = {case.name: [] for case in cases}
    embeds: list[Sample] = []
    embedder = OnnxEmbedder.load(MODEL)
    with Progress(console=console) as progress:
        bar = progress.add_task("measuring", total=rounds * (len(cases) * 2 + 1))
        for turn in range(rounds):
            embeds.append(asyncio.run(_embed(embedder)))
            progress.advance(bar)
            for case in cases:
                for connections, samples in ((1, one), (16, many)):
                    if (case.name, connections) != ("hit-semantic", 16):
                        samples[case.name].append(_round(stage, case, seconds, connections, turn))
                    progress.advance(bar)
    embedder.close()
    _verify(cases)
    results = [_result(case, one[case.name], many[case.name]) for case in cases]
    own = psutil.Process().memory_info().rss / 1e6
    results.insert(3, _summary("embed", embeds, own, None))
    return results, statistics.median([exact.start_seconds, semantic.start_seconds])


def _costward(stage: Stage, name: str) -> Server:
    state = stage.folder / f"{name}-state"
    policy = stage.folder / f"{name}.yaml"
    policy.write_text(POLICY.format(semantic=SEMANTIC if name == "semantic" else ""))
    env = {"COSTWARD_POLICY_FILE": str(policy), "COSTWARD_STATE_DIR": str(state), "COSTWARD_MODEL_DIR": str(MODEL)}
    return stage.behind_envoy(name, [PYTHON, "-m", "costward_extproc"], env)


def _warm(stage: Stage, server: Server, text: str, seconds: float) -> None:
    """Fill the cache with the one question, and let every path run once."""
    run(stage.folder, server.url, CHAT, text=text, seconds=seconds / 2, connections=1, seed=1, process=None)


def _round(stage: Stage, case: Case, seconds: float, connections: int, turn: int) -> Sample:
    """Sixteen at once are no measure of `hit-semantic`: one that the embedder's queue makes late is answered by the
    provider and stored, and the same words are an exact hit from then on."""
    return run(
        stage.folder,
        case.server.url,
        case.path,
        text=case.text,
        seconds=seconds,
        connections=connections,
        seed=turn * 100 + connections,
        process=case.measured,
    )


def _verify(cases: list[Case]) -> None:
    """A case that measures another path than its name says is worse than none."""
    for case in cases:
        text = case.text or f"{time.time_ns()} zebras play the violin near a river"
        document = {
            "model": "gpt-5-mini",
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
            "temperature": 0.2,
            "max_tokens": 256,
        }
        headers = {"content-type": "application/json", "authorization": "Bearer bench"}
        answer = httpx.post(case.server.url + case.path, json=document, headers=headers)
        if answer.headers.get("x-costward-decision") != case.decision:
            raise RuntimeError(f"{case.name} measures {answer.headers.get('x-costward-decision')}, not {case.decision}")


async def _embed(embedder: OnnxEmbedder, times: int = 300) -> Sample:
    """The embedding alone, as the server asks for it: from an event loop, one after the other."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await embedder.embed(TEXT_OF_16_TOKENS)
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return Sample(taken[times // 2], taken[times * 99 // 100], 1000 / statistics.fmean(taken), statistics.fmean(taken))


def _result(case: Case, one: list[Sample], many: list[Sample]) -> Result:
    rss = case.measured.memory_info().rss / 1e6 if case.measured else 0.0
    return _summary(case.name, one, rss, statistics.median(sample.rps for sample in many) if many else None)


def _summary(name: str, samples: list[Sample], rss: float, rps16: float | None) -> Result:
    middle = {
        figure: round(statistics.median(getattr(sample, figure) for sample in samples), 3)
        for figure in ("p50_ms", "p99_ms", "rps", "cpu_ms")
    }
    return Result(
        name,
        middle["p50_ms"],
        middle["p99_ms"],
        middle["rps"],
        middle["cpu_ms"],
        round(rss, 1),
        None if rps16 is None else round(rps16, 1),
    )


def show(console: Console, results: list[Result], start: float) -> None:
    of = {result.case: result for result in results}
    table = Table(title="Latency of one connection, throughput of 16 (medians; ratios are against `noop`)")
    for column in (
        "case",
        "p50 ms",
        "p99 ms",
        "adds ms",
        "adds / noop adds",
        "rps",
        "rps x16",
        "/ noop",
        "CPU ms",
        "RSS MB",
    ):
        table.add_column(column, justify="left" if column == "case" else "right")
    base, noop = of["envoy"].p50Ms, of["noop"]
    for result in results:
        added = result.p50Ms - base
        http = result.case != "embed"
        table.add_row(
            result.case,
            f"{result.p50Ms:.3f}",
            f"{result.p99Ms:.3f}",
            f"{added:.3f}" if http else "",
            f"{added / (noop.p50Ms - base):.2f}" if http else "",
            f"{result.rps:.0f}",
            f"{result.rps16:.0f}" if result.rps16 else "",
            f"{result.rps / noop.rps:.2f}" if http else "",
            f"{result.cpuMsPerRequest:.3f}",
            f"{result.rssMB:.0f}",
        )
    console.print(table)
    console.print(_bars(of, start))


def _bars(of: dict[str, Result], start: float) -> Table:
    base, embed = of["envoy"].p50Ms, of["embed"].p50Ms
    added = (of["miss"].p50Ms - base) / (of["noop"].p50Ms - base)
    semantic = (of["miss-semantic"].p50Ms - of["miss"].p50Ms) / embed
    hit = (of["hit-semantic"].p50Ms - of["hit-exact"].p50Ms) / embed
    share = of["hit-exact"].rps / of["noop-immediate"].rps
    rss = max(of[name].rssMB for name in ("miss", "miss-semantic", "hit-exact", "hit-semantic"))
    rows = [
        ("a miss adds, of what the no-op adds (p50)", added, "<=", 1.6),
        ("a semantic miss adds to a miss, in embeddings", semantic, "<=", 1.3),
        ("exact hits, of the no-op's immediate answers (rps)", share, ">=", 0.4),
        ("a semantic hit adds to an exact hit, in embeddings", hit, "<=", 1.3),
        ("RSS of the data plane with the model, MB", rss, "<=", 200.0),
        ("start to ready, s", start, "<=", 2.0),
    ]
    table = Table(title="The bars")
    for column in ("what", "measured", "bar", ""):
        table.add_column(column)
    for what, value, sign, bar in rows:
        held = value <= bar if sign == "<=" else value >= bar
        table.add_row(what, f"{value:.2f}", f"{sign} {bar:g}", "[green]held[/]" if held else "[red]missed[/]")
    return table


if __name__ == "__main__":
    main()
