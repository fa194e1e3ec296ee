"""The Node.js test client tells the truth about what a server answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fakes.node_sdk import NodeSdk, node_sdk

pytestmark = pytest.mark.slow

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
MARK = {"x-costward-decision": "pass", "x-other": "not watched"}


@dataclass
class Scripted:
    """One canned answer and the requests that it was given to."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b"{}"
    extra: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    seen_headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def sdk(scripted: Scripted) -> Iterator[NodeSdk]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            scripted.seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            scripted.seen_headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(scripted.status)
            for name, value in {**MARK, **scripted.extra, "content-type": scripted.content_type}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(scripted.body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest's output is enough."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield node_sdk(f"http://127.0.0.1:{server.server_port}/v1")
        server.shutdown()
        thread.join()


def test_a_whole_answer_comes_with_text_usage_and_watched_headers(sdk: NodeSdk, scripted: Scripted) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    scripted.body = json.dumps({"model": "small-1", "choices": [choice], "usage": USAGE}).encode()

    reply = sdk.chat("Hi", model="small", system="Be brief.", headers={"x-user-id": "u=1"})

    assert (reply.text, reply.finish, reply.model, reply.usage) == ("Hello.", "stop", "small-1", USAGE)
    assert reply.headers == {"x-costward-decision": "pass", "content-type": "application/json"}
    assert (reply.status, reply.retries, reply.error) == (200, 0, None)
    assert [message["content"] for message in scripted.seen[0]["messages"]] == ["Be brief.", "Hi"]
    assert scripted.seen_headers[0]["x-user-id"] == "u=1"


def test_a_stream_is_put_together_and_its_chunks_are_counted(sdk: NodeSdk, scripted: Scripted) -> None:
    deltas: list[dict[str, Any]] = [
        {"delta": {"content": "Hel"}},
        {"delta": {"content": "lo."}},
        {"delta": {}, "finish_reason": "stop"},
    ]
    chunks: list[dict[str, Any]] = [{"model": "m", "choices": [{"index": 0, **delta}]} for delta in deltas]
    chunks.append({"model": "m", "choices": [], "usage": USAGE})
    scripted.content_type = "text/event-stream"
    scripted.body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"

    reply = sdk.chat("Hi", stream=True)

    assert (reply.text, reply.chunks, reply.finish, reply.usage) == ("Hello.", 4, "stop", USAGE)
    assert scripted.seen[0]["stream"] is True


def test_an_error_is_told_and_not_tried_again_where_the_server_says_so(sdk: NodeSdk, scripted: Scripted) -> None:
    scripted.status = 429
    scripted.extra = {"x-should-retry": "false", "retry-after": "60"}
    error = {"message": "Your plan is used up.", "type": "insufficient_quota", "code": "cap_spent"}
    scripted.body = json.dumps({"error": error}).encode()

    reply = sdk.chat("Hi")

    assert reply.error is not None
    assert (reply.error["status"], reply.error["type"], reply.error["code"]) == (429, error["type"], error["code"])
    assert error["message"] in reply.error["message"]
    assert (reply.retries, len(scripted.seen)) == (0, 1)
    assert reply.headers["retry-after"] == "60"
