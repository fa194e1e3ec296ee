"""A model that hangs costs the exchanges that had begun to wait their share of the deadline, and later ones nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from costward_contract.snapshot import CachePolicy, FixedThreshold
from costward_extproc.adapters.onnx_embedder import STALLED_S, OnnxEmbedder
from costward_extproc.errors import EmbedderFailure
from costward_extproc.server import OPTIONAL_SHARE, Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, policy, tier

DEADLINE_S = 0.2


class StuckTokenizer:
    """Does not come back until it is let go."""

    def __init__(self) -> None:
        self.freed = threading.Event()

    def token_to_id(self, _token: str) -> int:
        return 0

    def encode(self, _text: str) -> Any:
        self.freed.wait(30)
        raise RuntimeError("stuck")


@pytest.fixture
def tokenizer() -> Iterator[StuckTokenizer]:
    made = StuckTokenizer()
    yield made
    made.freed.set()


@pytest.fixture
def embedder(tokenizer: StuckTokenizer) -> Iterator[OnnxEmbedder]:
    given: Any = tokenizer
    made = OnnxEmbedder(id="stuck", session=given, tokenizer=given)
    yield made
    tokenizer.freed.set()
    made.close()


async def test_callers_wait_once_and_then_no_more(embedder: OnnxEmbedder) -> None:
    world = World.of(policy(tiers=(tier(),), cache=CachePolicy(mode="Enforce", semantic=FixedThreshold(950_000))))
    processor = Processor(replace(services(world, deadline_s=DEADLINE_S), embedder=embedder))
    took = [await asked(processor, f"question {n}") for n in range(3)]
    # Of the half minute that it hangs.
    assert max(took) < OPTIONAL_SHARE * DEADLINE_S + 10
    await asyncio.sleep(STALLED_S)
    later = [await asked(processor, f"later {n}") for n in range(5)]
    assert min(later) < OPTIONAL_SHARE * DEADLINE_S, "it is known by now"
    assert {record.cache.reason for record in world.records[-5:]} == {"stalled"}
    assert all(record.reserved > 0 for record in world.records), "caps hold all the same"


async def asked(processor: Processor, text: str) -> float:
    """Seconds until it went upstream, and the whole exchange with it."""
    body = json.dumps(chat(text, max_tokens=10)).encode()
    messages = [request_headers(), request_body(body), response_headers(), response_body(completion())]
    began = time.monotonic()
    await processor.Process(None, FakeContext(messages))
    took = time.monotonic() - began
    await processor.drained()
    return took


async def test_it_works_again_once_the_thread_moves(embedder: OnnxEmbedder, tokenizer: StuckTokenizer) -> None:
    first = asyncio.ensure_future(embedder.embed("first"))
    await asyncio.sleep(STALLED_S + 0.1)
    with pytest.raises(EmbedderFailure, match="stalled"):
        await embedder.embed("second")
    tokenizer.freed.set()
    with pytest.raises(EmbedderFailure, match="inference"):
        await first
    with pytest.raises(EmbedderFailure, match="inference"):
        await embedder.embed("third")
