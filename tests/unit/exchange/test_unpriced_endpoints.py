"""Endpoints that no codec reads are counted, and pass or are refused as the policy says; free ones always pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from costward_extproc.core.events import Closed, LetGo, RequestHeaders, Write

from tests.fakes.world import Run, World, policy

UNPRICED = ["/v1/completions", "/v1/batches", "/v1/files", "/v1/audio/speech", "/v1/images/edits", "/v1/new/thing"]
FREE = [
    ("GET", "/v1/models"),
    ("GET", "/v1/models/gpt-5"),
    ("HEAD", "/v1/models"),
    ("POST", "/v1/messages/count_tokens"),
    ("GET", "/v1/responses/resp_1"),
    ("POST", "/v1/responses/resp_1/cancel"),
    ("DELETE", "/v1/files/f"),
    ("GET", "/v1/batches"),
]


def _ask(path: str, method: str = "POST", headers: Mapping[str, str] | None = None, **changes: Any) -> Run:
    run = World.of(policy(**changes)).begin()
    base = {":method": method, ":path": path, "authorization": "Bearer k", "x-costward-task": "t1"}
    run.send(RequestHeaders(run.world.now, {**base, **(headers or {})}, end=False))
    return run


def _told(run: Run) -> dict[str, Any]:
    assert run.answer is not None
    error: dict[str, Any] = json.loads(run.answer.body)
    return error


@pytest.mark.parametrize("path", UNPRICED)
def test_by_default_they_pass_untouched_and_are_written_down(path: str) -> None:
    run = _ask(path)
    assert [type(effect) for effect in run.effects] == [LetGo, Write]
    record = run.record
    assert (record.decision, record.reason, record.dialect, record.cost) == ("pass", "unpriced-endpoint", None, 0)
    assert record.endpoint in ("completions", "batches", "files", "audio", "images", "unknown")
    assert (record.task, record.end, record.attempts[0].model) == ("t1", "complete", None)


@pytest.mark.parametrize("path", UNPRICED)
def test_a_policy_may_refuse_them(path: str) -> None:
    run = _ask(path, unpriced="Refuse")
    run.send(Closed(run.world.now))
    assert run.answer is not None
    assert (run.answer.status, run.headers["x-should-retry"]) == (403, "false")
    assert run.headers["x-costward-reason"] == "unpriced-endpoint"
    error = _told(run)["error"]
    assert (error["type"], error["code"]) == ("permission_error", "unpriced_endpoint")
    for words in ("support (#support)", "`unpriced: Pass`", "team/bot", run.record.endpoint):
        assert words in error["message"]
    assert (run.record.decision, run.record.status, run.record.attempts) == ("refuse", 403, ())


@pytest.mark.parametrize("unpriced", ["Pass", "Refuse"])
@pytest.mark.parametrize(("method", "path"), FREE)
def test_what_is_free_always_passes(method: str, path: str, unpriced: Literal["Pass", "Refuse"]) -> None:
    run = _ask(path, method, unpriced=unpriced)
    assert [type(effect) for effect in run.effects] == [LetGo, Write]
    assert (run.record.decision, run.record.reason) == ("pass", "free-endpoint")


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1/messages/batches", {}), ("/v1/complete", {}), ("/v1/files", {"anthropic-version": "2023-06-01"})],
)
def test_a_refusal_speaks_as_the_provider_that_was_asked(path: str, headers: dict[str, str]) -> None:
    run = _ask(path, headers=headers, unpriced="Refuse")
    told = _told(run)
    assert (told["type"], told["error"]["type"]) == ("error", "permission_error")
    assert told["request_id"]


def test_reading_what_is_not_known_leaves_no_trace() -> None:
    assert [type(effect) for effect in _ask("/favicon.ico", "GET", unpriced="Refuse").effects] == [LetGo]


def test_without_a_policy_nothing_is_refused() -> None:
    run = World.of(policy(namespace="other", unpriced="Refuse")).begin()
    run.send(RequestHeaders(run.world.now, {":method": "POST", ":path": "/v1/batches"}, end=True))
    assert [type(effect) for effect in run.effects] == [LetGo]


def test_no_text_of_the_path_is_written_down() -> None:
    run = _ask("/v1/secret-project/launch?token=abc", unpriced="Refuse")
    run.send(Closed(run.world.now))
    assert run.answer is not None
    for word in (b"secret-project", b"abc"):
        assert word not in run.answer.body
        assert word.decode() not in repr(run.record)


@pytest.mark.parametrize(
    "path", ["/v1/realtime", "/v1/responses", "/v1/chat/completions", "/v1/anything", "/v1/messages"]
)
@pytest.mark.parametrize(
    "upgrade", [{"upgrade": "websocket", "connection": "Upgrade"}, {":method": "CONNECT", ":protocol": "WebSocket"}]
)
def test_a_websocket_is_told_to_use_http_where_unpriced_traffic_is_refused(path: str, upgrade: dict[str, str]) -> None:
    refused = _ask(path, "GET", upgrade, unpriced="Refuse")
    passed = _ask(path, "GET", upgrade)
    refused.send(Closed(refused.world.now))
    assert refused.answer is not None
    assert refused.answer.status == 426
    assert "plain HTTP" in _told(refused)["error"]["message"]
    assert [type(effect) for effect in passed.effects] == [LetGo, Write]
    for run in (refused, passed):
        assert (run.record.endpoint, run.record.reason) == ("websocket", "unpriced-endpoint")
