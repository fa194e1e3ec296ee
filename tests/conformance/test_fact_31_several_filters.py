"""Two ext_proc filters in one chain broke before Envoy 1.38, and bodies were lost beside a filter that buffers.

Others may have such filters before ours: what we read and what the provider gets must be whole beside them.
"""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from typing import Any

import pytest

from tests.fakes.conformance import ROOMY, Ours
from tests.fakes.envoy_edits import Edit, cluster, filters, processor
from tests.fakes.naive_server import NaiveServer, Script, replies
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(31, "Beside another ext_proc or a buffering filter bodies and streams stay whole"),
]

BODY = chat("word " * 100_000, model="auto")


def beside_a_buffer(bootstrap: dict[str, Any]) -> None:
    kind = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"
    given = {"@type": kind, "max_request_bytes": 8_000_000}
    filters(bootstrap).insert(0, {"name": "envoy.filters.http.buffer", "typed_config": given})


def beside_another(socket: str) -> Edit:
    """Another ext_proc before ours, with a server and a cluster of its own."""

    def edit(bootstrap: dict[str, Any]) -> None:
        other = copy.deepcopy(processor(bootstrap))
        other["grpc_service"]["envoy_grpc"]["cluster_name"] = "other"
        other["stat_prefix"] = "other"
        place = copy.deepcopy(cluster(bootstrap))
        place["name"] = place["load_assignment"]["cluster_name"] = "other"
        endpoints = place["load_assignment"]["endpoints"][0]
        endpoints["lb_endpoints"] = [{"endpoint": {"address": {"pipe": {"path": socket}}}}]
        bootstrap["static_resources"]["clusters"].append(place)
        filters(bootstrap).insert(0, {"name": "other.ext_proc", "typed_config": other})

    return edit


async def check(ours: Ours, provider: RawProvider, user: str, edit: Edit) -> None:
    provider.answer = in_parts(events(20))
    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, edit)
        answered = await exchange(beside.port, request(BODY, user=user))
    assert (answered.whole, answered.body) == (True, b"".join(events(20)))
    (record,) = await ours.of(user)
    assert record["inputs"]["body_bytes"] == len(BODY)
    assert provider.asked[0].json == {**chat_of(BODY), "model": "gpt-5"}


def chat_of(body: bytes) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(body)
    return read


async def test_beside_a_filter_that_buffers(ours: Ours, provider: RawProvider, user: str) -> None:
    await check(ours, provider, user, beside_a_buffer)


@pytest.mark.parametrize(
    "script",
    [
        replies(request_body="BUFFERED", response_body="STREAMED"),
        replies(request_body="STREAMED", response_body="STREAMED"),
    ],
    ids=["buffered", "streamed"],
)
async def test_beside_another_ext_proc(ours: Ours, provider: RawProvider, user: str, script: Script) -> None:
    with tempfile.TemporaryDirectory(prefix="cw-") as folder:
        socket = f"{folder}/other.sock"
        async with NaiveServer(socket, script, ROOMY) as other:
            await check(ours, provider, user, beside_another(socket))
        assert b"".join(other.conversations[0].bodies("request_body")) == BODY


async def test_naive_a_filter_after_ours_that_buffers_little_loses_the_request(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    def small(bootstrap: dict[str, Any]) -> None:
        beside_a_buffer(bootstrap)
        filters(bootstrap)[0]["typed_config"]["max_request_bytes"] = 10_000

    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, small)
        assert (await exchange(beside.port, request(BODY, user=user))).status == 413
    assert provider.asked == []
