"""`costward replay`: your own requests, and what Costward makes of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_cli.replay.asking import Outcome
    from costward_cli.replay.run import Replayed, Task

DEFAULT_POLICY = Path("examples/policies/replay.yaml")
DEFAULT_STATE = Path("state")


def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The log: one JSON object a line; .gz too.", show_default=False)],
    base_url: Annotated[
        str | None,
        typer.Option(envvar="OPENAI_BASE_URL", help="A running stack; without it replay starts its own."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help=f"Policy for a stack of its own, even where OPENAI_BASE_URL is set \\[{DEFAULT_POLICY}]."),
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            help="Own stack: keep its cache and books here, so that the next replay starts warm \\[a folder that is "
            f"removed]. With --base-url: where that stack keeps its books, for the money \\[{DEFAULT_STATE}]."
        ),
    ] = None,
    model_dir: Annotated[Path, typer.Option(help="Where the embedder was built.")] = Path("build/model"),
    # Four: a core for Envoy, one for Costward, and always a request waiting for each.
    concurrency: Annotated[int, typer.Option(help="Requests in flight.", min=1, max=256)] = 4,
    limit: Annotated[int | None, typer.Option(help="Only the first so many requests.", min=1)] = None,
    model: Annotated[str, typer.Option(help="Asked for by lines that name none.")] = "gpt-5-mini",
    key: Annotated[
        str, typer.Option(envvar="OPENAI_API_KEY", help="Sent with --base-url.", show_default=False)
    ] = "any",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Send a request log through Costward and report hits, wrong hits, money and time.

    A line is a chat body, {"request": BODY, "headers": {...}, "label": "..."} or {"text": "...", "label": "..."}.
    Requests whose labels are equal have the same right answer: a hit that serves an answer of another label is wrong.
    """
    # Loads Envoy's, gRPC's and the stand-in's modules: not before they are needed, so that --help stays quick.
    from costward_cli.replay.log import read_log
    from costward_cli.replay.run import Task
    from costward_cli.replay.show import bad_lines

    told = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    log, bad = read_log(file, model, limit)
    for sentence in bad_lines(bad):
        told.print(f"{file}: {sentence}")
    task = Task(log, bad, concurrency)
    url = _chosen_url(context, base_url, policy)
    with _progress(told, len(log)) as advance:
        if url is None:
            done = _own(told, task, policy or DEFAULT_POLICY, state_dir, model_dir, advance)
        else:
            done = _through(told, task, url, key, state_dir or DEFAULT_STATE, advance)
    _print(done, as_json)


def _chosen_url(context: typer.Context, base_url: str | None, policy: Path | None) -> str | None:
    """A policy asks for a stack of our own: a URL from the environment gives way to it, one on the line does not."""
    if policy is None or base_url is None:
        return base_url
    source = context.get_parameter_source("base_url")
    if source is not None and source.name == "ENVIRONMENT":
        return None
    raise CliError(
        "--policy is for a stack of replay's own, --base-url for a running one", mend="leave one of them out"
    )


def _own(
    told: Console,
    task: Task,
    policy: Path,
    state_dir: Path | None,
    model_dir: Path,
    on_outcome: Callable[[Outcome], None],
) -> Replayed:
    from costward_cli.policies import compile_files
    from costward_cli.replay.run import own
    from costward_cli.stack import StackSpec

    compile_files([policy])
    if not (model_dir / "manifest.json").is_file():
        told.print(f"no embedder in {model_dir}: only exact repeats can hit; `make setup` builds it")
    with tempfile.TemporaryDirectory(prefix="costward-replay-") as scratch:
        state = state_dir or Path(scratch)
        warmth = "warm from" if (state / "cache.sqlite").is_file() else "cold in"
        told.print(f"{len(task.log)} requests, policy {policy}, {warmth} {state_dir or 'a folder of its own'}")
        spec = StackSpec(
            policy_file=policy,
            state_dir=state,
            model_dir=model_dir,
            listen_port=0,
            stand_in_args=("--chunk-ms", "0"),
        )
        return asyncio.run(own(spec, task, on_outcome=on_outcome, on_event=told.print))


def _through(
    told: Console, task: Task, url: str, key: str, state_dir: Path, on_outcome: Callable[[Outcome], None]
) -> Replayed:
    from costward_cli.replay.run import through

    told.print(f"{len(task.log)} requests to {url}")
    return asyncio.run(through(url, task, key=key, state_dir=state_dir, on_outcome=on_outcome))


def _print(done: Replayed, as_json: bool) -> None:
    from costward_cli.replay.show import shown

    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(done.summary), indent=2))
    else:
        Console().print(shown(done.summary))


@contextlib.contextmanager
def _progress(told: Console, total: int) -> Iterator[Callable[[object], None]]:
    """A bar on the terminal; nothing where standard error is a file."""
    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=told, transient=True, disable=not told.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        yield lambda _: progress.advance(bar)
