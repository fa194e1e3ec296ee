"""`costward envoy-config`: the wiring for an Envoy that somebody else runs."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from costward_cli.problems import CliError

if TYPE_CHECKING:
    from costward_contract.wiring import EnvoySpec, Upstream

_NAMED = re.compile(r"^(?P<name>[\w-]+)=(?P<url>.+)$")


class Format(StrEnum):
    YAML = "yaml"
    JSON = "json"


class Failure(StrEnum):
    OPEN = "Open"
    CLOSED = "Closed"


def envoy_config(
    upstream: Annotated[
        list[str],
        typer.Option(help="Provider's base URL, as an SDK takes it; with several: NAME=URL, reached by host NAME."),
    ] = ["https://api.openai.com/v1"],  # noqa: B006  # typer copies it
    listen: Annotated[str, typer.Option(help="HOST:PORT where your clients connect.")] = "127.0.0.1:8080",
    socket: Annotated[
        list[str], typer.Option(help="Unix socket of a data plane worker (COSTWARD_SOCKET); may be repeated.")
    ] = ["/run/costward/extproc.sock"],  # noqa: B006
    policy: Annotated[
        list[Path] | None, typer.Option(help="Policy file whose failurePolicy decides; one `Closed` wins.")
    ] = None,
    failure_policy: Annotated[
        Failure, typer.Option(help="Without --policy: what happens to LLM requests while the data plane is gone.")
    ] = Failure.OPEN,
    ca_file: Annotated[str | None, typer.Option(help="PEM bundle for providers; default: this system's.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Envoy's admin interface on loopback; default: none.")] = None,
    format: Annotated[Format, typer.Option(help="Envoy reads both.")] = Format.YAML,
    check: Annotated[bool, typer.Option("--check", help="Ask the installed Envoy whether it accepts this.")] = False,
) -> None:
    """Print the configuration of an Envoy that asks Costward about LLM requests and passes everything else.

    Example: costward envoy-config --upstream https://api.openai.com/v1 --listen 0.0.0.0:8080 > envoy.yaml
    """
    # Envoy's message classes take a second to load: not before they are needed, so that --help stays quick.
    from costward_contract.wiring import EnvoySpec, WiringError, envoy_bootstrap

    host, port = _address(listen)
    spec = EnvoySpec(
        upstreams=_upstreams(upstream),
        sockets=tuple(socket),
        listen_address=host,
        listen_port=port,
        admin_port=admin_port,
        failure_mode_allow=_open(policy or [], failure_policy),
        ca_file=ca_file or _system_bundle(),
    )
    try:
        bootstrap = envoy_bootstrap(spec)
    except WiringError as error:
        raise CliError(str(error), mend="see `costward envoy-config --help`") from error
    text = json.dumps(bootstrap, indent=2) if format is Format.JSON else yaml.safe_dump(bootstrap, sort_keys=False)
    typer.echo(text.rstrip())
    if check:
        _check(spec)


def _check(spec: EnvoySpec) -> None:
    from costward_contract.wiring import envoy_bootstrap

    from costward_cli.envoy import envoy_binary, envoy_version, validate

    binary = envoy_binary()
    verdict = asyncio.run(validate(binary, envoy_bootstrap(spec)))
    if verdict is not None:
        raise CliError(f"Envoy does not accept this configuration: {verdict}", mend="correct what Envoy names")
    typer.echo(f"Envoy {asyncio.run(envoy_version(binary))} accepts this configuration.", err=True)


def _upstreams(given: list[str]) -> tuple[Upstream, ...]:
    from costward_contract.wiring import Upstream

    if len(given) == 1:
        named = _NAMED.match(given[0]) if not given[0].startswith("http") else None
        return (Upstream(named["name"], named["url"]) if named else Upstream("provider", given[0]),)
    upstreams = []
    for word in given:
        named = _NAMED.match(word)
        if named is None:
            mend = "write --upstream openai=https://api.openai.com/v1; clients then ask http://openai:8080/v1"
            raise CliError(f"with several upstreams each needs a name: {word!r} has none", mend=mend)
        upstreams.append(Upstream(named["name"], named["url"], hosts=(named["name"],)))
    return tuple(upstreams)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise CliError(f"--listen {text!r} is no address", mend="write HOST:PORT, for example 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _open(policies: list[Path], otherwise: Failure) -> bool:
    if not policies:
        return otherwise is Failure.OPEN
    from costward_contract.wiring import failure_mode_allow

    from costward_cli.policies import compile_files

    return failure_mode_allow(compile_files(policies).policies)


def _system_bundle() -> str:
    """Where this system keeps its certificate authorities; Debian's place if it does not say."""
    from costward_contract.wiring import EnvoySpec

    return ssl.get_default_verify_paths().cafile or EnvoySpec(upstreams=(), sockets=()).ca_file
