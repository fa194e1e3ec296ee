"""What istiod sent to a proxy -> what that means for our wiring. Pure.

The form is Envoy's own `/config_dump` (admin/v3 ConfigDump as JSON, lowerCamelCase), as istiod's debug page gives it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costward_contract.metadata import WIRING_HASH
from costward_contract.wiring.ext_proc import FILTER_NAME

from costward_operator.proof.evidence import ProxyView

Json = Mapping[str, Any]

_ANY_HOST = "allow_any"
"""Istio's name of the virtual host that lets pass whatever no resource names."""
_OURS = "costward"


def view_of(client: Json, sync: Json, dump: Json) -> ProxyView:
    """`client`: a row of `/debug/adsz`; `sync`: of `/debug/syncz`; `dump`: of `/debug/config_dump`."""
    metadata = client.get("metadata") or {}
    found = next((one for one in _objects(dump) if one.get("name") == FILTER_NAME and "typedConfig" in one), None)
    service = (found or {}).get("typedConfig", {}).get("grpcService", {})
    return ProxyView(
        name=str(sync.get("proxy", "")),
        kind=str(sync.get("proxy_type", "")),
        namespace=str(metadata.get("NAMESPACE", "")),
        service_account=str(metadata.get("SERVICE_ACCOUNT", "")),
        hash=_announced(service) if found is not None else None,
        hosts=frozenset(_hosts(dump)),
        has_data_plane=service.get("envoyGrpc", {}).get("clusterName") in _clusters(dump),
        is_open=any(one.get("name") == _ANY_HOST and "routes" in one for one in _objects(dump)),
        rejected=_last_error(sync),
    )


def _announced(service: Json) -> str:
    values = {one.get("key"): one.get("value", "") for one in service.get("initialMetadata", [])}
    return str(values.get(WIRING_HASH, ""))


def _hosts(dump: Json) -> Iterator[str]:
    """Of routes that switch the filter on for calls; they are named `costward/HOST/…/calls`."""
    for one in _objects(dump):
        name = one.get("name")
        if isinstance(name, str) and FILTER_NAME in one.get("typedPerFilterConfig", {}):
            ours, _, rest = name.partition("/")
            if ours == _OURS and rest.endswith("/calls"):
                yield rest.partition("/")[0]


def _clusters(dump: Json) -> set[str]:
    return {
        str(one["cluster"]["name"])
        for config in dump.get("configs", [])
        for one in config.get("dynamicActiveClusters", [])
    }


def _last_error(sync: Json) -> str:
    told = (one.get("lastError", "") for one in (sync.get("resources") or {}).values())
    return next((str(words) for words in told if words), "")


def _objects(value: object) -> Iterator[Json]:
    """Every object inside, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
