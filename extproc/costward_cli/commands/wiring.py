"""`costward wiring`: the objects that put Costward into a mesh's path, and whether those in use are still these."""

from __future__ import annotations

import dataclasses
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_contract.wiring.catalogue import Provider

wiring = typer.Typer(
    help="Print the objects that wire a mesh or gateway, or compare those in use.", no_args_is_help=True
)


class Target(StrEnum):
    ISTIO_GATEWAY = "istio-gateway"
    ISTIO_WAYPOINT = "istio-waypoint"
    ISTIO_SIDECAR = "istio-sidecar"
    ENVOY_GATEWAY = "envoy-gateway"


class Format(StrEnum):
    YAML = "yaml"
    JSON = "json"


_Target = Annotated[Target, typer.Option(help="A plain Envoy's configuration is `costward envoy-config`.")]
_Providers = Annotated[
    list[str], typer.Option("--provider", help="Of the catalogue, or NAME=HOST[/BASE] of your own; may be repeated.")
]
_Namespace = Annotated[str, typer.Option(help="Of the data plane, the aliases and the providers' objects.")]
_ProxyNamespace = Annotated[
    str | None, typer.Option(help="Of the gateway or waypoint; for sidecars whose (default: all of the mesh).")
]
_Closed = Annotated[list[str] | None, typer.Option("--closed", help="Provider whose failurePolicy is Closed.")]
_Revision = Annotated[str | None, typer.Option(help="Istio's revision that reads these objects.")]


@wiring.command()
def render(
    target: _Target,
    provider: _Providers = ["openai", "anthropic"],  # noqa: B006  # typer copies it
    namespace: _Namespace = "costward-system",
    proxy_namespace: _ProxyNamespace = None,
    closed: _Closed = None,
    revision: _Revision = None,
    format: Annotated[Format, typer.Option(help="kubectl reads both.")] = Format.YAML,
) -> None:
    """Print the objects for one target, to be applied as they are.

    Example: costward wiring render --target istio-sidecar --provider openai | kubectl apply --server-side -f -

    Example: costward wiring render --target istio-waypoint --provider own=llm.example.com/v1 --proxy-namespace egress
    """
    objects = rendered(target, provider, namespace, proxy_namespace, closed or [], revision)
    if format is Format.JSON:
        typer.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
    else:
        typer.echo(yaml.dump_all(objects, Dumper=_Plain, sort_keys=False).rstrip())


@wiring.command()
def check(
    file: Annotated[Path, typer.Argument(help="Objects in use, as YAML or JSON; `-`: standard input.")],
    target: _Target,
    provider: _Providers = ["openai", "anthropic"],  # noqa: B006
    namespace: _Namespace = "costward-system",
    proxy_namespace: _ProxyNamespace = None,
    closed: _Closed = None,
    revision: _Revision = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Compare objects in use with what this version would render. Ends with status 1 where they differ.

    Example: kubectl get envoyfilter,vs,dr,se,svc -A -o yaml | costward wiring check - --target istio-sidecar
    """
    from costward_contract.wiring.compare import differences

    wanted = rendered(target, provider, namespace, proxy_namespace, closed or [], revision)
    found = differences(_read(file), wanted)
    if as_json:
        typer.echo(json.dumps({"ok": not found, "differences": [dataclasses.asdict(one) for one in found]}, indent=2))
    else:
        for one in found:
            typer.echo(f"{one.kind}: {one.where}: found {one.found}, this version renders {one.wanted}")
        typer.echo(f"{len(found)} differences in {len(wanted)} objects", err=bool(found))
    if found:
        raise typer.Exit(1)


def rendered(
    target: Target,
    providers: list[str],
    namespace: str,
    proxy_namespace: str | None,
    closed: list[str],
    revision: str | None,
) -> list[dict[str, Any]]:
    # Envoy's message classes take a second to load: not before they are needed, so that --help stays quick.
    from costward_contract.wiring import WiringError
    from costward_contract.wiring.envoy_gateway import GatewaySpec, envoy_gateway_objects
    from costward_contract.wiring.istio import istio_objects
    from costward_contract.wiring.mesh import MeshSpec

    try:
        chosen = _providers(providers)
        if target is Target.ENVOY_GATEWAY:
            return envoy_gateway_objects(GatewaySpec(chosen, namespace=namespace, closed=frozenset(closed)))
        position: Any = target.removeprefix("istio-")
        # Istio's root namespace: from there an EnvoyFilter holds for all sidecars.
        theirs = proxy_namespace or ("istio-system" if target is Target.ISTIO_SIDECAR else "istio-egress")
        return istio_objects(
            MeshSpec(
                position,
                chosen,
                namespace=namespace,
                proxy_namespace=theirs,
                revision=revision,
                closed=frozenset(closed),
            )
        )
    except WiringError as error:
        raise CliError(str(error), mend="see `costward wiring render --help`") from error


def _providers(given: list[str]) -> tuple[Provider, ...]:
    from costward_contract.wiring.catalogue import Provider, named

    own = {}
    for word in given:
        name, is_own, place = word.partition("=")
        if is_own:
            host, slash, base = place.partition("/")
            own[name] = Provider(name, host, base_path="/" + base if slash else "/v1")
    return named([word.partition("=")[0] for word in given], own.values())


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        documents = [one for one in yaml.safe_load_all(text) if one]
    except (OSError, yaml.YAMLError) as error:
        raise CliError(
            f"{file} cannot be read as YAML or JSON: {type(error).__name__}", mend="give what kubectl printed"
        ) from error
    found = [item for one in documents for item in (one.get("items", [one]) if isinstance(one, dict) else [one])]
    if not all(isinstance(one, dict) and isinstance(one.get("metadata"), dict) for one in found):
        raise CliError(f"{file} holds something else than Kubernetes objects", mend="give what kubectl printed")
    return found


class _Plain(yaml.SafeDumper):
    """Without anchors, as people and other tools expect."""

    def ignore_aliases(self, data: object) -> bool:
        return True
