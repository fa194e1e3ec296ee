"""`costward explain`: why one request was treated as it was."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_extproc.core.record import Record

_LAST = 10
"""A screenful that leaves the command itself in sight."""

_CANDIDATES = 5
"""Of an ambiguous beginning: enough to see that more digits are needed."""


def explain(
    request_id: Annotated[
        str | None,
        typer.Argument(help="An answer's x-costward-request-id, or its beginning; with --last, how many to list."),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help=f"List the last decisions ({_LAST}).")] = False,
    state_dir: Annotated[Path, typer.Option(help="Where the stack keeps its books.")] = Path("state"),
    as_json: Annotated[bool, typer.Option("--json", help="The record itself; with --last, one a line.")] = False,
) -> None:
    """Tell why one request was treated as it was: in a sentence, and in full. Works while the stack runs.

    Records hold no prompt and no answer; users and sessions are keyed digests.
    """
    from costward_cli.records_file import RecordsFile

    if last:
        _print_list(RecordsFile(state_dir).last(_count(request_id)), as_json)
        return
    if not request_id:
        mend = "costward explain REQUEST_ID, or `costward explain --last` for a list of them"
        raise CliError("which request? An answer carries its id in x-costward-request-id", mend=mend)
    _print(_only(RecordsFile(state_dir).starting_with(request_id, _CANDIDATES), request_id, state_dir), as_json)


def _count(given: str | None) -> int:
    if given is None:
        return _LAST
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:9]) <= 100_000:
        raise CliError("--last lists from 1 to 100000 decisions", mend="costward explain --last 20")
    return int(given)


def _only(found: list[Record], request_id: str, state_dir: Path) -> Record:
    if not found:
        mend = "`costward explain --last` lists the newest ids; another stack has another --state-dir"
        raise CliError(f"no record in {state_dir} begins with {request_id[:64]!r}", mend=mend)
    if len(found) > 1:
        ids = ", ".join(record.id for record in found)
        raise CliError(f"several records begin with {request_id[:64]!r}: {ids}", mend="give more of the id")
    return found[0]


def _print(record: Record, as_json: bool) -> None:
    from costward_cli.explaining.panels import full

    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(record), indent=2))
    else:
        Console().print(full(record))


def _print_list(records: list[Record], as_json: bool) -> None:
    from costward_cli.explaining.panels import listed

    if as_json:
        for record in records:
            typer.echo(json.dumps(dataclasses.asdict(record)))
    else:
        Console().print(listed(records))
