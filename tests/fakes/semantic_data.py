"""Labelled question pairs for the cache's tests; they stay outside the repository."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "build" / "model"


@dataclass(frozen=True, slots=True)
class Pair:
    asked: str
    cached: str
    same: bool
    """One answer serves both."""


def pairs(name: str, split: str | None = None) -> list[Pair]:
    """The pairs of one file, of one split if named."""
    rows = (row for row in _rows(name) if split is None or row["split"] == split)
    return [Pair(str(row["b"]), str(row["a"]), row["label"] == 1) for row in rows]


def prompts(name: str) -> list[str]:
    """The single texts of one file."""
    return [str(row["text"]) for row in _rows(name)]


def _rows(name: str) -> list[dict[str, object]]:
    """One file's rows, or a skip that says where it was looked for."""
    data = Path(os.environ.get("COSTWARD_DATA") or ROOT.parent / "shared" / "data")
    path = data / "semcache" / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"needs the labelled texts {name}.jsonl.gz: set COSTWARD_DATA to the directory above semcache/")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def built_model() -> Path:
    """Where the embedder was built, or a skip that says how to build it."""
    if not (MODEL / "manifest.json").is_file():
        pytest.skip("needs the embedder: python tools/build_embedder.py")
    return MODEL
