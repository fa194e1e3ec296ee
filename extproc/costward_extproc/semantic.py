"""The embedder as the start finds it: loaded and tried once, or absent, which is said and costs its tier alone."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from costward_extproc.adapters.onnx_embedder import OnnxEmbedder
from costward_extproc.adapters.sqlite_cache import SqliteCache
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.adapters.telemetry import Telemetry
from costward_extproc.errors import EmbedderFailure

log = logging.getLogger(__name__)


def embedder(model_dir: Path | None, telemetry: Telemetry) -> OnnxEmbedder | None:
    """None where there is no usable model: the exact tier goes on without it, and it is said."""
    if model_dir is None:
        log.warning("COSTWARD_MODEL_DIR is not set: no semantic tier")
        telemetry.degraded("no-embedder")
        return None
    try:
        return OnnxEmbedder.load(model_dir)
    except EmbedderFailure as failure:
        log.warning("no semantic tier: %s", failure)
        telemetry.degraded("no-embedder")
        return None


async def warmed_up(
    ledger: SqliteLedger, cache: SqliteCache, loaded: OnnxEmbedder | None, telemetry: Telemetry
) -> OnnxEmbedder | None:
    """Every path once before traffic: a first use loads pages, plans and kernels, which took the first exchange on a
    busy machine past its deadline. The embedder, or None where it cannot embed even two words."""
    await ledger.standing((), "")
    await cache.exact("", "", time.time())
    if loaded is None:
        return None
    try:
        warm = await loaded.embed("warm up")
    except EmbedderFailure as failure:
        log.warning("no semantic tier: the model loads, but does not run (%s); build it anew", failure)
        telemetry.degraded("no-embedder")
        return None
    await cache.near("", warm.vector, 1, time.time())
    return loaded
