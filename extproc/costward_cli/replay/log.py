"""Reading a request log: one JSON object a line, in the shapes that people have at hand.

A line that cannot be sent is reported and left out: one torn line must not cost a log of thousands. What is reported
never quotes the line, because it holds prompts.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costward_cli.problems import CliError
from costward_cli.stand_in.chat import ApiError, parse, text_of

_OF_ONE_CONNECTION = frozenset(
    ("host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding", "expect")
)
"""Headers that belonged to the logged connection and would be wrong on ours."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One request of the log, ready to be sent."""

    line: int
    body: bytes
    """An OpenAI chat body."""
    text: str
    """Its last user text: what a label belongs to."""
    headers: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    line: int
    why: str


class _Unfit(Exception):
    """Why a line cannot be sent."""


def read_log(path: Path, model: str, limit: int | None = None) -> tuple[list[Logged], list[BadLine]]:
    """The first `limit` requests of a file, plain or .gz, and the lines among them that are none. `model` is asked
    where a line names none. Raises CliError where nothing can be read or sent."""
    logged: list[Logged] = []
    bad: list[BadLine] = []
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for item in parse_lines(lines, model):
                if isinstance(item, BadLine):
                    bad.append(item)
                    continue
                logged.append(item)
                if len(logged) == limit:
                    break
    except (OSError, EOFError) as error:
        raise CliError(f"{path} cannot be read: {error}", mend="name a file with one JSON object a line") from error
    if not logged:
        found = f"; line {bad[0].line}: {bad[0].why}" if bad else ""
        mend = 'each line is a chat body, {"request": {...}, "label": "..."} or {"text": "...", "label": "..."}'
        raise CliError(f"{path} holds no request{found}", mend=mend)
    return logged, bad


def parse_lines(lines: Iterable[bytes], model: str) -> Iterator[Logged | BadLine]:
    """Blank lines are passed over, but counted in the line numbers."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _logged(number, line, model)
        except _Unfit as problem:
            yield BadLine(number, str(problem))


def _logged(number: int, line: bytes, model: str) -> Logged:
    row = _object(line)
    body = {"model": model, **_body(row)}
    try:
        # Escaped, because a log may hold half of a surrogate pair, which has no bytes in UTF-8.
        sent = json.dumps(body).encode()
        asked = parse(sent)
    except ApiError as error:
        raise _Unfit(f"is no chat request: {str(error).rstrip('.')}") from None
    except (ValueError, RecursionError):
        raise _Unfit("is nested too deeply, or holds a number that JSON has no form for") from None
    text = text_of(asked.last_user) if asked.last_user is not None else ""
    wrapped = "request" in row or "text" in row
    return Logged(number, sent, text, _headers(row) if wrapped else {}, _label(row) if wrapped else None)


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise _Unfit("is not JSON") from None
    if not isinstance(row, dict):
        raise _Unfit("is not a JSON object")
    return row


def _body(row: dict[str, Any]) -> dict[str, Any]:
    if "request" in row:
        if not isinstance(row["request"], dict):
            raise _Unfit("has a `request` that is not an object")
        return row["request"]
    if "messages" in row:
        return row
    if isinstance(row.get("text"), str):
        return {"messages": [{"role": "user", "content": row["text"]}]}
    raise _Unfit("has none of `request`, `messages` and `text`")


def _label(row: dict[str, Any]) -> str | None:
    label = row.get("label", row.get("intent"))
    if label is None:
        return None
    if not isinstance(label, str | int) or isinstance(label, bool):
        raise _Unfit("has a `label` that is neither text nor a whole number")
    return str(label)


def _headers(row: dict[str, Any]) -> dict[str, str]:
    headers = row.get("headers") or {}
    if not isinstance(headers, dict) or not all(
        _sendable(name) and _sendable(value) for name, value in headers.items()
    ):
        raise _Unfit("has `headers` that are not printable ASCII text")
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name not in _OF_ONE_CONNECTION and name[0] != ":"}


def _sendable(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and bool(text)
