"""All that is fuzzed."""

from __future__ import annotations

from tests.fuzz import (
    targets_answer,
    targets_bytes,
    targets_contract,
    targets_exchange,
    targets_files,
    targets_json,
    targets_request,
    targets_wire,
    targets_words,
)
from tests.fuzz.target import Target

_MODULES = (
    targets_json,
    targets_bytes,
    targets_request,
    targets_answer,
    targets_exchange,
    targets_wire,
    targets_words,
    targets_contract,
    targets_files,
)

TARGETS: tuple[Target, ...] = tuple(target for module in _MODULES for target in module.TARGETS)
