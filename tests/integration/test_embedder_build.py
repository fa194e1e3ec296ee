"""The built model computes what its weights say, is the same bytes every time, and is not built twice."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load
from tokenizers import Tokenizer

from tools import build_embedder
from tools.build_embedder import PINNED_TOOLS, Source, Weights

TEXTS = ["How do I reset my password?", "hi", "Refunds for order 10482 took " + "very " * 60 + "long."]

Matrix = NDArray[np.float32]
ERF = np.vectorize(math.erf, otypes=[np.float32])


@pytest.fixture(scope="module")
def source() -> Source:
    weights = build_embedder.ROOT / "build" / "weights"
    if not (weights / build_embedder.ARCHIVE).is_file():
        pytest.skip("needs the embedder's weights: python tools/build_embedder.py")
    return build_embedder.fetch(weights)


@pytest.fixture(scope="module")
def weights(source: Source) -> Weights:
    return load(source.safetensors)


@pytest.fixture(scope="module")
def graph(weights: Weights) -> onnx.ModelProto:
    return build_embedder.build(weights)


def token_ids(source: Source, text: str) -> list[int]:
    tokenizer = Tokenizer.from_str(source.tokenizer.decode())
    tokenizer.no_padding()
    return list(tokenizer.encode(text).ids)


def run(model: bytes, ids: list[int], padding: int = 0) -> Matrix:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = {"input_ids": np.array([ids + [0] * padding]), "attention_mask": np.array([[1] * len(ids) + [0] * padding])}
    found: Matrix = session.run(None, feed)[0][0]
    return found


def reference(weights: Weights, ids: list[int]) -> Matrix:
    """all-MiniLM-L6-v2 from its description, sharing nothing with the graph but the weights."""

    def linear(x: Matrix, name: str) -> Matrix:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Matrix, name: str) -> Matrix:
        centred = x - x.mean(-1, keepdims=True)
        scaled: Matrix = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    embeddings = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    words, places, types = (weights[f"embeddings.{name}.weight"] for name in embeddings)
    x = norm(words[ids] + places[: len(ids)] + types[0], "embeddings.LayerNorm")
    for layer in (f"encoder.layer.{number}" for number in range(6)):
        q, k, v = (linear(x, f"{layer}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = []
        for head in range(12):
            part = slice(head * 32, (head + 1) * 32)
            weight = np.exp(q[:, part] @ k[:, part].T / math.sqrt(32))
            mixed.append(weight / weight.sum(-1, keepdims=True) @ v[:, part])
        attended = linear(np.concatenate(mixed, -1), f"{layer}.attention.output.dense")
        x = norm(attended + x, f"{layer}.attention.output.LayerNorm")
        hidden = linear(x, f"{layer}.intermediate.dense")
        hidden = hidden * 0.5 * (1 + ERF(hidden / math.sqrt(2)))
        x = norm(linear(hidden, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")
    mean = x.mean(0)
    found: Matrix = mean / np.linalg.norm(mean)
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_the_graph_agrees_with_an_independent_forward_pass(
    source: Source, weights: Weights, graph: onnx.ModelProto, text: str
) -> None:
    ids = token_ids(source, text)
    assert run(graph.SerializeToString(), ids) @ reference(weights, ids) > 0.9999


def test_padding_changes_nothing(source: Source, graph: onnx.ModelProto) -> None:
    ids = token_ids(source, TEXTS[0])
    model = graph.SerializeToString()
    assert run(model, ids) @ run(model, ids, padding=20) > 0.9999


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_int8_model_is_near_and_the_same_bytes_every_time(source: Source, graph: onnx.ModelProto) -> None:
    model = build_embedder.quantise(graph)
    ids = token_ids(source, TEXTS[0])
    assert run(model, ids) @ run(graph.SerializeToString(), ids) > 0.98
    tools = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    if tools == PINNED_TOOLS:
        assert build_embedder.sha256(model) == build_embedder.MODEL_SHA256
    else:
        assert model == build_embedder.quantise(graph)


def test_an_intact_build_is_not_repeated_and_a_damaged_one_is(tmp_path: Path) -> None:
    assert not build_embedder.is_built(tmp_path)
    model = build_embedder.ROOT / "build" / "model"
    if not build_embedder.is_built(model):
        pytest.skip("needs the embedder: python tools/build_embedder.py")
    files = {name: (model / name).read_bytes() for name in ("model.int8.onnx", "tokenizer.json")}
    build_embedder.write(tmp_path, files["model.int8.onnx"], files["tokenizer.json"])
    assert build_embedder.is_built(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    assert not build_embedder.is_built(tmp_path)


def test_other_weights_are_refused(tmp_path: Path, source: Source) -> None:
    archive = tmp_path / build_embedder.ARCHIVE
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("model.safetensors", b"other")
        packed.writestr("tokenizer.json", source.tokenizer)
    with pytest.raises(build_embedder.BuildError, match=r"model\.safetensors has sha256"):
        build_embedder.fetch(tmp_path)


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_embedder.ROOT / "build" / "model"
    if not build_embedder.is_built(model):
        pytest.skip("needs the embedder: python tools/build_embedder.py")
    assert build_embedder.main(["--out", str(model)]) == 0
    assert "up to date" in capsys.readouterr().err
