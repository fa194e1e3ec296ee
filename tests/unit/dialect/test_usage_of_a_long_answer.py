"""Of an answer too long to keep, the usage that its end tells is read; text that looks like one is not."""

from __future__ import annotations

import json

import pytest
from costward_extproc.dialects.reading import only_usage
from hypothesis import given
from hypothesis import strategies as st

USAGE = {"prompt_tokens": 7, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 2}}


@pytest.mark.parametrize("after", [{}, {"service_tier": "default", "system_fingerprint": None}])
@pytest.mark.parametrize("indent", [None, 2])
def test_the_usage_behind_a_long_text(after: dict[str, object], indent: int | None) -> None:
    answer = json.dumps({"choices": [{"text": "long " * 10_000}], "usage": USAGE, **after}, indent=indent)
    assert json.loads(only_usage(answer.encode()[-16_384:])) == {"usage": USAGE}


def test_a_text_that_quotes_a_usage_is_none() -> None:
    quoting = json.dumps({"choices": [{"text": json.dumps({"usage": {"prompt_tokens": 1}})}]}).encode()
    assert only_usage(quoting) == b""


@pytest.mark.parametrize(
    "ending", [b"", b'"usage":', b'"usage":{"prompt_tokens":', b'"usage": {' + b"[" * 5_000, b'"usage":null}']
)
def test_an_end_without_a_whole_usage(ending: bytes) -> None:
    assert only_usage(ending) == b""


@given(st.binary(max_size=200))
def test_anything_may_come(ending: bytes) -> None:
    only_usage(b'"usage":{' + ending)
