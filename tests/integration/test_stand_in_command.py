"""`costward stand-in` as a process: it serves on the port that it names, and answers by labels from a file."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path

import httpx
import pytest
from costward_cli.problems import CliError
from costward_cli.readiness import http_ready, until_ready
from costward_cli.stand_in.knowledge import read_labels
from costward_cli.stand_in_process import start_stand_in


@pytest.mark.slow
async def test_it_serves_labelled_texts_until_told_to_stop(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl.gz"
    with gzip.open(labels, "wt") as file:
        file.write(json.dumps({"text": "Where is my card", "intent": "card_arrival"}) + "\n")
    child, url = await start_stand_in(tmp_path / "log", ("--chunk-ms", "0", "--labels", str(labels)))
    try:
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            await until_ready(child, lambda: http_ready(client, "/_stand_in/ready"), 15)
            body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Where is my card"}]}
            answer = (await client.post("/v1/chat/completions", json=body)).json()
    finally:
        child.process.send_signal(signal.SIGTERM)
        status = await child.process.wait()
        await child.stop()
    assert "(card_arrival, gpt-5)" in answer["choices"][0]["message"]["content"]
    assert status in (0, -signal.SIGTERM)
    assert f"OPENAI_BASE_URL={url}/v1" in child.tail()


@pytest.mark.parametrize("content", ["{", '{"text": "a"}', "[1]"])
def test_a_line_without_text_and_label_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"text": "a", "label": "b"}\n' + content + "\n")
    with pytest.raises(CliError, match="line 2"):
        read_labels(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="nowhere"):
        read_labels(tmp_path / "nowhere.jsonl")
