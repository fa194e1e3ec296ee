"""What a request is for is read off its path, whatever the spelling and whatever stands before it."""

from __future__ import annotations

import pytest
from costward_extproc.dialects.registry import GOVERNED, UNGOVERNED, Endpoint, endpoint_of, segments_of
from hypothesis import given, settings
from hypothesis import strategies as st

CHAT = "/v1/chat/completions"


def _kind(path: str, method: str = "POST") -> str | None:
    endpoint = endpoint_of(method, path)
    return None if endpoint is None else endpoint.kind


def _governed(path: str, method: str = "POST") -> bool:
    endpoint = endpoint_of(method, path)
    return endpoint is not None and endpoint.dialect is not None


@pytest.mark.parametrize(
    "path",
    [
        CHAT,
        CHAT + "?api-version=2",
        CHAT + "/",
        CHAT + "//",
        CHAT + ";x=1",
        CHAT + "/;x",
        CHAT + "#x",
        "/v1;a/chat;b/completions",
        "//v1//chat//completions",
        "/v1/./chat/x/../completions",
        "/V1/Chat/COMPLETIONS",
        "/v1/chat%2Fcompletions",
        "/v1/chat/%63ompletions",
        "/v1/chat/%2563ompletions",
        "/v1/chat%5Ccompletions",
        "/v1/chat\\completions",
        "/v1/chat/completions%20",
        "/v1/chat/completions%3Bx",
        "/v1/chat/completions%3Fx=1",
        "/chat/completions",
        "/openai/v1/chat/completions",
        "/api/paas/v4/chat/completions",
        "/team-a/gateway/v1/chat/completions",
        "/models/chat/completions",
        "/v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions",
    ],
)
def test_a_chat_call_is_one_in_every_spelling(path: str) -> None:
    assert _kind(path) == "chat"
    assert _governed(path)


@pytest.mark.parametrize("name", ["gpt-5", "My_Deployment.1", "embeddings", "v1"])
@pytest.mark.parametrize(
    "root", ["/openai/deployments/", "/OpenAI/Deployments/", "/x/openai/deployments/", "/v1/engines/"]
)
def test_the_path_may_name_the_model(root: str, name: str) -> None:
    endpoint = endpoint_of("POST", f"{root}{name}/chat/completions?api-version=2024-10-21")
    assert endpoint is not None
    assert (endpoint.kind, endpoint.model) == ("chat", name)
    assert endpoint.dialect is not None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/completions", "completions"),
        ("/openai/deployments/d/completions", "completions"),
        ("/v1/complete", "completions"),
        ("/v1/batches", "batches"),
        ("/v1/messages/batches", "batches"),
        ("/v1/files", "files"),
        ("/v1/uploads/u/parts", "files"),
        ("/v1/audio/speech", "audio"),
        ("/openai/deployments/d/audio/transcriptions", "audio"),
        ("/v1/images/generations", "images"),
        ("/v1/moderations", "moderations"),
        ("/v1/realtime/sessions", "realtime"),
        ("/v1/assistants", "assistants"),
        ("/v1/threads/t/messages", "threads"),
        ("/v1/threads/t/runs/r/submit_tool_outputs", "threads"),
        ("/v1/vector_stores/v/search", "vector-stores"),
        ("/v1/fine_tuning/jobs", "fine-tuning"),
        ("/v1/videos", "videos"),
        ("/v1/rerank", "rerank"),
        ("/v1/responses/compact", "responses"),
        ("/v1/models/gemini:generateContent", "models"),
        ("/v1/something/new", "unknown"),
        ("/api/generate", "unknown"),
        ("/", "unknown"),
    ],
)
def test_what_no_codec_reads_has_a_name_and_is_not_free(path: str, kind: str) -> None:
    endpoint = endpoint_of("POST", path)
    assert endpoint is not None
    assert (endpoint.kind, endpoint.dialect, endpoint.free) == (kind, None, False)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/messages/count_tokens", "count-tokens"),
        ("POST", "/v1/responses/input_tokens", "count-tokens"),
        ("POST", "/v1/responses/resp_1/cancel", "responses"),
        ("GET", "/v1/responses/resp_1", "responses"),
        ("GET", "/v1/responses/resp_1/input_items", "responses"),
        ("DELETE", "/v1/responses/resp_1", "responses"),
        ("GET", CHAT, "chat"),
        ("GET", CHAT + "/chatcmpl-1", "chat"),
        ("GET", "/v1/models", "models"),
        ("HEAD", "/v1/models/gpt-5", "models"),
        ("GET", "/v1/batches/b", "batches"),
        ("POST", "/v1/conversations", "conversations"),
        ("get", "/v1/files", "files"),
    ],
)
def test_reading_and_counting_is_free(method: str, path: str, kind: str) -> None:
    endpoint = endpoint_of(method, path)
    assert endpoint is not None
    assert (endpoint.kind, endpoint.dialect, endpoint.free) == (kind, None, True)


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1", "/v1/x", "/favicon.ico"])
def test_reading_what_is_not_known_is_nobodys_business(path: str) -> None:
    assert endpoint_of("GET", path) is None


def test_another_method_is_not_the_call() -> None:
    assert not _governed(CHAT, "PUT")
    assert _kind(CHAT, "PUT") == "chat"
    assert _governed(CHAT, "post")


@settings(max_examples=300, deadline=None)
@given(
    path=st.text("/v1chatompleins.;%?2Fresponsmg\\ #", max_size=60) | st.text(max_size=30), method=st.text(max_size=5)
)
def test_any_path_has_a_meaning_of_a_closed_set(path: str, method: str) -> None:
    endpoint = endpoint_of(method, path)
    kinds = {row.kind for table in (GOVERNED, UNGOVERNED) for row in table.values()} | {"unknown"}
    assert endpoint is None or (isinstance(endpoint, Endpoint) and endpoint.kind in kinds)
    assert all(segment not in ("", ".", "..") for segment in segments_of(path))


def test_a_long_path_is_read_like_any_other() -> None:
    assert _governed("/a" * 10_000 + CHAT)
    assert _governed("/v1/" + "x/../" * 5_000 + "chat/completions")
