"""Endpoints that cannot be priced, through a real Envoy: refused, told to use HTTP, or passed and counted."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = pytest.mark.slow

UPGRADE = (
    "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def _strict() -> str:
    return policy(cache='"Off"').replace("spec:\n", "spec:\n  unpriced: Refuse\n", 1)


async def _upgrade(stack: RunningStack, path: str) -> bytes:
    """The answer to a WebSocket handshake, as far as its first bytes."""
    parts = urlsplit(stack.stack.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(UPGRADE.format(path=path).encode())
    answer = await asyncio.wait_for(reader.read(2_000), 5)
    writer.close()
    return answer


async def _decision(stack: RunningStack, endpoint: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        return [record for record in stack.decisions.values() if record["endpoint"] == endpoint]

    await until(found, f"the record of {endpoint}")
    return found()[-1]


async def test_what_cannot_be_priced_is_refused_and_the_rest_goes_on() -> None:
    async with running_stack(_strict()) as stack:
        batch = await stack.client.post("/batches", json={})
        assert (batch.status_code, batch.json()["error"]["code"]) == (403, "unpriced_endpoint")
        assert "support-platform (#support-llm)" in batch.json()["error"]["message"]
        assert (await stack.record(batch))["endpoint"] == "batches"
        root = stack.stack.base_url.removesuffix("/v1")
        async with httpx.AsyncClient(timeout=10) as client:
            claude = await client.post(f"{root}/v1/messages/batches", json={})
            azure = await client.post(f"{root}/openai/deployments/d/images/generations?api-version=1", json={})
            unknown = await client.post(f"{root}/api/generate", json={})
        assert (claude.status_code, claude.json()["type"]) == (403, "error")
        assert (azure.status_code, unknown.status_code) == (403, 403)
        for path in ("/v1/realtime?model=gpt-realtime", "/v1/responses", "/v1/elsewhere"):
            answer = await _upgrade(stack, path)
            assert answer.startswith(b"HTTP/1.1 426 ")
            assert b"plain HTTP" in answer
        assert (await stack.ask("When are you open?")).status_code == 200
        listed = (await stack.client.get("/models")).json()["data"]
        assert listed[0]["id"] == "auto"
        assert "gpt-5-mini" in [model["id"] for model in listed]


async def test_what_cannot_be_priced_passes_by_default_and_is_counted() -> None:
    async with running_stack(policy(cache='"Off"')) as stack:
        batch = await stack.client.post("/batches", json={})
        assert batch.status_code == 404
        assert "x-costward-decision" not in batch.headers
        record = await _decision(stack, "batches")
        assert (record["decision"], record["reason"], record["dialect"]) == ("pass", "unpriced-endpoint", None)
        # The stand-in has no WebSockets: the refusal is its own.
        assert not (await _upgrade(stack, "/v1/realtime")).startswith(b"HTTP/1.1 426")
        assert (await _decision(stack, "websocket"))["decision"] == "pass"
        headed = await stack.client.head("/models")
        assert headed.status_code == 200
        assert "content-length" in headed.headers


async def test_a_list_of_models_keeps_all_other_bytes() -> None:
    async with running_stack(policy(cache='"Off"')) as stack:
        direct = (await stack.provider.get("/v1/models")).content
        listed = await stack.client.get("/models", headers={"accept-encoding": "gzip"})
        start = direct.index(b"[") + 1
        assert listed.content.startswith(direct[:start] + b'{"id":"auto"')
        assert listed.content.endswith(direct[start:])
        ids = [model["id"] for model in listed.json()["data"]]
        assert len(ids) == len(set(ids))
