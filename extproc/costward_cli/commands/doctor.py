"""`costward doctor`: what is here, what is not, and how to mend it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from costward_cli.checks import Check, Where, check_all
from costward_cli.wiring_check import wiring_in_use

_COLOURS = {"ok": "green", "degraded": "yellow", "missing": "red"}


def doctor(
    state_dir: Annotated[Path, typer.Option(help="Where the stack would keep its books.")] = Path("state"),
    model_dir: Annotated[Path, typer.Option(help="Where the embedder was built.")] = Path("build/model"),
    host: Annotated[str, typer.Option(help="Address where your clients would connect.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port where your clients would connect.", min=0, max=65535)] = 8080,
    admin_port: Annotated[
        int, typer.Option(help="Admin port of a running data plane, on loopback; 0: none.", min=0, max=65535)
    ] = 9464,
    cluster: Annotated[bool, typer.Option("--cluster", help="Check a Kubernetes cluster instead.")] = False,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Of Costward in that cluster.")
    ] = "costward-system",
    context: Annotated[str | None, typer.Option(help="Of the kubeconfig; default: the current one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Check everything that the local stack needs, or with --cluster what a cluster has (CRDs, versions, rights,
    wiring). Ends with status 1 if something is missing.

    `degraded` still runs, with less: without the embedder, for example, the cache answers exact repeats only.
    A data plane that runs is asked which wiring its proxies have.
    """
    if cluster:
        _doctor_cluster(namespace, context, as_json)
        return
    checks = [*check_all(Where(state_dir, model_dir, host, port)), *wiring_in_use(admin_port)]
    broken = any(check.state == "missing" for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": not broken, "checks": [dataclasses.asdict(check) for check in checks]}, indent=2))
    else:
        Console().print(_table(checks))
    if broken:
        raise typer.Exit(1)


def _doctor_cluster(namespace: str, context: str | None, as_json: bool) -> None:
    from costward_contract.versions import supported

    from costward_cli.cluster.kube import connected
    from costward_cli.cluster.looking import all_findings
    from costward_cli.cluster.show import findings_table

    found = all_findings(connected(context), namespace, supported())
    broken = any(one.state == "missing" for one in found)
    if as_json:
        typer.echo(json.dumps({"ok": not broken, "findings": [dataclasses.asdict(one) for one in found]}, indent=2))
    else:
        Console().print(findings_table(found))
    if broken:
        raise typer.Exit(1)


def _table(checks: list[Check]) -> Table:
    table = Table(title="costward doctor", title_justify="left")
    for heading in ("part", "state", "found", "how to mend"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        state = f"[{_COLOURS[check.state]}]{check.state}[/]"
        table.add_row(check.name, state, escape(check.found), escape(check.mend))
    return table
