"""Traffic to providers is told apart by what a mesh counts: read, unseen, encrypted by the app, without a price."""

from __future__ import annotations

import pytest
from costward_cli.cluster.coverage import Covered, coverage, samples_of

HOSTS = ("api.openai.com", "api.x.ai")
FROM_BOT = 'reporter="source",source_workload="bot",source_workload_namespace="team"'
ISTIO = f"""
istio_requests_total{{{FROM_BOT},destination_service="api.openai.com",response_code="200"}} 90
istio_requests_total{{{FROM_BOT},destination_service="api.openai.com",response_code="429"}} 6
istio_requests_total{{{FROM_BOT},destination_service="shop.default.svc.cluster.local"}} 1000
istio_requests_total{{reporter="destination",source_workload="bot",destination_service="api.openai.com"}} 96
istio_tcp_connections_opened_total{{{FROM_BOT},destination_service="api.x.ai"}} 4
costward_unpriced_total{{policy="team/bot",endpoint="batches",decision="pass"}} 16
costward_unpriced_total{{policy="team/bot",endpoint="batches",decision="refuse"}} 5
"""


def test_a_mesh_counts_requests_and_connections_by_workload() -> None:
    found = coverage(samples_of(ISTIO), {}, HOSTS)

    assert found.workloads == (Covered("team/bot", 96, 0, 4, ("api.openai.com", "api.x.ai")),)
    assert found.unpriced == {"team/bot": 16}
    assert found.share == 0.8


def envoy(asked: int, allowed: int) -> str:
    return f"""
envoy_cluster_upstream_rq_completed{{envoy_cluster_name="outbound|80||api.openai.com"}} 10
envoy_cluster_upstream_cx_total{{envoy_cluster_name="outbound|80||api.openai.com"}} 2
envoy_cluster_upstream_cx_total{{envoy_cluster_name="outbound|443||api.x.ai"}} 3
envoy_cluster_upstream_rq_total{{envoy_cluster_name="outbound|443||api.x.ai"}} 3
envoy_cluster_upstream_cx_total{{envoy_cluster_name="outbound|80||elsewhere.example"}} 50
envoy_http_ext_proc_costward_streams_started{{envoy_http_conn_manager_prefix="outbound"}} {asked}
envoy_http_ext_proc_costward_failure_mode_allowed{{envoy_http_conn_manager_prefix="outbound"}} {allowed}
"""


@pytest.mark.parametrize(
    ("asked", "allowed", "metered", "unseen"), [(10, 0, 10, 0), (10, 4, 6, 4), (0, 0, 0, 10), (25, 0, 10, 0)]
)
def test_an_envoy_tells_what_passed_unseen_too(asked: int, allowed: int, metered: int, unseen: int) -> None:
    (one,) = coverage([], {"team/app": samples_of(envoy(asked, allowed))}, HOSTS).workloads

    assert one == Covered("team/app", metered, unseen, 3, HOSTS)


def test_an_envoy_that_was_not_told_where_names_end_is_read_too() -> None:
    text = """
envoy_cluster_openai_com__upstream_rq_completed{envoy_cluster_name="outbound|80||api"} 7
envoy_cluster_openai_com__external_upstream_rq_completed{envoy_cluster_name="outbound|80||api"} 7
envoy_cluster_upstream_cx_total{envoy_cluster_name="outbound|443||api.x.ai;"} 2
envoy_cluster_openai_net__upstream_cx_total{envoy_cluster_name="outbound|80||api"} 9
envoy_http_0_0_1_80__ext_proc_costward_streams_started{envoy_http_conn_manager_prefix="outbound_127"} 7
"""
    (one,) = coverage([], {"team/app": samples_of(text)}, HOSTS).workloads

    assert one == Covered("team/app", 7, 0, 2, HOSTS)


def test_without_traffic_to_providers_there_is_no_share() -> None:
    found = coverage(samples_of(ISTIO), {"x": samples_of(envoy(1, 0))}, ("api.nobody.example",))

    assert (found.workloads, found.share) == ((), None)


def test_what_is_no_metrics_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        samples_of("<html>not found</html>")
