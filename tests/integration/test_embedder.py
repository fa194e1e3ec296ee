"""The embedder on the real model: what it returns, what it admits it cannot read, and how it refuses."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from costward_extproc.adapters.onnx_embedder import MAX_CHARACTERS, MAX_WAITING, OnnxEmbedder
from costward_extproc.errors import EmbedderFailure

from tests.fakes.semantic_data import built_model


@pytest.fixture(scope="module")
def embedder() -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder.load(built_model())
    yield embedder
    embedder.close()


async def test_a_vector_has_length_one(embedder: OnnxEmbedder) -> None:
    found = await embedder.embed("How do I reset my password?")
    assert found.vector.shape == (384,)
    assert found.vector.dtype == np.float32
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    assert not found.truncated


async def test_near_in_meaning_is_near_in_space(embedder: OnnxEmbedder) -> None:
    texts = ("How do I reset my password?", "What are the steps to reset my password?", "What is the capital of Peru?")
    asked, same, other = [(await embedder.embed(text)).vector for text in texts]
    assert asked @ same > 0.85
    assert asked @ other < 0.3


async def test_the_same_text_has_the_same_vector(embedder: OnnxEmbedder) -> None:
    one, other = await asyncio.gather(embedder.embed("reset my router"), embedder.embed("reset my router"))
    assert np.array_equal(one.vector, other.vector)


async def test_a_text_that_fits_is_whole_and_one_token_more_is_not(embedder: OnnxEmbedder) -> None:
    # The model adds one token before the text and one behind it.
    assert not (await embedder.embed("word " * 126)).truncated
    assert (await embedder.embed("word " * 127)).truncated


async def test_a_huge_text_is_cut_before_it_is_read(embedder: OnnxEmbedder) -> None:
    short = await embedder.embed("word " * 1_000)
    huge = await embedder.embed("word " * 2_000_000)
    assert huge.truncated
    assert np.array_equal(short.vector, huge.vector)
    assert (await embedder.embed(" " * MAX_CHARACTERS + "hidden")).truncated


@pytest.mark.parametrize("text", ["reset it \U0001f600", "half a pair \ud800", "x" * 101])
async def test_signs_that_the_model_cannot_read_are_told(embedder: OnnxEmbedder, text: str) -> None:
    assert (await embedder.embed(text)).truncated


async def test_an_empty_text_has_a_vector(embedder: OnnxEmbedder) -> None:
    assert np.linalg.norm((await embedder.embed("")).vector) == pytest.approx(1, abs=1e-5)


async def test_too_many_waiting_texts_are_refused_at_once_and_the_rest_served(embedder: OnnxEmbedder) -> None:
    results = await asyncio.gather(
        *(embedder.embed(f"text {number}") for number in range(MAX_WAITING + 3)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, EmbedderFailure)]
    assert [failure.reason for failure in refused] == ["overloaded"] * 3
    assert (await embedder.embed("and after it")).vector.shape == (384,)


async def test_texts_given_up_free_their_places(embedder: OnnxEmbedder) -> None:
    jobs = [asyncio.ensure_future(embedder.embed(f"text {number}")) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    assert (await embedder.embed("next")).vector.shape == (384,)


async def test_a_closed_embedder_says_so() -> None:
    embedder = OnnxEmbedder.load(built_model())
    embedder.close()
    embedder.close()
    with pytest.raises(EmbedderFailure, match="closed"):
        await embedder.embed("too late")


def test_the_id_names_the_model_file(embedder: OnnxEmbedder) -> None:
    manifest = json.loads((built_model() / "manifest.json").read_bytes())
    assert embedder.id == manifest["sha256"]["model.int8.onnx"][:16]


def test_a_missing_model_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(EmbedderFailure, match=r"no embedder here; build it with `python tools/build_embedder.py"):
        OnnxEmbedder.load(tmp_path)


@pytest.mark.parametrize("name", ["model.int8.onnx", "tokenizer.json"])
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(built_model(), model)
    with (model / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(EmbedderFailure, match=rf"{name}: has sha256 .*, but the manifest says .*; build it with"):
        OnnxEmbedder.load(model)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"dimensions": 12, "sha256": {}}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(EmbedderFailure, match=r"manifest\.json: .*; build it with"):
        OnnxEmbedder.load(tmp_path)
