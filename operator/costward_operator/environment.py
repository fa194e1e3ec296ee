"""What is set in a mapping of environment variables, parsed; problems are gathered, so that all are told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from costward_operator.delivery.planes import Account

T = TypeVar("T")


class Reader:
    """What is set, parsed; the default where it is not."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def value(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._environ.get(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as problem:
            self.problems.append(f"{name}={text!r}: {problem}")
            return default


def in_cluster(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host else ""


def server(text: str) -> str:
    if not text.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ValueError("must begin with https://; plain http:// would show the token, and is for loopback only")
    return text.rstrip("/")


def url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be a URL, such as http://istiod.istio-system.svc:15014")
    return text.rstrip("/")


def ca(text: str) -> Path | None:
    return None if text == "system" else Path(text)


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError("must be ADDRESS:PORT, such as 0.0.0.0:8081")
    return host.strip("[]"), int(port)


def seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("must be a number of seconds") from None
    if not 0 < number < 86_400:
        raise ValueError("must be more than 0 and less than a day")
    return number


def percent(text: str) -> int:
    if not text.isdigit() or int(text) > 99:
        raise ValueError("must be a whole number from 0 to 99")
    return int(text)


def address_or_off(text: str) -> tuple[str, int] | None:
    return None if text == "off" else address(text)


def accounts(text: str) -> frozenset[Account]:
    """`NAMESPACE/NAME`, with commas between several."""
    named = [part.strip().partition("/") for part in text.split(",") if part.strip()]
    if not all(namespace and name and "/" not in name for namespace, _, name in named):
        raise ValueError("must be NAMESPACE/NAME of service accounts, with commas between them")
    return frozenset(Account(namespace, name) for namespace, _, name in named)


def host_port(text: str) -> str:
    address(text)
    return text
