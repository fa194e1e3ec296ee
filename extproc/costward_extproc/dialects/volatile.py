"""Lines that coding agents put into system prompts anew with each request or each day.

They would keep equal requests and the turns of one conversation apart: they are left out of hashes, never out of the
bytes that go upstream. A closed list of lines by name, each with the client that writes it: a pattern that caught an
application's own words would let one answer serve two questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    sign: str
    """Must be in the text, or the pattern need not be tried."""
    pattern: re.Pattern[str]
    tells_time: bool = False
    """Left out of a conversation's name, never of a cache key: an age, a deadline or a weekday rests on the day, in
    whatever words and language it is asked for."""


LINES = (
    # Claude Code's attribution: version, entry point and a checksum of the request. The provider takes it out itself.
    Line(
        "claude-code-billing",
        "x-anthropic-billing-header:",
        re.compile(r"\Ax-anthropic-billing-header:(?:[ \t]*[a-z_]{1,40}=[\w.:-]{0,100};)+[ \t]*(?=\n|\Z)"),
    ),
    # The day, in the block by which Claude Code and agents made after it describe the machine.
    Line(
        "agent-date",
        "<env>",
        re.compile(r"(?<=\n)[ \t]*Today's date:[^\n]{1,40}\n(?=[^<]{0,2000}</env>)"),
        tells_time=True,
    ),
)


def lasting(content: Any) -> Any:
    """A system prompt, as text or as a list of parts with texts, without the lines that change no answer. Whatever
    else it is stays as it is."""
    return _without(content, tuple(line for line in LINES if not line.tells_time))


def undated(content: Any) -> Any:
    """The same without the day either: what names a conversation, which may go on past midnight."""
    return _without(content, LINES)


def _without(content: Any, lines: tuple[Line, ...]) -> Any:
    if isinstance(content, str):
        return _left_out(content, lines)
    if not isinstance(content, list):
        return content
    return [
        {**part, "text": _left_out(part["text"], lines)}
        if isinstance(part, dict) and isinstance(part.get("text"), str)
        else part
        for part in content
    ]


def _left_out(text: str, lines: tuple[Line, ...]) -> str:
    for line in lines:
        if line.sign in text:
            text = line.pattern.sub("", text)
    return text
