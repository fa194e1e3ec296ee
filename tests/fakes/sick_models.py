"""Embedders with something wrong, as folders that the data plane loads: real ONNX files, and ones that are none."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from costward_extproc.adapters.onnx_embedder import MANIFEST, MODEL, TOKENIZER
from costward_extproc.cache.entries import DIMENSIONS
from onnx import TensorProto, helper, numpy_helper

from tests.fakes.running_stack import MODEL_DIR

_OPSET = 20
_WARM_UP_TOKENS = 4
"""Of the text that is embedded once at the start: these models are well with it, so that they fall ill under load."""


def truncated(folder: Path) -> Path:
    """The true model, of which half is missing."""
    _with_tokenizer(folder, (MODEL_DIR / MODEL).read_bytes())
    model = folder / MODEL
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    return folder


def no_model(folder: Path) -> Path:
    """What says sha256 of itself rightly, and is no ONNX file."""
    return _with_tokenizer(folder, b"not a model " * 1_000)


def never_running(folder: Path) -> Path:
    """Loads, and raises for every text of a sensible length."""
    return crashing(folder, tokens=5_000)


def crashing(folder: Path, tokens: int = _WARM_UP_TOKENS) -> Path:
    """Raises for every text that is not of so many tokens."""
    shape = numpy_helper.from_array(np.array([1, tokens], np.int64), "shape")
    nodes = [
        helper.make_node("Reshape", ["input_ids", "shape"], ["four"]),
        helper.make_node("Cast", ["four"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers"], ["sum"], keepdims=1),
        *_constant_answer("sum"),
    ]
    return _with_tokenizer(folder, _model(nodes, [shape]))


def slow(folder: Path, rounds: int = 400) -> Path:
    """Takes some tenths of a second for each token above four: it multiplies matrices, `rounds` times a token."""
    side = 256
    started = numpy_helper.from_array(np.full((side, side), 1e-3, np.float32), "started")
    constants = [
        started,
        numpy_helper.from_array(np.array(rounds, np.int64), "rounds"),
        numpy_helper.from_array(np.array(_WARM_UP_TOKENS, np.int64), "four"),
        numpy_helper.from_array(np.array(True), "going"),
        numpy_helper.from_array(np.array(1, np.int64), "second"),
    ]
    nodes = [
        helper.make_node("Shape", ["input_ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "second"], ["tokens"]),
        helper.make_node("Sub", ["tokens", "four"], ["above"]),
        helper.make_node("Mul", ["above", "rounds"], ["times"]),
        helper.make_node("Loop", ["times", "going", "started"], ["worked"], body=_multiplied(side)),
        helper.make_node("ReduceSum", ["worked"], ["sum"], keepdims=1),
        *_constant_answer("sum"),
    ]
    return _with_tokenizer(folder, _model(nodes, constants))


def _multiplied(side: int) -> Any:
    value = helper.make_tensor_value_info
    matrix = [side, side]
    return helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("MatMul", ["given", "given"], ["made"])],
        "multiply",
        [
            value("round", TensorProto.INT64, []),
            value("on", TensorProto.BOOL, []),
            value("given", TensorProto.FLOAT, matrix),
        ],
        [value("still", TensorProto.BOOL, []), value("made", TensorProto.FLOAT, matrix)],
    )


def _constant_answer(rests_on: str) -> list[Any]:
    """One unit vector for all texts, which cannot be given before `rests_on` is there."""
    unit = np.zeros((1, DIMENSIONS), np.float32)
    unit[0, 0] = 1
    return [
        helper.make_node("Constant", [], ["unit"], value=numpy_helper.from_array(unit)),
        helper.make_node("Constant", [], ["nothing"], value=numpy_helper.from_array(np.zeros((1, 1), np.float32))),
        helper.make_node("Mul", [rests_on, "nothing"], ["zero"]),
        helper.make_node("Add", ["unit", "zero"], ["sentence_embedding"]),
    ]


def _model(nodes: list[Any], constants: list[Any]) -> bytes:
    ids: list[str | int | None] = [1, "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ids) for name in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, [1, DIMENSIONS])
    graph = helper.make_graph(nodes, "sick", inputs, [output], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _with_tokenizer(folder: Path, model: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(MODEL_DIR / TOKENIZER, folder / TOKENIZER)
    (folder / MODEL).write_bytes(model)
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, TOKENIZER)}
    (folder / MANIFEST).write_text(json.dumps({"dimensions": DIMENSIONS, "sha256": digests}))
    return folder
