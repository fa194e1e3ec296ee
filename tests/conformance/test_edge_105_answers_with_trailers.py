"""An HTTP/2 provider may end its answer with trailers. Then no chunk says that it is the last one, and a reply to the
trailers can bring no bytes: whoever holds an event back until the stream's end loses it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from costward_contract.wiring import EnvoySpec, Upstream
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import ROOMY, settle
from tests.fakes.envoy_edits import unruled
from tests.fakes.h2_provider import trailing_provider
from tests.fakes.naive_server import Conversation, Mode, NaiveServer, asking, neutral
from tests.fakes.running_envoy import running_envoy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.fact(105, "Answers that end with trailers: what is held back then is lost, so no whole event is held"),
]

FIRST, LAST = b'data: {"choices": []}\n\n', b'data: {"error": {"message": "overloaded"}}\n'


def _holding(said: list[str], *, asks_for_trailers: bool) -> Any:
    async def script(conversation: Conversation) -> None:
        while (message := await conversation.read()) is not None:
            said.append(message.WhichOneof("request"))
            reply = neutral(message)
            if message.HasField("request_headers"):
                reply = asking(response_body="STREAMED")
                if asks_for_trailers:
                    reply.mode_override.response_trailer_mode = Mode.SEND
            elif message.HasField("response_body"):
                assert not message.response_body.end_of_stream
                reply.response_body.response.body_mutation.clear_body = message.response_body.body == LAST
            elif message.HasField("response_trailers"):
                held = pb.ProcessingResponse(response_body={})
                held.response_body.response.body_mutation.body = LAST
                await conversation.write(held)
            await conversation.write(reply)

    return script


@pytest.mark.parametrize("asks_for_trailers", [True, False])
async def test_what_is_held_until_the_end_is_lost(asks_for_trailers: bool) -> None:
    said: list[str] = []
    script = _holding(said, asks_for_trailers=asks_for_trailers)
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        socket = f"{name}/n.sock"
        async with trailing_provider([FIRST, LAST]) as url, NaiveServer(socket, script, ROOMY):
            upstream = Upstream("provider", url, http2=True)
            spec = EnvoySpec((upstream,), (socket,), listen_port=0, admin_socket=f"{name}/a.sock")
            async with (
                running_envoy(spec, Path(name), unruled) as envoy,
                httpx.AsyncClient(base_url=envoy.url) as client,
            ):
                for _ in range(100):
                    if await envoy.stat("membership_healthy"):
                        break
                    await settle()
                answered = await client.post("/v1/chat/completions", json={"model": "gpt-5", "messages": []})
                assert answered.content == FIRST
                assert await envoy.stat("ext_proc.costward.spurious_msgs_received") == int(asks_for_trailers)
    assert ("response_trailers" in said) is asks_for_trailers
