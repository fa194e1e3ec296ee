"""What a fault's test says about its load, and the promises that the rows of the fault list show."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_CALL = "pytest.mark.fault"
PROPERTY = "fault"
"""Under which a test's Row travels in its report."""

TESTS = Path(__file__).resolve().parents[1]

PROMISES: Mapping[str, tuple[str, str]] = {
    "E1": ("P1", "no traffic is lost when the data plane dies"),
    "E2": ("P1, P3", "a hung data plane delays callers for a moment, and then no more"),
    "E3": ("P9", "a rollout drops no stream"),
    "E4": ("P3, P10", "what is slow or broken inside costs callers 200 ms at most, and is told"),
    "E5": ("P2, P8", "no crowd goes round the caps unseen, and memory stays bounded"),
    "B1": ("P1", "what cannot be read passes byte by byte"),
    "B2": ("P8", "memory is bounded under any body"),
    "B3": ("P1", "a stream's bytes arrive as they were sent, and its usage is counted"),
    "U1": ("P1, P4", "a failing provider is asked once more at most, and no failure is kept"),
    "O1": ("P5, P7", "an operator that dies in the middle leaves nothing half done"),
    "O2": ("P5", "whatever the API server does, data planes keep their configuration and nothing is lost"),
    "O3": ("P7", "one operator writes, whatever the clocks say"),
    "O4": ("P6", "a bad or restless policy harms only itself"),
    "O5": ("P5, P6", "many policies at once cost seconds, and true statuses cost nothing"),
    "C1": ("P5", "a damaged snapshot never takes the place of a good one"),
}
"""Of each row of the fault list: which promises it shows, in which words."""


@dataclass
class Row:
    """Filled in by a fault's test."""

    exchanges: int = 0
    """That were begun under the fault, or while it healed."""
    failed: int = 0
    """Of those, how many did not get what they were owed."""
    recovery_s: float | None = None
    """From the fault's end until the first exchange that was as before; None where nothing had to recover."""
    said: str = ""
    """A few words with figures, for the table."""


@dataclass(frozen=True, order=True)
class Declared:
    row: str
    title: str


def declared() -> list[Declared]:
    """Every `@pytest.mark.fault(row, title)` of the tests, without importing them."""
    found = {Declared(*_words(call)) for path in files() for call in _marks(path)}
    return sorted(found, key=lambda each: (list(PROMISES).index(each.row), each.title))


def files() -> list[Path]:
    """Those that have such a mark."""
    return [path for path in sorted(TESTS.glob("*/test_*.py")) if _CALL in path.read_text()]


def _marks(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == _CALL:
            yield node


def _words(call: ast.Call) -> tuple[str, str]:
    row, title = (ast.literal_eval(argument) for argument in call.args)
    return str(row), str(title)
