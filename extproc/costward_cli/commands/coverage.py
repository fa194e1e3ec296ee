"""`costward coverage`: how much of the traffic to providers is metered, and whose is not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_cli.cluster.coverage import Sample


def coverage(
    prometheus: Annotated[str | None, typer.Option(help="URL of a Prometheus that has Istio's metrics.")] = None,
    window: Annotated[str, typer.Option(help="How far back, as Prometheus writes it.")] = "24h",
    metrics: Annotated[
        list[str] | None, typer.Option(help="WORKLOAD=FILE: an Envoy's /stats/prometheus; may be repeated.")
    ] = None,
    host: Annotated[list[str] | None, typer.Option(help="Of a provider that the catalogue lacks.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Tell for each workload what of its traffic to providers is metered, unseen, or encrypted by itself.

    Example: costward coverage --prometheus http://127.0.0.1:9090 --window 7d

    Example: costward coverage --metrics team/app=stats.txt
    """
    from costward_contract.wiring.catalogue import CATALOGUE

    from costward_cli.cluster.coverage import coverage as covered
    from costward_cli.cluster.prometheus import queried
    from costward_cli.cluster.show import coverage_table

    if prometheus is None and not metrics:
        raise CliError("nothing to look at", mend="give --prometheus URL, or --metrics WORKLOAD=FILE")
    istio = queried(prometheus, window) if prometheus is not None else []
    envoys = dict(map(_read, metrics or ()))
    found = covered(istio, envoys, [*(provider.host for provider in CATALOGUE), *(host or ())])
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(found), "share": found.share}, indent=2))
    else:
        Console().print(coverage_table(found))


def _read(given: str) -> tuple[str, list[Sample]]:
    from costward_cli.cluster.coverage import samples_of

    workload, _, file = given.rpartition("=")
    try:
        return workload or file, samples_of(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CliError(
            f"--metrics {given[:200]}: cannot be read as metrics: {error}",
            mend="WORKLOAD=FILE in Prometheus' text format",
        ) from error
