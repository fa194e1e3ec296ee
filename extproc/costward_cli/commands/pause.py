"""`costward pause` and `costward resume`: the kill switch of a mesh, which needs nothing of ours to run."""

from __future__ import annotations

from typing import Annotated

import typer

from costward_cli.problems import CliError

_Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="Only its proxies: its sidecars, its gateways, its waypoints. Default: all."
    ),
]
_Context = Annotated[str | None, typer.Option(help="Of the kubeconfig; default: the current one.")]


def pause(
    namespace: _Namespace = None,
    root_namespace: Annotated[str, typer.Option(help="Istio's.")] = "istio-system",
    context: _Context = None,
) -> None:
    """Let calls go to their providers past Costward: no cache, no routing, and no caps. Works while all of it is down.

    It takes effect when Istio has told the proxies, usually within a second. `costward resume` ends it.
    """
    from costward_cli.cluster.kinds import ENVOY_FILTER
    from costward_cli.cluster.kube import connected
    from costward_cli.cluster.pausing import paused

    cluster = connected(context)
    made = paused(cluster.items(ENVOY_FILTER), namespace, root_namespace)
    if not made:
        where = f"of namespace {namespace}" if namespace else "of this cluster"
        raise CliError(
            f"no EnvoyFilter puts Costward into the path of proxies {where}: there is nothing to pause",
            mend="look at `kubectl get envoyfilter -A`, or leave out --namespace",
        )
    for one in made:
        cluster.apply(ENVOY_FILTER, one)
        typer.echo(f"paused: envoyfilter {one['metadata']['namespace']}/{one['metadata']['name']}")
    typer.echo("Caps do not hold until `costward resume`.")


def resume(namespace: _Namespace = None, context: _Context = None) -> None:
    """End what `costward pause` began, of one namespace or everywhere."""
    from costward_cli.cluster.kinds import ENVOY_FILTER
    from costward_cli.cluster.kube import connected
    from costward_cli.cluster.pausing import pauses

    cluster = connected(context)
    ended = pauses(cluster.items(ENVOY_FILTER), namespace)
    for one in ended:
        metadata = one["metadata"]
        cluster.delete(ENVOY_FILTER, metadata["name"], metadata["namespace"])
        typer.echo(f"resumed: envoyfilter {metadata['namespace']}/{metadata['name']} is gone")
    if not ended:
        typer.echo("nothing is paused")
