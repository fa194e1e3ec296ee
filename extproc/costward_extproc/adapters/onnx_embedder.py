"""The cache's embedder: int8 all-MiniLM-L6-v2 on onnxruntime, on one thread beside the event loop.

One thread, because a pod's share of cores belongs to requests: a second would only make two texts wait for each other.
What the model cannot read in full is told, never hidden: see `Embedding.truncated`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from costward_extproc.cache.entries import DIMENSIONS, Embedding
from costward_extproc.errors import EmbedderFailure

MODEL, TOKENIZER, MANIFEST = "model.int8.onnx", "tokenizer.json", "manifest.json"

MAX_TOKENS = 128
"""What the model's position table holds. 128 tokens take about 15 ms, the most that the request path can spare."""

MAX_CHARACTERS = 2_048
"""16 characters a token, where English has 4 to 5: a longer text is over 128 tokens or is no prose, and is called
truncated either way. So a megabyte is never tokenised."""

MAX_WAITING = 64
"""64 texts of ordinary length are 150 ms of work, about what is left of the request path's 200 ms. Later ones would
come too late: they fail at once and go without a semantic tier."""


STALLED_S = 1.0
"""The longest text takes 15 ms, on a busy machine a tenth of a second. A thread that is at one for so long is stuck,
and what would queue behind it fails at once instead of at its deadline."""


class OnnxEmbedder:
    """Implements `ports.Embedder`. Made by `load`; `close` ends its thread."""

    def __init__(self, *, id: str, session: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self._id = id
        self._session = session
        self._tokenizer = tokenizer
        self._unknown = tokenizer.token_to_id("[UNK]")
        self._waiting = 0
        self._began: float | None = None
        """When the thread took up the text in hand."""
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")

    @classmethod
    def load(cls, model_dir: Path) -> OnnxEmbedder:
        """Load what `tools/build_embedder.py` built, checked against its manifest. Takes about 0.2 s.

        Raises EmbedderFailure, here with a whole sentence: what is wrong with which file and how to mend it.
        """
        digests = _digests(model_dir)
        for name in (MODEL, TOKENIZER):
            _verify(model_dir / name, digests.get(name))
        tokenizer = Tokenizer.from_file(str(model_dir / TOKENIZER))
        # The file asks for padding to 128 tokens, which would make every short text seven times slower.
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=MAX_TOKENS)
        return cls(id=digests[MODEL][:16], session=_session(model_dir / MODEL), tokenizer=tokenizer)

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the model file's sha256."""
        return self._id

    async def embed(self, text: str) -> Embedding:
        """float32[384], L2 = 1. Raises EmbedderFailure: `overloaded`, `stalled`, `closed` or `inference`."""
        began = self._began
        if began is not None and time.monotonic() - began > STALLED_S:
            raise EmbedderFailure("stalled")
        if self._waiting >= MAX_WAITING:
            raise EmbedderFailure("overloaded")
        try:
            job = asyncio.get_running_loop().run_in_executor(self._worker, self._embed, text)
        except RuntimeError as error:
            raise EmbedderFailure("closed") from error
        self._waiting += 1
        try:
            return await job
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Finish the text in hand, drop those that wait, end the thread. May be called twice."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _embed(self, text: str) -> Embedding:
        self._began = time.monotonic()
        try:
            return self._infer(text)
        finally:
            self._began = None

    def _infer(self, text: str) -> Embedding:
        readable = _readable(text[:MAX_CHARACTERS])
        try:
            encoding = self._tokenizer.encode(readable)
            ids = np.array([encoding.ids], dtype=np.int64)
            (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        except Exception as error:  # both libraries raise bare Exceptions of their own making
            raise EmbedderFailure("inference") from error
        whole = readable == text and not encoding.overflowing and self._unknown not in encoding.ids
        return Embedding(vector=np.ascontiguousarray(vectors[0], dtype=np.float32), truncated=not whole)


def _readable(text: str) -> str:
    """JSON may carry half of a surrogate pair, which no tokenizer takes; U+FFFD is what it stands for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without the arena a long text's memory is given back after it: 6 MB less, no slower (measured).
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base
        raise EmbedderFailure(f"{path}: this onnxruntime cannot run the model: {error}; {_MEND}") from error


_MEND = "build it with `python tools/build_embedder.py --out DIRECTORY`, or name the directory that holds it"


def _digests(model_dir: Path) -> Mapping[str, str]:
    path = model_dir / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        dimensions, digests = manifest["dimensions"], dict(manifest["sha256"])
    except OSError as error:
        raise EmbedderFailure(f"{path}: there is no embedder here; {_MEND}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EmbedderFailure(f"{path}: is not a manifest of an embedder; {_MEND}") from error
    if dimensions != DIMENSIONS:
        raise EmbedderFailure(f"{path}: vectors of {dimensions} numbers where the cache keeps {DIMENSIONS}; {_MEND}")
    return digests


def _verify(path: Path, expected: str | None) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderFailure(f"{path}: is missing or unreadable; {_MEND}") from error
    if found != expected:
        raise EmbedderFailure(f"{path}: has sha256 {found}, but the manifest says {expected}; {_MEND}")
