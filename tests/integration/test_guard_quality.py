"""How often the semantic tier would answer, and how often wrongly, at a fixed threshold: with and without the guards.

Shares are of all pairs of a set: `hit` serves a pair that one answer fits, `wrong` one that it does not. The measured
values stand in `docs/cache.md`; the bounds here leave a few pairs of slack, so that they hold on another processor and
fail when a guard is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from costward_extproc.adapters.onnx_embedder import OnnxEmbedder
from costward_extproc.cache.guards import veto

from tests.fakes.semantic_data import Pair, built_model, pairs, prompts


@dataclass(frozen=True, slots=True)
class Shares:
    """Percent of all pairs."""

    hit: float
    wrong: float


@dataclass(frozen=True, slots=True)
class Bound:
    """What must hold at one threshold, in percent: guarded hits at least, guarded and unguarded wrong hits at most and
    at least."""

    threshold: float
    hit: float
    wrong: float
    wrong_without: float


@pytest.fixture(scope="module")
def embedder() -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder.load(built_model())
    yield embedder
    embedder.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "split", "every", "bounds"),
    [
        ("fow_question_pairs", None, 1, (Bound(0.92, 19.0, 1.0, 6.0), Bound(0.95, 16.5, 1.0, 3.5))),
        ("checklist_qqp", None, 4, (Bound(0.92, 22.5, 0.5, 40.0), Bound(0.95, 16.5, 0.5, 37.0))),
        ("qqp_pairs", "dev", 16, (Bound(0.92, 8.0, 1.9, 1.2), Bound(0.95, 5.0, 1.0, 0.5))),
    ],
)
async def test_guards_keep_right_hits_and_stop_wrong_ones(
    embedder: OnnxEmbedder,
    name: str,
    split: str | None,
    every: int,
    bounds: tuple[Bound, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    judged = pairs(name, split)[::every]
    scores = [await similarity(embedder, pair) for pair in judged]
    passed = [veto(pair.asked, pair.cached) is None for pair in judged]
    for bound in bounds:
        near = [score >= bound.threshold for score in scores]
        without = shares(judged, near)
        guarded = shares(judged, [close and clear for close, clear in zip(near, passed, strict=True)])
        with capsys.disabled():
            print(f"\n{name} at {bound.threshold}: {without} without guards, {guarded} with", end="")  # noqa: T201
        assert guarded.hit >= bound.hit
        assert guarded.wrong <= bound.wrong
        assert without.wrong >= bound.wrong_without


async def similarity(embedder: OnnxEmbedder, pair: Pair) -> float:
    asked, cached = await embedder.embed(pair.asked), await embedder.embed(pair.cached)
    return 0.0 if asked.truncated or cached.truncated else float(np.dot(asked.vector, cached.vector))


def shares(judged: list[Pair], served: list[bool]) -> Shares:
    hits = sum(use and pair.same for pair, use in zip(judged, served, strict=True))
    wrong = sum(use and not pair.same for pair, use in zip(judged, served, strict=True))
    return Shares(round(100 * hits / len(judged), 2), round(100 * wrong / len(judged), 2))


@pytest.mark.slow
async def test_background_traffic_does_not_meet_itself(embedder: OnnxEmbedder) -> None:
    """Prompts of strangers, near-unique: none may be answered from another."""
    texts = [prompt for prompt in prompts("arena_hard_background") if len(prompt) < 400]
    found = [await embedder.embed(text) for text in texts]
    usable = [(text, one.vector) for text, one in zip(texts, found, strict=True) if not one.truncated]
    vectors = np.stack([vector for _, vector in usable])
    near = np.argwhere(np.triu(vectors @ vectors.T, k=1) >= 0.92)
    assert [(one, other) for one, other in near if veto(usable[one][0], usable[other][0]) is None] == []
