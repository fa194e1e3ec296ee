"""What is measured: each part's cases, with those that they are compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tests.bench.bodies import CORE, PATHS, SIZES, body
from tests.bench.load import Load
from tests.bench.stage import STREAMS_HOST
from tests.bench.upstream import READ_WHOLE

Part = Literal["core", "dialects", "chunks", "workers"]
PARTS: tuple[Part, ...] = ("core", "dialects", "chunks", "workers")
Mode = Literal["miss", "stream", "hit"]

CHAT, PLAIN = "/v1/chat/completions", "/plain"
QUESTION = "How do I reset the password of my account, please?"
PARAPHRASE = "What are the steps to reset my account password?"

MANY = 32
"""Connections of the worker cases: more than two workers can answer at once, fewer than make a queue the measure."""

DIALECT_CASES: tuple[tuple[str, Mode, str], ...] = (
    ("openai.chat", "miss", "1k"),
    ("openai.chat", "miss", "32k"),
    ("openai.chat", "miss", "256k"),
    ("openai.chat", "miss", "5m"),
    ("openai.chat", "stream", "1k"),
    ("openai.chat", "hit", "1k"),
    ("openai.chat", "hit", "32k"),
    ("anthropic.messages", "miss", "1k"),
    ("anthropic.messages", "miss", "256k"),
    ("anthropic.messages", "miss", "5m"),
    ("anthropic.messages", "stream", "1k"),
    ("anthropic.messages", "stream", "256k"),
    ("anthropic.messages", "hit", "1k"),
    ("openai.responses", "miss", "1k"),
    ("openai.responses", "miss", "256k"),
    ("openai.responses", "stream", "1k"),
    ("openai.responses", "stream", "256k"),
    ("openai.responses", "hit", "1k"),
    ("openai.embeddings", "miss", "1k"),
    ("openai.embeddings", "miss", "32k"),
)
"""Each dialect at 1 kB in every mode that it has; what grows with a body, by `openai.chat` alone (32 kB and 5 MB of
text); what coding agents send, 256 kB, streamed by the two dialects that they speak; pictures by the one that carries
them in its bodies. Embeddings are neither streamed nor cached whole. Requests with tools, as all of 256 kB are, bypass
the cache unless a policy says otherwise, so the largest hit is of 32 kB."""

_STREAMED = "?chunks=50&gapUs=1000"
"""A short answer, paced: without a gap Envoy would find some twenty chunks in one read, and one message carry them."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    server: str
    """As `Stage.server` calls it."""
    load: Load
    decision: str | None
    """What Costward must answer, before and after the measurement; None: it is not asked."""
    connections: tuple[int, ...] = (1,)
    length: float = 1.0
    """Of its rounds, in those of its part."""
    base: str | None = None
    """The case of an Envoy without the filter."""
    noop: str | None = None
    """The case of the no-op server on the same path."""


EMBED = Case("embed", "none", Load("", CORE, None), None)
"""One embedding in this process, which other cases are told in."""


def core() -> list[Case]:
    both = (1, 16)
    return [
        Case("envoy", "envoy", Load(PLAIN, CORE, QUESTION), None, both),
        Case("noop", "noop", Load(CHAT, CORE, QUESTION), None, both),
        Case("noop-immediate", "noop-immediate", Load(CHAT, CORE, QUESTION), None, both),
        Case("miss", "exact", Load(CHAT, CORE, None), "pass", both, base="envoy", noop="noop"),
        Case("hit-exact", "exact", Load(CHAT, CORE, QUESTION), "hit-exact", both, noop="noop-immediate"),
        Case("miss-semantic", "semantic", Load(CHAT, CORE, None), "pass", both, base="envoy", noop="noop"),
        # Sixteen at once are no measure of it: one that the embedder's queue makes late is answered by the provider
        # and stored, and the same words are an exact hit from then on.
        Case("hit-semantic", "semantic", Load(CHAT, CORE, PARAPHRASE), "hit-semantic", noop="noop-immediate"),
    ]


def workers() -> list[Case]:
    """One worker, two, and the no-op server's one, under load."""
    one = Case("miss-32", "exact", Load(CHAT, CORE, None), "pass", (MANY,), noop="noop-32")
    return [
        Case("noop-32", "noop", Load(CHAT, CORE, None), None, (MANY,)),
        one,
        replace(one, name="miss-2w", server="two-workers"),
    ]


def dialects() -> list[Case]:
    """Every case after its base and its twin on the no-op server; a base serves all cases of its size."""
    cases: dict[str, Case] = {}
    for dialect, mode, size in DIALECT_CASES:
        for case in _beside_its_twins(dialect, mode, size):
            cases.setdefault(case.name, case)
    return list(cases.values())


def _beside_its_twins(dialect: str, mode: Mode, size: str) -> tuple[Case, ...]:
    name = f"{dialect}-{mode}-{size}"
    stream = mode == "stream"
    asked = _load(dialect, mode, size)
    decision = "hit-exact" if mode == "hit" else "pass"
    # A request of 5 MB takes a fifth of a second: a round as short as the others' would see too few.
    length = 2.0 if size == "5m" else 1.0
    noop = Case(f"noop-{name}", "noop-immediate" if mode == "hit" else "noop", asked, None, length=length)
    ours = Case(name, "exact", replace(asked, watched=decision), decision, length=length, noop=noop.name)
    if mode == "hit":
        return noop, ours
    base = Case(_base_name(dialect, stream, size), "envoy", asked, None, length=length)
    return base, noop, replace(ours, base=base.name)


def _base_name(dialect: str, stream: bool, size: str) -> str:
    """Without the filter whole answers of a few hundred bytes are all alike; streams and vectors are not."""
    alike = not stream and dialect != "openai.embeddings"
    return f"envoy-{size}" if alike else f"envoy-{dialect}{'-stream' if stream else ''}-{size}"


def _load(dialect: str, mode: Mode, size: str) -> Load:
    stream = mode == "stream"
    query = _STREAMED if stream else f"?{READ_WHOLE}"
    if dialect == "openai.embeddings" and SIZES[size] > SIZES["1k"]:
        query = "?several"
    return Load(
        PATHS[dialect] + query,
        body(dialect, size, stream=stream),
        QUESTION if mode == "hit" else None,
        host=STREAMS_HOST if stream else None,
    )
