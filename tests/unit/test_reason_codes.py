"""Every code that a record can hold has words in `explain` and a row in docs/concepts.md."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from costward_cli.explaining.reasons import CODES, WARNINGS

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "extproc" / "costward_extproc" / "core"
PAGE = (ROOT / "docs" / "concepts.md").read_text()


def listed(heading: str, column: int) -> set[str]:
    """Codes of one table column. What follows a code, written in capitals, is left out: `rule[N]` is `rule[`."""
    table = PAGE.partition(f"### {heading}\n")[2].partition("\n|")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in ("|" + table).splitlines()]
    codes = {code for row in rows[2:] for code in re.findall(r"`([^`]+)`", row[column])}
    return {re.sub(r"[A-Z]+\]?$", "", code) for code in codes}


def told(module: str, value: ast.expr | None) -> Iterator[str]:
    """The text, or its beginning, that an expression in this module stands for, as far as that can be read off."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.IfExp(body=yes, orelse=no):
            yield from told(module, yes)
            yield from told(module, no)
        case ast.Name(id=name) if name.lstrip("_").isupper():
            yield getattr(importlib.import_module(f"costward_extproc.core.{module}"), name)


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def emitted() -> tuple[set[str], set[str]]:
    """Reasons and warnings in the core's code."""
    reasons: set[str] = set()
    warnings: set[str] = set()
    for path in sorted(CORE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node) in ("but", "Case"):
                given = next((word.value for word in node.keywords if word.arg == "reason"), None)
                reasons.update(told(path.stem, given))
            elif isinstance(node, ast.Call) and called(node) == "warned":
                warnings.update(told(path.stem, node.args[0]))
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "reason":
                reasons.update(told(path.stem, node.value))
    return reasons, warnings


def test_the_page_lists_exactly_the_reasons_that_have_words() -> None:
    assert listed("Reason codes", 2) == CODES


def test_each_reason_in_the_code_has_words() -> None:
    reasons, _ = emitted()

    assert {"fallback", "no-body", "overloaded", "unpriced-endpoint", "cap-reserved", "unreadable-"} <= reasons
    # What becomes a WHY is a variable of the same name.
    others = {code for code in reasons if not any(known.startswith(code) for known in CODES)}
    assert {code for code in others if f"unreadable-{code}" not in CODES} == {"wrong-result"}


def test_each_warning_in_the_code_has_words_and_a_row() -> None:
    _, warnings = emitted()
    rows = listed("Warnings", 1)

    assert {"pinned-", "overloaded", "second-attempt"} <= warnings
    assert warnings == rows
    assert {code for code in warnings if not any(known.startswith(code) for known in WARNINGS)} == set()
