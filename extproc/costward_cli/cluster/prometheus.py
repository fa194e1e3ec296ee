"""Istio's and the data plane's counters over a window of time, asked of a Prometheus."""

from __future__ import annotations

import httpx

from costward_cli.cluster.coverage import HTTP_METRIC, TCP_METRIC, UNPRICED_METRIC, Sample
from costward_cli.problems import CliError

_TIMEOUT_S = 30
"""A day of a large mesh takes seconds to add up."""
_BY = "source_workload, source_workload_namespace, destination_service, destination_service_name"
_WENT = '{decision!="refuse"}'
# The proxy that an app asks: counted where the request begins.
_FROM_THE_APP = '{reporter=~"source|waypoint"}'


def queried(url: str, window: str) -> list[Sample]:
    """`url`: of the server, such as http://127.0.0.1:9090. `window`: as it writes it: `24h`. Raises CliError."""
    wanted = ((HTTP_METRIC, _FROM_THE_APP, _BY), (TCP_METRIC, _FROM_THE_APP, _BY), (UNPRICED_METRIC, _WENT, "policy"))
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S) as client:
        return [
            sample
            for name, of, by in wanted
            for sample in _asked(client, name, f"sum by ({by}) (increase({name}{of}[{window}]))")
        ]


def _asked(client: httpx.Client, name: str, query: str) -> list[Sample]:
    try:
        answer = client.get("/api/v1/query", params={"query": query})
        body = answer.json()
        if body["status"] != "success":
            raise CliError(f"Prometheus refuses {query}: {body.get('error', '')}", mend="--window is such as 24h or 7d")
        return [Sample(name, dict(one["metric"]), float(one["value"][1])) for one in body["data"]["result"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise CliError(
            f"no answer of a Prometheus at {client.base_url}: {type(error).__name__}: {error}",
            mend="give --prometheus the URL whose /api/v1/query answers; kubectl port-forward makes one",
        ) from error
