"""Lines that coding agents put into system prompts anew with each request or each day.

They change no answer, but would keep equal requests apart: they are left out of hashes, never out of the bytes that go
upstream. A closed list of lines by name, each with the client that writes it: a pattern that caught an application's
own words would let one answer serve two questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from costward_extproc.cache.guards import is_time_sensitive


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    sign: str
    """Must be in the text, or the pattern need not be tried."""
    pattern: re.Pattern[str]
    tells_time: bool = False
    """Only left out where the question does not ask about time: then the answer may rest on it."""


LINES = (
    # Claude Code's attribution: version, entry point and a checksum of the request. The provider takes it out itself.
    Line("claude-code-billing", "x-anthropic-billing-header:", re.compile(r"\Ax-anthropic-billing-header:[^\n]*")),
    # The day, in the block by which Claude Code and agents made after it describe the machine.
    Line(
        "agent-date",
        "<env>",
        re.compile(r"(?<=\n)[ \t]*Today's date:[^\n]{1,40}\n(?=[^<]{0,2000}</env>)"),
        tells_time=True,
    ),
)


def lasting(content: Any, question: str | None) -> Any:
    """A system prompt, as text or as a list of parts with texts, without its volatile lines; `question` is the user's
    last text. Whatever else it is stays as it is."""
    if isinstance(content, str):
        return _left_out(content, question)
    if not isinstance(content, list):
        return content
    return [
        {**part, "text": _left_out(part["text"], question)}
        if isinstance(part, dict) and isinstance(part.get("text"), str)
        else part
        for part in content
    ]


def _left_out(text: str, question: str | None) -> str:
    for line in LINES:
        if line.sign in text and not (line.tells_time and is_time_sensitive(question or "")):
            text = line.pattern.sub("", text)
    return text
