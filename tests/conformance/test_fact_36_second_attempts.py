"""A second attempt passes the data plane once more, at no cost where the first one succeeds.

The chain that does it is in the provider's cluster. Its headers must be sent to us though we need none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from costward_contract.metadata import FAILED, SECOND, TICKET
from costward_contract.wiring import EnvoySpec, Upstream
from envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode

from tests.fakes.failing_upstream import FailingUpstream, failing_upstream
from tests.fakes.fake_data_plane import FakeDataPlane, SeenStream, let_pass
from tests.fakes.running_envoy import Edit, RunningEnvoy, running_envoy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.fact(36, "A second attempt passes the data plane again, at no cost where the first one succeeds"),
]

CHAT = "/v1/chat/completions"
FIRST = b'{"model": "gpt-5-mini", "messages": []}'
OTHER = b'{"model": "gpt-5", "messages": []}'


def told(request: Any, namespace: str) -> dict[str, Any]:
    return dict(request.metadata_context.filter_metadata[namespace])


def server(request: Any) -> Any:
    """Asks for one retry, and puts another body into it."""
    answer = let_pass(request)
    if request.HasField("request_headers"):
        answer.mode_override.request_body_mode = ProcessingMode.BUFFERED
        answer.mode_override.response_header_mode = ProcessingMode.SEND
    if request.HasField("request_body") and told(request, TICKET):
        answer.request_body.response.body_mutation.body = OTHER
        answer.request_body.response.header_mutation.remove_headers.append("content-length")
        answer.dynamic_metadata.update({SECOND: {"json": "done"}})
    elif request.HasField("request_body"):
        headers = answer.request_body.response.header_mutation.set_headers
        for name, value in (("x-envoy-retry-on", b"5xx"), ("x-envoy-max-retries", b"1")):
            option = headers.add()
            option.header.key, option.header.raw_value = name, value
        answer.dynamic_metadata.update({TICKET: {"json": "ticket"}})
    return answer


@dataclass
class Setup:
    envoy: RunningEnvoy
    data_plane: FakeDataPlane
    provider: FailingUpstream
    client: httpx.AsyncClient

    def streams(self) -> tuple[list[SeenStream], list[SeenStream]]:
        """Of exchanges, and of second attempts."""
        second = [s for s in self.data_plane.streams if s.metadata.get("x-costward-side") == "upstream"]
        return [s for s in self.data_plane.streams if s not in second], second


@contextlib.asynccontextmanager
async def setup(*faults: int, edit: Edit = lambda _: None) -> AsyncIterator[Setup]:
    left = iter(faults)
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        socket = f"{name}/x.sock"
        async with failing_upstream(lambda _: next(left, None)) as provider, FakeDataPlane(socket, server) as fake:
            upstream = Upstream("provider", provider.url)
            spec = EnvoySpec((upstream,), (socket,), listen_port=0, admin_socket=f"{name}/a.sock")
            async with (
                running_envoy(spec, Path(name), edit) as envoy,
                httpx.AsyncClient(base_url=envoy.url, timeout=20) as client,
            ):
                yield Setup(envoy, fake, provider, client)


async def test_where_the_first_attempt_succeeds_nothing_is_said_upstream() -> None:
    async with setup() as lab:
        response = await lab.client.post(CHAT, content=FIRST)
        exchanges, second = lab.streams()
    assert response.status_code == 200
    assert [len(stream.messages) for stream in exchanges] == [3]
    assert second == []


async def test_a_second_attempt_goes_with_the_body_that_we_gave_it() -> None:
    async with setup(503) as lab:
        response = await lab.client.post(CHAT, content=FIRST)
        exchanges, (second,) = lab.streams()
    assert response.status_code == 200
    assert [attempt.body for attempt in lab.provider.tries] == [FIRST, OTHER]
    assert [message.WhichOneof("request") for message in second.messages] == ["request_headers", "request_body"]
    assert second.messages[1].request_body.body == FIRST
    assert told(second.messages[0], FAILED) == {"status": "503"}
    assert told(exchanges[0].messages[-1], SECOND) == {"json": "done"}
    names = {name for attempt in lab.provider.tries for name in attempt.headers}
    assert not any(name.startswith(("x-envoy", "x-costward")) for name in names)


async def test_also_with_a_body_above_the_connections_buffer() -> None:
    body = json.dumps({"model": "gpt-5-mini", "messages": ["x" * 5_000_000]}).encode()
    async with setup(503) as lab:
        response = await lab.client.post(CHAT, content=body)
    assert response.status_code == 200
    assert [len(attempt.body) for attempt in lab.provider.tries] == [len(body), len(OTHER)]


async def test_a_callers_own_wish_for_a_retry_is_none() -> None:
    async with setup(503) as lab:
        lab.data_plane.handler = let_pass
        response = await lab.client.post(CHAT, content=FIRST, headers={"x-envoy-retry-on": "5xx"})
    assert (response.status_code, len(lab.provider.tries)) == (503, 1)


async def test_without_the_data_plane_the_second_attempt_is_the_first_again() -> None:
    async with setup(503) as lab:

        def hangs_upstream(request: Any) -> Any:
            return None if told(request, TICKET) else server(request)

        lab.data_plane.handler = hangs_upstream
        began = asyncio.get_running_loop().time()
        response = await lab.client.post(CHAT, content=FIRST)
        took = asyncio.get_running_loop().time() - began
    assert response.status_code == 200
    assert [attempt.body for attempt in lab.provider.tries] == [FIRST, FIRST]
    assert took < 10, "it waits for more than a time-out"


def chain(bootstrap: dict[str, Any]) -> list[dict[str, Any]]:
    (cluster,) = [c for c in bootstrap["static_resources"]["clusters"] if c["name"] == "provider"]
    (options,) = cluster["typed_extension_protocol_options"].values()
    found: list[dict[str, Any]] = options["http_filters"]
    return found


def headers_skipped(bootstrap: dict[str, Any]) -> None:
    (rule,) = chain(bootstrap)[0]["typed_config"]["xds_matcher"]["matcher_list"]["matchers"]
    processor = rule["on_match"]["action"]["typed_config"]["typed_config"]["typed_config"]
    processor["processing_mode"]["request_header_mode"] = "SKIP"


async def test_naive_headers_skipped_and_the_first_body_goes_again() -> None:
    async with setup(503, edit=headers_skipped) as lab:
        assert (await lab.client.post(CHAT, content=FIRST)).status_code == 200
    assert [attempt.body for attempt in lab.provider.tries] == [FIRST, FIRST]


def default_rules(bootstrap: dict[str, Any]) -> None:
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["http_filters"][0]["typed_config"]["mutation_rules"]


async def test_naive_default_mutation_rules_and_nothing_is_tried_again() -> None:
    async with setup(503, edit=default_rules) as lab:
        assert (await lab.client.post(CHAT, content=FIRST)).status_code == 503
    assert len(lab.provider.tries) == 1


def unstripped(bootstrap: dict[str, Any]) -> None:
    del chain(bootstrap)[2]


async def test_naive_unstripped_and_the_provider_learns_of_our_attempts() -> None:
    async with setup(edit=unstripped) as lab:
        await lab.client.post(CHAT, content=FIRST)
    assert lab.provider.tries[0].headers["x-envoy-attempt-count"] == "1"
