"""Which versions of other products Costward works with: one table for the doctor, the tests and the documents."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

FILE = "versions.toml"

Standing = Literal["shown", "unshown", "too-old", "unreadable"]
"""shown: the tests run this minor version. unshown: not below the lowest, and no test runs it. too-old: something that
Costward rests on is missing. unreadable: no version could be read from the text."""

_MINOR = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Supported:
    """One product's row."""

    key: str
    name: str
    lowest: str
    """`MAJOR.MINOR`."""
    shown: tuple[str, ...]
    """Each `MAJOR.MINOR`; empty where no test runs it yet."""
    why: str
    """What is missing below `lowest`."""
    by: str
    """Where it is run by the tests; empty if nowhere."""


def supported() -> Mapping[str, Supported]:
    """Every row by its key, such as `kubernetes`, in the file's order. Reads the package's own file."""
    text = (files("costward_contract") / FILE).read_text(encoding="utf-8")
    return {key: _row(key, found) for key, found in tomllib.loads(text).items()}


def standing(row: Supported, version: str) -> Standing:
    """How `version`, as the product tells it (`v1.36.3`, `1.31.0-alpha`), stands to the row. By its minor version."""
    minor = minor_of(version)
    if minor is None:
        return "unreadable"
    if f"{minor[0]}.{minor[1]}" in row.shown:
        return "shown"
    lowest = minor_of(row.lowest)
    return "too-old" if lowest is not None and minor < lowest else "unshown"


def minor_of(version: str) -> tuple[int, int] | None:
    """(major, minor) of a version's text; None where it does not begin with one."""
    found = _MINOR.match(version)
    return (int(found[1]), int(found[2])) if found else None


def table(rows: Mapping[str, Supported]) -> str:
    """The rows as a Markdown table."""
    lines = ["| product | lowest | shown | why not older | shown by |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.name} | {row.lowest} | {', '.join(row.shown) or 'not yet'} | {row.why} | {row.by or 'no test yet'} |"
        for row in rows.values()
    ]
    return "\n".join(lines) + "\n"


def _row(key: str, found: Mapping[str, object]) -> Supported:
    shown = found["shown"]
    assert isinstance(shown, list)
    words = {name: str(found[name]) for name in ("name", "lowest", "why", "by")}
    return Supported(key, shown=tuple(map(str, shown)), **words)
