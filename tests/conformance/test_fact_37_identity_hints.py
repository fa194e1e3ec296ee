"""`xds.node` as an attribute is tens of kilobytes per request, and Envoy's own metadata looks like identity and is not.

So the wiring asks for neither, and says what it is by static metadata.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.conformance import Lab, naive
from tests.fakes.envoy_edits import processor, several, with_processor
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(37, "No xds.node attribute, no forwarding headers as metadata: wiring is announced statically"),
]


def with_envoys_headers(bootstrap: dict[str, Any]) -> None:
    processor(bootstrap)["grpc_service"]["envoy_grpc"]["skip_envoy_headers"] = False


async def test_the_wiring_says_what_it_is_and_nothing_else(lab: Lab, user: str) -> None:
    await lab.ask("hello", "x-forwarded-for: 10.0.0.9", user=user)
    (conversation,) = lab.server.conversations
    ours = {name for name in conversation.metadata if name.startswith("x-")}
    assert ours >= {"x-costward-wiring", "x-costward-wiring-hash", "x-costward-capabilities"}
    assert [name for name in ours if not name.startswith("x-costward-")] == []
    assert conversation.messages[0].ByteSize() < 2_000


async def test_naive_the_whole_node_comes_with_each_request(provider: RawProvider, user: str) -> None:
    edit = several(with_processor(request_attributes=["xds.node"]), with_envoys_headers)
    async with naive(provider, edit=edit) as lab:
        await lab.ask("hello", "x-forwarded-for: 10.0.0.9", user=user)
    (conversation,) = lab.server.conversations
    assert conversation.messages[0].ByteSize() > 20_000
    assert "x-forwarded-for" in conversation.metadata
