"""What is wrong with a policy: where it stands, what is there and what is allowed instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from costward_contract.rules import RuleName

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the document's root: `("spec", "tiers", 0)`."""

# 80 characters: one line of a terminal. What does not fit tells nobody more.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Problem:
    source: str
    """The file, or whatever else the text came from."""
    line: int | None
    """1-based; None where the policy was not read from text."""
    path: str
    """Such as `spec.tiers[0].caps[1].limitUSD`; empty for the text as a whole."""
    value: str | None
    """The offending value, shortened; None where something is missing."""
    message: str
    allowed: str | None = None

    def __str__(self) -> str:
        place = ":".join([self.source] + ([str(self.line)] if self.line else []))
        found = f" (found {self.value})" if self.value is not None else ""
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        return f"{place}: {self.path + ': ' if self.path else ''}{self.message}{found}{allowed}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before it is known where in which text it stands."""

    path: Path
    message: str
    value: object = None
    allowed: str | None = None
    rule: RuleName | None = None
    """The rule between fields that it breaks; None where a single field is wrong."""


def render_path(path: Path) -> str:
    return "".join(_segment(part) for part in path).removeprefix(".")


def _segment(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", part) else f"[{shorten(part)}]"


def shorten(value: object) -> str:
    """A value in one printable line of at most 80 characters; text is quoted."""
    try:
        return one_line(f'"{value}"' if isinstance(value, str) else repr(value))
    except ValueError:  # an integer of thousands of digits
        return "a number too long to show"


def one_line(text: str, most: int = _SHOWN) -> str:
    """Printable and at most `most` characters long."""
    printable = text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode()
    return printable if len(printable) <= most else f"{printable[: most - 1]}…"
