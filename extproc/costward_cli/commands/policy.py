"""`costward policy`: is it right, and what will it do?"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_extproc.core.identity import Workload

    from costward_cli.cluster.applying import Applying
    from costward_cli.policy.account import Account, Asking

policy = typer.Typer(help="Check policy files, and tell what they will do.", no_args_is_help=True)

_Files = Annotated[list[Path], typer.Argument(help="Policy files; several are taken together.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@policy.command()
def check(files: _Files, as_json: _Json = False) -> None:
    """List all that is wrong, each with its place, what is there and what is allowed. Ends with status 1 if any is.

    A running data plane takes a policy file that passes this check, and keeps the last good one otherwise.
    """
    from costward_cli.policies import read_files

    reading = read_files(files)
    good = [compiled.ref for compiled in reading.snapshot.policies]
    if as_json:
        problems = [dataclasses.asdict(problem) for problem in reading.problems]
        typer.echo(json.dumps({"ok": not problems, "policies": good, "problems": problems}, indent=2))
    else:
        for problem in reading.problems:
            typer.echo(str(problem))
        count = len(reading.problems)
        found = "nothing is wrong" if not count else "1 problem" if count == 1 else f"{count} problems"
        typer.echo(f"{found}; accepted: {', '.join(good) or 'no policy'}", err=bool(count))
    if reading.problems:
        raise typer.Exit(1)


@policy.command()
def status(
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Default: the kubeconfig's.")] = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="And the platform's policies.")] = False,
    context: Annotated[str | None, typer.Option(help="Of the kubeconfig; default: the current one.")] = None,
    as_json: _Json = False,
) -> None:
    """Tell how the policies of a cluster stand: accepted, programmed (and by what that is proven), since when."""
    from costward_cli.cluster.kinds import CLUSTER_COST_POLICY, COST_POLICY
    from costward_cli.cluster.kube import connected
    from costward_cli.cluster.show import standing_table
    from costward_cli.cluster.standing import standings

    cluster = connected(context)
    found = cluster.items(COST_POLICY, None if everywhere else namespace or cluster.namespace)
    if everywhere:
        found += cluster.items(CLUSTER_COST_POLICY)
    told = standings(found, time.time())
    if as_json:
        typer.echo(json.dumps({"policies": [dataclasses.asdict(one) for one in told]}, indent=2))
    elif told:
        Console().print(standing_table(told))
    else:
        where = "this cluster" if everywhere else f"namespace {namespace or cluster.namespace}"
        typer.echo(f"No policy in {where}.")


@policy.command()
def explain(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Policy files, taken together.", show_default=False)
    ] = None,
    pod: Annotated[str | None, typer.Option(help="Instead of files: a pod of a cluster, with its policies.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Of the pod.")] = None,
    context: Annotated[str | None, typer.Option(help="Of the kubeconfig; default: the current one.")] = None,
    request: Annotated[Path | None, typer.Option(help="JSON body of a request: model, tools and length.")] = None,
    path: Annotated[str, typer.Option(help="Where that request goes.")] = "/v1/chat/completions",
    user: Annotated[str | None, typer.Option(help="The caller's user, as its header would carry it.")] = None,
    tier: Annotated[str | None, typer.Option(help="The caller's tier, as its header would carry it.")] = None,
    model: Annotated[str | None, typer.Option(help="Model or alias asked for; default: each that is known.")] = None,
    task_type: Annotated[str | None, typer.Option(help="The request's x-costward-task-type.")] = None,
    tools: Annotated[bool, typer.Option("--tools", help="The request offers tools.")] = False,
    # A hundred: a short question with a short system prompt.
    prompt_tokens: Annotated[int, typer.Option(help="Tokens of the prompt.", min=0)] = 100,
    workload: Annotated[
        str, typer.Option(help="CLUSTER/NAMESPACE/SERVICE-ACCOUNT that calls.")
    ] = "local/default/local",
    as_json: _Json = False,
) -> None:
    """Tell in plain words what a policy does for one caller, by the functions that decide in the data plane.

    Example: costward policy explain policy.yaml --user ada

    Example: costward policy explain --pod support-7d9c -n team-support --request body.json
    """
    # Loads the price list, which takes a second: not for --help.
    from costward_extproc.adapters.prices import CataloguePrices

    from costward_cli.policies import compile_files
    from costward_cli.policy.account import Asking, account

    if bool(files) == (pod is not None):
        raise CliError("give either policy files or --pod", mend="costward policy explain --help has examples")
    found = _applying(pod, namespace, context, workload) if pod is not None else None
    snapshot = found.snapshot if found is not None else compile_files(files or ())
    who = found.workload if found is not None else _workload(workload)
    asking = Asking(who, user, tier, model, task_type, tools, prompt_tokens)
    if request is not None:
        from costward_cli.policy.request_file import read_request

        asking = read_request(asking, request, path)
    told = account(snapshot, asking, CataloguePrices().quote, time.time())
    if found is not None:
        _print_applying(found, told, as_json)
    if found is None or not as_json:
        _print(told, asking, as_json)


def _applying(pod: str, namespace: str | None, context: str | None, workload: str) -> Applying:
    from costward_cli.cluster.applying import applying, workload_of
    from costward_cli.cluster.kinds import CLUSTER_COST_POLICY, COST_POLICY, POD
    from costward_cli.cluster.kube import connected

    cluster = connected(context)
    where = namespace or cluster.namespace
    found = cluster.get(POD, pod, where)
    if found is None:
        raise CliError(f"there is no pod {pod} in namespace {where}", mend=f"kubectl get pods -n {where}")
    objects = [*cluster.items(COST_POLICY, where), *cluster.items(CLUSTER_COST_POLICY)]
    return applying(workload_of(found, workload.partition("/")[0]), objects)


def _print_applying(found: Applying, told: Account | None, as_json: bool) -> None:
    from costward_cli.cluster.show import applying_table

    if as_json:
        policies = [dataclasses.asdict(one) for one in found.policies]
        does = dataclasses.asdict(told) if told is not None else None
        typer.echo(json.dumps({"workload": str(found.workload), "policies": policies, "account": does}, indent=2))
    else:
        Console().print(applying_table(found))


def _print(told: Account | None, asking: Asking, as_json: bool) -> None:
    from costward_cli.policy.show import shown

    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(told) if told is not None else None, indent=2))
    elif told is not None:
        Console().print(shown(told))
    else:
        typer.echo(f"No policy governs {asking.workload}: its requests pass untouched and uncounted.")


def _workload(given: str) -> Workload:
    from costward_extproc.core.identity import Workload

    parts = given.split("/")
    if len(parts) != 3 or not all(parts):
        raise CliError(
            f"--workload {given[:80]!r} is not CLUSTER/NAMESPACE/SERVICE-ACCOUNT", mend="local/default/local"
        )
    return Workload(*parts)
