"""Embeddings: what is asked for, what it cost, and that vectors of megabytes are not read for it."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from costward_extproc.core.money import Usage
from costward_extproc.dialects.base import Asked, Dialect, Reading
from costward_extproc.dialects.openai_embeddings import OpenAIEmbeddings
from costward_extproc.dialects.strict_json import Unreadable
from hypothesis import given, settings
from hypothesis import strategies as st

DIALECT = OpenAIEmbeddings()
MODEL = "text-embedding-3-small"


def _read(**members: Any) -> Asked:
    return DIALECT.read_request(json.dumps({"model": MODEL, "input": "Hi", **members}).encode())


def _answer(rows: int = 2, vector: Any = (0.1, -0.2), **members: Any) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(rows)]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return json.dumps({"object": "list", "data": data, "model": MODEL, "usage": usage, **members}).encode()


def _reading(body: bytes) -> Reading:
    return DIALECT.read_answer(body, False, None)


@pytest.mark.parametrize(
    ("given", "elements", "text", "tokens"),
    [
        ("Hi", 1, "Hi", 0),
        (["Hi", "Ho"], 2, "Hi\nHo", 0),
        ([1, 2, 3], 1, "", 3),
        ([[1, 2, 3], [4]], 2, "", 4),
        (["Hi", [4, 5]], 2, "Hi", 2),
    ],
)
def test_what_is_asked_for(given: Any, elements: int, text: str, tokens: int) -> None:
    asked = _read(input=given, user="u", dimensions=256, encoding_format="base64")
    assert (asked.messages, DIALECT.prompt_text(asked), asked.flat_tokens) == (elements, text, tokens)
    assert (asked.max_output, asked.stream, asked.user, asked.last_user_text) == (0, False, "u", None)
    assert (asked.uncacheable, asked.pinned) == ("embeddings", "embeddings")


@pytest.mark.parametrize("given", [None, "x" * 0 or [], {}, 7, [7.5], [True], [[]], [{}], ["a", 1], [[1, "a"]]])
def test_what_is_no_input_is_not_read(given: Any) -> None:
    with pytest.raises(Unreadable, match="not-embeddings"):
        _read(input=given)


def test_the_path_may_name_the_model() -> None:
    asked = DIALECT.read_request(b'{"input":"a"}', "my-deployment")
    assert (asked.model, asked.pinned) == ("my-deployment", "model-in-path")


def test_only_the_models_bytes_change() -> None:
    body = b'{ "input": ["model", 1e0 ], "model" :"a", "x": 1.0}'.replace(b", 1e0", b"")
    asked = DIALECT.read_request(body)
    assert DIALECT.rewrite(asked, "b", ask_usage=True) == body.replace(b':"a"', b':"b"')
    assert DIALECT.rewrite(asked, None, ask_usage=True) == body


@pytest.mark.parametrize("members", [{}, {"x_after": [1, {"a": "b"}]}, {"model": None}, {"object": "list"}])
@pytest.mark.parametrize("vector", [(0.1, -0.2), base64.b64encode(b"vector" * 40).decode()])
def test_usage_is_read_whatever_stands_around_it(members: dict[str, Any], vector: Any) -> None:
    reading = _reading(_answer(vector=vector, **members))
    assert (reading.usage, reading.complete, reading.storable) == (Usage(input=8), True, None)
    assert reading.model == (MODEL if "model" not in members else None)


def test_usage_may_stand_first() -> None:
    body = b'{"usage":{"prompt_tokens":8,"total_tokens":8},"model":"m","data":[%s]}' % (b"0.1," * 4_000 + b"1")
    assert (_reading(body).usage, _reading(body).model) == (Usage(input=8), "m")


def test_the_end_of_an_answer_too_long_to_keep_is_enough() -> None:
    assert _reading(_answer(rows=900)[-3_000:]).usage == Usage(input=8)


def test_megabytes_of_vectors_take_no_time() -> None:
    body = _answer(rows=250, vector=[0.0123456789] * 1_536)
    assert len(body) > 4_000_000
    best = min(_seconds(body) for _ in range(5))
    # Reading the numbers as well takes thirty milliseconds and more.
    assert best < 0.002


def _seconds(body: bytes) -> float:
    started = time.perf_counter()
    assert _reading(body).usage == Usage(input=8)
    return time.perf_counter() - started


def test_an_answer_that_is_cut_says_nothing() -> None:
    body = _answer()
    for end in range(len(body)):
        reading = _reading(body[:end])
        assert (reading.usage, reading.complete) == (None, False)


def test_an_error_is_one() -> None:
    assert _reading(b'{"error": {"message": "no"}}').failed


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60) | st.text('{}[]":,usagemodl_prt1', max_size=80).map(str.encode))
def test_any_bytes_have_a_reading(body: bytes) -> None:
    assert isinstance(_reading(body), Reading)


def test_words_are_no_vector() -> None:
    """A capped caller gets the error: an answer in words would be taken for a vector."""
    dialect: Dialect = DIALECT
    assert dialect.render_text("Over.", _read(), "x", 1) is None
    assert json.loads(DIALECT.render_error("Over.", "insufficient_quota", "c", {}).body)["error"]["message"] == "Over."
