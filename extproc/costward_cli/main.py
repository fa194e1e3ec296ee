"""The `costward` command: which subcommands there are."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from costward_cli.commands.coverage import coverage
from costward_cli.commands.demo import demo
from costward_cli.commands.doctor import doctor
from costward_cli.commands.envoy_config import envoy_config
from costward_cli.commands.explain import explain
from costward_cli.commands.pause import pause, resume
from costward_cli.commands.policy import policy
from costward_cli.commands.replay import replay
from costward_cli.commands.stand_in import stand_in
from costward_cli.commands.up import up
from costward_cli.commands.wiring import wiring

app = typer.Typer(
    name="costward",
    help="LLM cost control that lives in the service mesh: cache, route and cap the LLM traffic that Envoy carries.",
    epilog="Start with `costward doctor`; every command explains itself with --help.",
    no_args_is_help=True,
    add_completion=False,
    # Our own errors say what, where and how to mend; a traceback with local variables could hold a prompt.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costward {version('costward')}")
        raise typer.Exit


@app.callback()
def costward(
    _version: Annotated[
        bool, typer.Option("--version", help="Tell the version and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Cost control for LLM traffic."""


app.command("demo")(demo)
app.command("up")(up)
app.command("envoy-config")(envoy_config)
app.command("stand-in")(stand_in)
app.command("doctor")(doctor)
app.command("replay")(replay)
app.command("explain")(explain)
app.command("coverage")(coverage)
app.command("pause")(pause)
app.command("resume")(resume)
app.add_typer(policy, name="policy")
app.add_typer(wiring, name="wiring")
