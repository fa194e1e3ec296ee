"""What istiod's config dump says of our wiring, and what each part that is missing from it looks like."""

from __future__ import annotations

from typing import Any

import pytest
from costward_operator.proof.config_dump import view_of
from costward_operator.proof.evidence import ProxyView

CLIENT = {"connectionId": "bot-1.shop-7", "metadata": {"NAMESPACE": "shop", "SERVICE_ACCOUNT": "bot"}}
HOST = "api.openai.com"


def dump(*, filtered: bool = True, cluster: str = "planes", last: str = "block_all") -> dict[str, Any]:
    service = {
        "envoyGrpc": {"clusterName": "planes"},
        "initialMetadata": [{"key": "x-costward-wiring-hash", "value": "sha256:new"}],
    }
    ours = {"name": "costward.ext_proc", "typedConfig": {"grpcService": service}}
    on = {"name": f"costward/{HOST}/v1/calls", "typedPerFilterConfig": {"costward.ext_proc": {}}}
    off = {"name": "costward/other.example/calls"}
    hosts = [{"name": "llm", "routes": [on, off]}, {"name": last, "routes": []}]
    return {
        "configs": [
            {"dynamicActiveClusters": [{"cluster": {"name": cluster}}]},
            {"dynamicListeners": [{"httpFilters": [ours] if filtered else []}]},
            {"dynamicRouteConfigs": [{"virtualHosts": hosts}]},
        ]
    }


def view(error: str = "", **more: Any) -> ProxyView:
    sync = {"proxy": "bot-1.shop", "proxy_type": "sidecar", "resources": {"cds": {"lastError": error}}}
    return view_of(CLIENT, sync, dump(**more))


def test_a_wired_proxy_is_read_whole() -> None:
    hosts = frozenset({HOST})

    assert view() == ProxyView("bot-1.shop", "sidecar", "shop", "bot", "sha256:new", hosts)


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"filtered": False}, "hash", None),
        ({"cluster": "others"}, "has_data_plane", False),
        ({"last": "allow_any"}, "is_open", True),
        ({"error": "no such filter"}, "rejected", "no such filter"),
    ],
)
def test_each_lack_is_told(given: dict[str, Any], field: str, value: object) -> None:
    assert getattr(view(**given), field) == value


def test_an_empty_dump_has_nothing_of_ours() -> None:
    assert view_of({}, {}, {}).hash is None
