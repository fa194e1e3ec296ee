"""Less than everything still works, and says so: a damaged cache file, and no embedder (promise P10)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from costward_cli.ports_free import free_port

from tests.fakes.running_stack import MODEL_DIR, RunningStack, policy, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

POLICY = policy(semantic="0.90")
QUESTION, PARAPHRASE = "How do I reset my password?", "How can I reset my password?"


DAMAGED = b"SQLite format 3\x00" + b"no database at all " * 1_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    """Started beside a damaged cache file and without an embedder."""
    folder = tmp_path_factory.mktemp("degraded")
    (folder / "cache.sqlite").write_bytes(DAMAGED)
    async with running_stack(
        POLICY, state_dir=folder, model_dir=folder / "no-model", admin_port=free_port()
    ) as running:
        yield running


async def test_a_damaged_cache_is_moved_aside_and_a_new_one_serves(stack: RunningStack) -> None:
    decisions = [(await stack.ask(QUESTION, user="bob")).headers["x-costward-decision"] for _ in range(2)]
    assert decisions == ["pass", "hit-exact"]
    assert (stack.state_dir / "cache.sqlite.corrupt-1").read_bytes() == DAMAGED
    assert re.search(r"WARNING .* moved to cache\.sqlite\.corrupt-1, starting with an empty one", stack.log)
    assert await stack.metric("costward_degradations_total", code="cache-moved-aside") == 1


async def test_without_an_embedder_equal_words_still_hit_and_it_is_told(stack: RunningStack) -> None:
    asked = [QUESTION, "how do i reset my PASSWORD", PARAPHRASE]
    answers = [await stack.ask(text) for text in asked]
    records = [await stack.record(answer) for answer in answers]
    assert [answer.headers["x-costward-decision"] for answer in answers] == ["pass", "hit-exact", "pass"]
    assert records[2]["cache"]["outcome"] == "miss"
    assert await stack.metric("costward_semantic_up") == 0
    assert await stack.metric("costward_degradations_total", code="no-embedder") == 1
    assert re.search(r"WARNING .* no semantic tier: .*no-model", stack.log)
    assert QUESTION not in stack.log


async def test_with_the_embedder_the_paraphrase_hits_and_nothing_is_complained_of() -> None:
    async with running_stack(POLICY, model_dir=MODEL_DIR, admin_port=free_port()) as stack:
        answers = [await stack.ask(text) for text in (QUESTION, PARAPHRASE)]
        assert [answer.headers["x-costward-decision"] for answer in answers] == ["pass", "hit-semantic"]
        assert await stack.metric("costward_semantic_up") == 1
        assert await stack.metric("costward_degradations_total") == 0
