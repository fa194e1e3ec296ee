"""Changed copies name only members that exist: mypy cannot see it, so every call is read here."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import costward_extproc.core
import pytest
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.identity import Caller
from costward_extproc.core.record import CacheNote
from costward_extproc.core.states import Responding
from costward_extproc.dialects.base import Asked

MEMBERS = {
    field.name for kind in (Asked, CacheNote, Caller, Case, Frame, Responding) for field in dataclasses.fields(kind)
}
MODULES = sorted(Path(costward_extproc.core.__path__[0]).glob("*.py"))


def _changes(tree: ast.AST) -> set[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    copying = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in ("evolve", "but")]
    return {keyword.arg for call in copying for keyword in call.keywords if keyword.arg is not None}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_changes_name_members(module: Path) -> None:
    assert _changes(ast.parse(module.read_text())) <= MEMBERS


def test_calls_are_found() -> None:
    assert _changes(ast.parse("case.but(a=1); evolve(x, b=2)")) == {"a", "b"}
