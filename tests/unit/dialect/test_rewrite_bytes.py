"""A rewritten body differs in the model's bytes, and in the wish for usage, and in nothing else."""

from __future__ import annotations

import json
import resource
from typing import Any

import pytest
from costward_extproc.dialects import strict_json
from costward_extproc.dialects.openai_chat import OpenAIChat
from hypothesis import given, settings
from hypothesis import strategies as st

DIALECT = OpenAIChat()

NAMES = st.sampled_from(["model", "stream_options", "messages", "include_usage", "a"]) | st.text(max_size=5)
STRINGS = st.sampled_from(['"model": "x"', '{"model": "x"}', '\\"model\\":', '"', "\\", "model", "a\n"]) | st.text(
    max_size=10
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(NAMES, VALUES, max_size=3), min_size=1, max_size=3)
OPTIONS = st.none() | st.dictionaries(
    st.sampled_from(["include_usage", "include_obfuscation", "x"]), VALUES, max_size=3
)


MODEL, HERE = "m\u00f6del@asked", "@options"
"""Stand where they are written once, so that the test knows their bytes without looking for them."""


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A request's bytes in any common style, its members in any order: before its stream_options, themselves, and
    after; the last two are empty where it has none."""
    members = draw(st.dictionaries(NAMES, VALUES, max_size=4))
    members |= {"model": MODEL, "messages": draw(MESSAGES), "stream": True}
    members.pop("stream_options", None)
    has_options = draw(st.booleans())
    if has_options:
        members["stream_options"] = HERE
    document = {name: members[name] for name in draw(st.permutations(sorted(members)))}
    style: dict[str, Any] = draw(
        st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"separators": (" ,\t", " :\r\n")}])
    )
    style["ensure_ascii"] = draw(st.booleans())
    text = json.dumps(document, **style)
    if draw(st.booleans()):
        text = text.replace('"model"', '"mod\\u0065l"')
    options = json.dumps(draw(OPTIONS), **style) if has_options else ""
    before, _, after = text.partition(f'"{HERE}"')
    space = draw(st.sampled_from(["", " \n"]))
    return (
        (space + before).encode("utf-8", "replace"),
        options.encode("utf-8", "replace"),
        after.encode("utf-8", "replace"),
    )


@settings(max_examples=150, deadline=None)
@given(parts=requests())
def test_only_the_model_s_bytes_change(parts: tuple[bytes, bytes, bytes]) -> None:
    body = b"".join(parts)
    changed = DIALECT.rewrite(DIALECT.read_request(body), "gpt-5-mini", ask_usage=False)
    assert changed == _with_model(body)
    assert strict_json.loads(changed) == {**strict_json.loads(body), "model": "gpt-5-mini"}


def _with_model(body: bytes) -> bytes:
    spellings = json.dumps(MODEL).encode(), json.dumps(MODEL, ensure_ascii=False).encode()
    (spelling,) = [each for each in spellings if each in body]
    assert body.count(spelling) == 1
    return body.replace(spelling, b'"gpt-5-mini"')


@settings(max_examples=150, deadline=None)
@given(parts=requests(), model=st.sampled_from([None, "gpt-5-mini"]))
def test_asking_for_usage_keeps_the_rest(parts: tuple[bytes, bytes, bytes], model: str | None) -> None:
    before, options, after = parts
    asked = DIALECT.read_request(b"".join(parts))
    changed = DIALECT.rewrite(asked, model, ask_usage=True)
    expected = {
        **asked.document,
        "stream_options": {**(asked.document.get("stream_options") or {}), "include_usage": True},
    }
    assert strict_json.loads(changed) == (expected if model is None else {**expected, "model": model})
    if model is not None:
        assert changed == _with_model(DIALECT.rewrite(asked, None, ask_usage=True))
    elif options:
        assert changed.startswith(before)
        assert changed.endswith(after)
    else:
        start = before.index(b"{") + 1
        assert changed == before[:start] + b'"stream_options":{"include_usage":true},' + before[start:]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            '{"metadata":{"stream_options":"mine"},"model":"a","messages":[{}],"stream":true}',
            '{"stream_options":{"include_usage":true},"metadata":{"stream_options":"mine"},"model":"a","messages":[{}],"stream":true}',
        ),
        (
            '{"model":"a","messages":[{}],"stream_options": {"include_usage" : false, "x":1e999} }',
            '{"model":"a","messages":[{}],"stream_options": {"include_usage" : true, "x":1e999} }',
        ),
        (
            '{"model":"a","messages":[{}],"stream_options":{"x":{"include_usage":"no"}}}',
            '{"model":"a","messages":[{}],"stream_options":{"include_usage":true,"x":{"include_usage":"no"}}}',
        ),
        (
            '{"model":"a","messages":[{}],"stream_options":{}}',
            '{"model":"a","messages":[{}],"stream_options":{"include_usage":true}}',
        ),
        (
            '{"model":"a","messages":[{}],"stream_options":null}',
            '{"model":"a","messages":[{}],"stream_options":{"include_usage":true}}',
        ),
        (
            '{"model":"a","messages":[{}],"stream_options":"odd"}',
            '{"model":"a","messages":[{}],"stream_options":"odd"}',
        ),
    ],
)
def test_usage_is_asked_for_in_its_place(old: str, new: str) -> None:
    assert DIALECT.rewrite(DIALECT.read_request(old.encode()), None, ask_usage=True).decode() == new


def test_nothing_asked_nothing_changed() -> None:
    body = b'{"model":"a","messages":[{}]}'
    assert DIALECT.rewrite(DIALECT.read_request(body), None, ask_usage=False) == body


@pytest.mark.parametrize("filler", ["x", "é", '\\"', "\\u00e9"])
def test_a_long_text_takes_no_memory_to_look_past(filler: str) -> None:
    """A 32 MiB body is allowed: a hundred bytes for each of its own would be the end of the process."""
    text = filler * (2_000_000 // len(filler))
    body = f'{{"messages":[{{"role":"user","content":"{text}"}}],"e":"\\u0041","model":"a"}}'.encode()
    asked = DIALECT.read_request(body)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert DIALECT.rewrite(asked, "b", ask_usage=False) == body[:-3] + b'b"}'
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000
