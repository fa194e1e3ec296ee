"""One whole exchange: whatever comes in whatever pieces, every message is answered and the books are the same."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fakes.world import World, policy, tier
from tests.fuzz.inputs import changed, changed_often, odd_json
from tests.fuzz.seeds import OF_DIALECT, plain, stream
from tests.fuzz.target import Target, chance

_PATHS = {
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
    "openai.responses": "/v1/responses",
    "openai.embeddings": "/v1/embeddings",
}
_SEAM = b"\x00\xffanswer\xff\x00"
"""Between the request's body and the provider's answer."""


def check(data: bytes) -> None:
    body, _, answer = data.partition(_SEAM)
    rng = chance(data)
    for path in _PATHS.values():
        whole, cut = _run(path, body, answer, None), _run(path, body, answer, rng)
        assert cut == whole, "the cutting tells"


def _run(path: str, body: bytes, answer: bytes, rng: random.Random | None) -> dict[str, Any]:
    world = World.of(policy(tiers=(tier(10**12),)))
    run = world.begin()
    run.request(body, {":path": path, "x-user-id": "ada"}, _sizes(rng, len(body)))
    if run.answer is not None:
        return {"answer": run.answer, "record": run.record}
    assert run.upstream is not None, "nobody said where it goes"
    streamed = answer.startswith((b"data:", b"event:", b":"))
    media = "text/event-stream" if streamed else "application/json"
    run.response(answer, chunks=_sizes(rng, len(answer)), content_type=media)
    assert not world.reserved, "money stays reserved"
    entries = [(entry.key, entry.answer, entry.cost) for entry in world.entries.values()]
    return {"sent": run.upstream.body, "flowed": run.flowed, "record": run.record, "stored": entries}


def _sizes(rng: random.Random | None, length: int) -> list[int]:
    return [] if rng is None else [rng.randint(0, length) for _ in range(rng.randint(0, 5))]


_ANSWERS = {
    name: (*map(plain, OF_DIALECT[name].answers), *(stream(e, done=True) for e in OF_DIALECT[name].streams))
    for name in _PATHS
}


def _both(name: str) -> SearchStrategy[bytes]:
    shapes = OF_DIALECT[name]
    requests = changed_often(odd_json(shapes.requests), tuple(map(plain, shapes.requests)))
    return st.tuples(requests, st.sampled_from(_ANSWERS[name]) | changed(_ANSWERS[name])).map(_SEAM.join)


_SEEDS = tuple(
    plain(request) + _SEAM + answer
    for name in _PATHS
    for request in OF_DIALECT[name].requests
    for answer in _ANSWERS[name]
)

TARGETS = (Target("exchange", check, st.one_of([_both(name) for name in _PATHS]), _SEEDS, grows=False),)
