"""What `costward doctor` says of the wiring: the one that proxies run, as the data plane has seen it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
from costward_contract.metadata import RETRY, WIRING_VERSION
from costward_contract.wiring import ABILITIES

from costward_cli.checks import Check

_SECONDS = 2.0
"""For a page of a few lines on loopback; a data plane that needs longer is itself the finding."""

_RENEW = "print the configuration anew with `costward envoy-config` and restart Envoy with it"


def wiring_in_use(admin_port: int) -> list[Check]:
    """`admin_port`: of the data plane, on loopback; 0: it has none."""
    if not admin_port:
        return [_ours("no admin port to ask")]
    url = f"http://127.0.0.1:{admin_port}/wirings"
    try:
        # A proxy for the outside world would be asked for its own loopback.
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.ConnectError:
        return [_ours(f"no data plane answers on port {admin_port}")]
    except httpx.HTTPError as error:
        return [_strange(f"{url} gives no answer: {type(error).__name__}")]
    try:
        rows = list(_rows(answer.raise_for_status().json()))
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError, AttributeError):
        return [_strange(f"{url} is no page of a data plane")]
    return rows or [Check("wiring", "ok", "the data plane runs, and no proxy has asked it yet")]


def _ours(why: str) -> Check:
    able = f"{WIRING_VERSION}, {_able(list(ABILITIES))}"
    return Check("wiring", "ok", f"{why}; that of `costward up` and `envoy-config` is {able}")


def _strange(found: str) -> Check:
    return Check("wiring", "degraded", found, "give the data plane's admin port with --admin-port, or 0")


def _rows(page: dict[str, Any]) -> Iterator[Check]:
    for row in page["wirings"]:
        version, capabilities = str(row["version"]), [str(name) for name in row["capabilities"]]
        found = f"{version} {row['hash']}, {_able(capabilities)}, {row['calls']} calls"
        if version != page["expected"]:
            found += f"; the data plane is made for {page['expected']}"
        whole = version == page["expected"] and RETRY in capabilities
        yield Check("wiring", "ok", found) if whole else Check("wiring", "degraded", found, _RENEW)


def _able(capabilities: list[str]) -> str:
    """What it can do, and what that means for the fallback."""
    if RETRY in capabilities:
        return f"capabilities {', '.join(capabilities)}: fallback possible, it has the chain for second attempts"
    named = f"capabilities {', '.join(capabilities)}" if capabilities else "no capabilities"
    return f"{named}: no fallback, it has no chain for second attempts and each exchange goes once"
