"""`costward demo`: the whole path in one command."""

from __future__ import annotations

import asyncio
import json
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live


def demo(
    model_dir: Annotated[Path, typer.Option(help="Where the embedder was built.")] = Path("build/model"),
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show every decision once, with the real OpenAI SDK through a real Envoy. No key and no network is needed.

    Starts a stand-in provider, the data plane and Envoy on free ports with books of their own, and ends them all. Ends
    with status 1 if any step does not come out as it must.
    """
    steps, records, bill = asyncio.run(_run(model_dir, Console(stderr=as_json)))
    from costward_cli.demo import report

    result = report.as_json(steps, records)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        console = Console()
        console.print()
        console.print(report.summary(records, bill))
        console.print("\nNext: [bold]make up[/] leaves the stack running for your own client.")
    if not result["ok"]:
        raise typer.Exit(1)


async def _run(model_dir: Path, console: Console) -> tuple[list[Any], list[dict[str, Any]], int]:
    # The SDK and the stack take seconds to load: not before they are needed, so that --help stays quick.
    import httpx

    from costward_cli.demo.play import Player, Shown
    from costward_cli.demo.report import table
    from costward_cli.stack import Stack, StackSpec

    steps: list[Shown] = []
    policy = as_file(files("costward_cli.demo") / "policy.yaml")
    with policy as policy_file, tempfile.TemporaryDirectory(prefix="costward-demo-") as state:
        spec = StackSpec(policy_file=policy_file, state_dir=Path(state), model_dir=model_dir, listen_port=0)
        players: list[Player] = []
        stack = Stack(spec, on_decision=lambda record: players[0].on_decision(record) if players else None)
        with console.status("starting Envoy, the data plane and the stand-in provider"):
            await stack.__aenter__()
        try:
            player = Player(stack.base_url)
            players.append(player)
            with Live(table(steps), console=console, auto_refresh=False) as live:
                async for shown in player.play():
                    steps.append(shown)
                    live.update(table(steps), refresh=True)
            async with httpx.AsyncClient(base_url=stack.stand_in_url or "") as provider:
                bill = (await provider.get("/_stand_in/bill")).json()["microUSD"]
        finally:
            await stack.__aexit__(None, None, None)
    return steps, player.records, int(bill)
