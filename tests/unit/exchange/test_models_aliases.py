"""A policy's aliases are models to its callers: in the provider's list, and by name. All other bytes stay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from costward_contract.snapshot import Alias
from costward_extproc.core.events import (
    Closed,
    GoUpstream,
    LetGo,
    PassChunk,
    PassHeaders,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
)
from costward_extproc.core.model_list import HOLD_BYTES, extend
from costward_extproc.core.states import Finished
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import Run, World, cut, policy

ALIASES = (Alias("auto", ("small", "large")), Alias("cheap", ("small",)))
OPENAI = b'{"object":"list","data":[{"id":"gpt-5","object":"model","created":1,"owned_by":"openai"}],"x": 1.0}'
ANTHROPIC = b'{"data": [ {"type":"model","id":"claude"} ],"has_more":false,"first_id":"claude","last_id":"claude"}\n'
VERSION = {"anthropic-version": "2023-06-01"}
JSON = {":status": "200", "content-type": "application/json", "content-length": "99"}


def _list(path: str = "/v1/models", method: str = "GET", headers: Mapping[str, str] | None = None) -> Run:
    run = World.of(policy(aliases=ALIASES, unpriced="Refuse")).begin()
    run.send(RequestHeaders(run.world.now, {":method": method, ":path": path, **(headers or {})}, end=True))
    return run


def _answer(run: Run, body: bytes, chunks: Sequence[int] = (), **headers: str) -> bytes:
    given = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    run.send(ResponseHeaders(run.world.now, given, end=False))
    for chunk, last in cut(body, chunks):
        run.send(ResponseBody(run.world.now, chunk, last))
        passed = run.only(PassChunk, last=True)
        run.flowed += chunk if passed.body is None else passed.body
    run.send(Closed(run.world.now))
    return run.flowed


def test_aliases_are_listed_as_openai_lists_models() -> None:
    run = _list(headers={"accept-encoding": "gzip", "x-costward-tag": "a"})
    body = _answer(run, OPENAI)
    assert run.only(GoUpstream) == GoUpstream(to="headers", remove=("x-costward-tag", "accept-encoding"))
    assert run.only(PassHeaders) == PassHeaders((), remove=("content-length", "etag"))
    first = [
        {"id": name, "object": "model", "created": 0, "owned_by": "costward:support"} for name in ("auto", "cheap")
    ]
    assert json.loads(body) == {**json.loads(OPENAI), "data": first + json.loads(OPENAI)["data"]}
    start = OPENAI.index(b"[") + 1
    assert body.startswith(OPENAI[:start])
    assert body.endswith(OPENAI[start:])
    assert (run.record.endpoint, run.record.reason, run.record.cost) == ("models", "free-endpoint", 0)


def test_aliases_are_listed_as_anthropic_lists_models() -> None:
    listed = json.loads(_answer(_list(headers=VERSION), ANTHROPIC))
    assert [model["id"] for model in listed["data"]] == ["auto", "cheap", "claude"]
    assert listed["data"][0] == {
        "type": "model",
        "id": "auto",
        "display_name": "auto (costward:support)",
        "created_at": "1970-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("name", ["auto", "cheap"])
@pytest.mark.parametrize("headers", [{}, VERSION])
def test_an_alias_is_looked_up_by_its_name(name: str, headers: dict[str, str]) -> None:
    run = _list(f"/v1/models/{name}", headers=headers)
    run.send(Closed(run.world.now))
    assert run.answer is not None
    assert run.answer.status == 200
    assert json.loads(run.answer.body)["id"] == name
    assert ("display_name" in json.loads(run.answer.body)) == bool(headers)
    assert (run.record.reason, run.record.endpoint) == ("listed-alias", "models")


@pytest.mark.parametrize(
    ("path", "method"),
    [("/v1/models/gpt-5", "GET"), ("/v1/models", "HEAD"), ("/v1/models/auto", "HEAD"), ("/v1/models/auto", "DELETE")],
)
def test_the_providers_own_are_its_own(path: str, method: str) -> None:
    assert _list(path, method).has(LetGo)


def test_later_pages_are_left_alone() -> None:
    assert _list("/v1/models?after_id=claude", headers=VERSION).has(LetGo)
    assert not _list("/v1/models?limit=1000", headers=VERSION).has(LetGo)


def test_without_aliases_nothing_is_held() -> None:
    run = World.of(policy()).begin()
    run.send(RequestHeaders(run.world.now, {":method": "GET", ":path": "/v1/models"}, end=True))
    assert run.has(LetGo)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_encoding": "gzip"},
        {"content_encoding": "br"},
        {"content_type": "text/html"},
        {":status": "401"},
        {":status": "304"},
    ],
)
def test_another_answer_flows_past_unseen(headers: dict[str, str]) -> None:
    run = _list()
    run.send(
        ResponseHeaders(run.world.now, {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}, end=False)
    )
    assert run.only(PassHeaders) == PassHeaders(())
    assert isinstance(run.state, Finished)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"data": {}}',
        b'{"data": 5, "x": [1]}',
        b'{"object": "list", "models": []}',
        b'{"nested": {"data": []}}',
        b'{"data',
        b'{"data": ',
        b"<html>",
        b"\xff\xfe",
    ],
)
def test_what_is_no_list_keeps_its_bytes(body: bytes) -> None:
    for chunks in ((), (1,), (1, 1, 1)):
        assert _answer(_list(), body, chunks) == body


@pytest.mark.parametrize(
    "body", [b'{"data":[]}', b'{"data" : [ \n ] , "object":"list"}', b'{"object":"data","data":[]}']
)
def test_an_empty_list_is_filled(body: bytes) -> None:
    assert [model["id"] for model in json.loads(_answer(_list(), body))["data"]] == ["auto", "cheap"]


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), max_size=30), body=st.sampled_from([OPENAI, ANTHROPIC, b'{"data":[]}', b"{]"])
)
def test_any_chunking_gives_the_same(sizes: list[int], body: bytes) -> None:
    assert _answer(_list(), body, sizes) == _answer(_list(), body)


@settings(max_examples=200, deadline=None)
@given(
    before=st.dictionaries(st.text(max_size=6), st.recursive(st.none() | st.text(max_size=6), st.lists, max_leaves=5)),
    style=st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}]),
)
def test_wherever_the_list_stands_it_is_found(before: dict[str, Any], style: Any) -> None:
    before.pop("data", None)
    document = {**before, "data": [{"id": "m"}]}
    extended = extend(json.dumps(document, **style).encode(), b'{"id":"a"}')
    assert extended is not None
    assert json.loads(extended) == {**before, "data": [{"id": "a"}, {"id": "m"}]}


def test_what_never_becomes_a_list_is_not_held_for_ever() -> None:
    body = b'{"x": "' + b"a" * (HOLD_BYTES + 10) + b'", "data": []}'
    run = _list()
    run.send(ResponseHeaders(run.world.now, JSON, end=False))
    run.send(ResponseBody(run.world.now, body[: HOLD_BYTES + 1], end=False))
    assert run.only(PassChunk).body is None
    assert isinstance(run.state, Finished)


def test_a_caller_that_leaves_is_written_down_once() -> None:
    run = _list()
    run.send(Closed(run.world.now))
    assert len(run.world.records) == 1
