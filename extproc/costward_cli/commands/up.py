"""`costward up`: the stack, left running for your own client."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_cli.stack import Stack, StackSpec


def up(
    policy: Annotated[Path, typer.Option(help="The CostPolicy file; edits take effect while it runs.")] = Path(
        "examples/policies/support-bot.yaml"
    ),
    port: Annotated[int, typer.Option(help="Where your clients connect.", min=0, max=65535)] = 8080,
    upstream: Annotated[
        str | None, typer.Option(help="Base URL of a real provider, such as https://HOST/v1; default: the stand-in.")
    ] = None,
    ca_file: Annotated[str | None, typer.Option(help="PEM bundle to verify the upstream with.")] = None,
    state_dir: Annotated[Path, typer.Option(help="Where ledger, cache and records are kept.")] = Path("state"),
    model_dir: Annotated[Path, typer.Option(help="Where the embedder was built.")] = Path("build/model"),
    admin_port: Annotated[int, typer.Option(help="Loopback port of /metrics; 0: none.", min=0, max=65535)] = 9464,
    workers: Annotated[int, typer.Option(help="Data plane processes; more than cores do not help.", min=1, max=64)] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on; keys arrive there in clear.")] = "127.0.0.1",
    as_json: Annotated[
        bool, typer.Option("--json", help="One decision record per line on standard output, all else on the other.")
    ] = False,
) -> None:
    """Run Envoy and Costward until Ctrl-C, and show each decision as it is taken.

    All traffic belongs to one workload, service account `local` in namespace `default`. Point any OpenAI client at the
    printed base URL; nothing else of it changes.
    """
    # Envoy's types take seconds to load: not before they are needed, so that --help stays quick.
    from costward_contract.wiring import failure_mode_allow

    from costward_cli.policies import compile_files
    from costward_cli.stack import StackSpec

    snapshot = compile_files([policy])
    if not any(compiled.namespace == "default" for compiled in snapshot.policies):
        raise CliError(
            f"no policy of {policy} is in namespace `default`, where this stack's one workload lives",
            mend="set metadata.namespace: default, or leave it out",
        )
    spec = StackSpec(
        policy_file=policy,
        state_dir=state_dir,
        model_dir=model_dir,
        upstream=upstream,
        ca_file=ca_file,
        listen_host=host,
        listen_port=port,
        admin_port=admin_port,
        workers=workers,
        failure_mode_allow=failure_mode_allow(snapshot.policies),
    )
    asyncio.run(_run(spec, Console(stderr=as_json), as_json=as_json))


async def _run(spec: StackSpec, console: Console, *, as_json: bool) -> None:
    from rich.live import Live

    from costward_cli import failure_policy
    from costward_cli.live.table import DecisionTable, line
    from costward_cli.stack import Stack

    decisions = DecisionTable()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    live = (
        Live(decisions.render(), console=console, refresh_per_second=4) if console.is_terminal and not as_json else None
    )

    def on_decision(record: dict[str, object]) -> None:
        decisions.add(record)
        if as_json:
            typer.echo(json.dumps(record, ensure_ascii=False))
        elif live is None:
            console.print(line(record), soft_wrap=True, markup=False, highlight=False)
        elif live.is_started:
            live.update(decisions.render())

    def on_event(sentence: str) -> None:
        console.print(sentence, style="yellow", soft_wrap=True, markup=False, highlight=False)

    async with Stack(spec, on_decision=on_decision, on_event=on_event) as stack:
        watch = asyncio.create_task(failure_policy.watch(spec.policy_file, spec.failure_mode_allow, on_event))
        _introduce(console, stack, spec)
        if live is not None:
            live.start()
        try:
            await _until_stopped(stack, stop)
        finally:
            watch.cancel()
            if live is not None:
                live.stop()
    console.print(f"stopped: {decisions.totals()}")


def _introduce(console: Console, stack: Stack, spec: StackSpec) -> None:
    """The lines that a client needs, alone on their lines so that they can be copied or evaluated. Anthropic's clients
    add the version to the path themselves."""
    key = "sk-stand-in" if spec.upstream is None else "YOUR-PROVIDER-KEY"
    for sdk, url in (("OPENAI", stack.base_url), ("ANTHROPIC", stack.base_url.removesuffix("/v1"))):
        console.print(f"export {sdk}_BASE_URL={url}", soft_wrap=True, highlight=False)
        console.print(f"export {sdk}_API_KEY={key}", soft_wrap=True, highlight=False)
    provider = spec.upstream or f"the stand-in ({stack.stand_in_url})"
    metrics = f", metrics at http://127.0.0.1:{spec.admin_port}/metrics" if spec.admin_port else ""
    console.print(f"policy {spec.policy_file}, provider {provider}{metrics}; Ctrl-C stops", soft_wrap=True)


async def _until_stopped(stack: Stack, stop: asyncio.Event) -> None:
    waits = {asyncio.create_task(stop.wait()), asyncio.create_task(stack.until_broken())}
    done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for task in done:
        task.result()
