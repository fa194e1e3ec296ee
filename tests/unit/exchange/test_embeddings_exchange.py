"""An embeddings call is held to the caps by its input alone, and no other model is ever put in."""

from __future__ import annotations

import json
from typing import Any

from costward_contract.snapshot import LadderStep

from tests.fakes.world import Run, World, policy, tier

PATH = {":path": "/v1/embeddings"}


def _embed(world: World, answer: bytes | None = None, **members: Any) -> Run:
    run = world.begin()
    document = {"model": "gpt-5", "input": "one two three", **members}
    run.request(json.dumps(document).encode(), PATH)
    if answer is not None:
        run.response(answer)
    return run


def _answer(tokens: int = 3) -> bytes:
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json.dumps({"object": "list", "data": [], "model": "gpt-5", "usage": usage}).encode()


def test_only_its_input_is_reserved_and_charged() -> None:
    run = _embed(World.of(policy(tiers=(tier(),))), _answer(800_000))
    assert run.record.reserved == 4
    assert (run.record.cost, run.record.usage.output) == (1_000_000, 0)
    assert (run.record.dialect, run.record.endpoint, run.record.inputs.max_tokens) == (
        "openai.embeddings",
        "embeddings",
        0,
    )


def test_an_answer_that_is_cut_is_charged_by_its_input() -> None:
    run = _embed(World.of(policy(tiers=(tier(),))), b'{"object":"list","data":[{"embedding":[' + b"0.1," * 9_000)
    assert (run.record.usage.estimated, run.record.usage.output, run.record.usage.input) == (True, 0, 3)


def test_the_ladder_puts_in_no_other_model() -> None:
    step = LadderStep(1, "UseModel", rung="small")
    world = World.of(policy(tiers=(tier(1_000_000, step),)), already_spent=10)
    run = _embed(world, _answer())
    assert run.upstream is not None
    assert run.upstream.body is None
    assert run.record.decision == "pass"


def test_a_capped_caller_gets_the_error_also_where_answers_in_words_are_asked_for() -> None:
    step = LadderStep(1_000_000, "Message", text="Over.", deliver="Answer")
    run = _embed(World.of(policy(tiers=(tier(100, step),)), already_spent=100))
    assert run.answer is not None
    assert run.answer.status == 429
    assert json.loads(run.answer.body)["error"]["message"] == "Over."


def test_it_has_no_place_in_the_cache() -> None:
    world = World.of(policy())
    assert _embed(world, _answer()).record.cache.reason == "embeddings"
    assert world.entries == {}
