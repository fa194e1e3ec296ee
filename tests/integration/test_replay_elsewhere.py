"""`costward replay` through a stack that runs already: its books tell the money, and nothing else is ever asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from costward_cli.problems import CliError
from costward_cli.replay.asking import Outcome
from costward_cli.replay.log import read_log
from costward_cli.replay.run import Task, through
from costward_cli.stack import Stack, StackSpec

from tests.fakes.running_stand_in import running_stand_in

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def task(folder: Path, *texts: str) -> Task:
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps({"text": text, "label": text}) + "\n" for text in texts))
    return Task(*read_log(file, "gpt-5-mini"), concurrency=2)


async def test_a_provider_without_costward_gets_one_request_only(tmp_path: Path) -> None:
    async with running_stand_in() as provider:
        with pytest.raises(CliError, match="did not come through Costward"):
            await through(
                f"{provider.url}/v1", task(tmp_path, *"abcdef"), key="k", state_dir=tmp_path, on_outcome=lambda _: None
            )
        assert (await provider.bill())["requests"] == 1


async def test_nobody_there_is_said_to_be_nobody(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"nothing answers at .*\n.*make up"):
        await through(
            "http://127.0.0.1:9/v1", task(tmp_path, "a"), key="k", state_dir=tmp_path, on_outcome=lambda _: None
        )


async def test_a_running_stack_is_used_and_its_books_are_read(tmp_path: Path) -> None:
    spec = StackSpec(
        policy_file=ROOT / "examples" / "policies" / "replay.yaml",
        state_dir=tmp_path / "state",
        listen_port=0,
        stand_in_args=("--chunk-ms", "0"),
    )
    seen: list[Outcome] = []
    async with Stack(spec) as stack:
        done = await through(
            stack.base_url,
            task(tmp_path, "first question", "second question", "first question"),
            key="k",
            state_dir=spec.state_dir,
            on_outcome=seen.append,
        )
        assert await stack.let_through() == 0
        elsewhere = await asyncio.wait_for(
            through(stack.base_url, task(tmp_path, "x"), key="k", state_dir=tmp_path / "none", on_outcome=seen.append),
            20,
        )

    assert (done.summary.hits.exact.count, len(seen)) == (1, 4)
    assert done.summary.money is not None
    assert done.summary.money.records == 3
    # This stand-in knows no labels, so its answers name no class: the entry's own request tells.
    assert done.summary.wrong is not None
    assert (done.summary.wrong.not_judged, done.summary.wrong.per_request.count) == (0, 0)
    assert elsewhere.summary.money is None
