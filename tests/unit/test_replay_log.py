"""A request log: every shape is read, every bad line is named without its text, none is fatal."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from costward_cli.problems import CliError
from costward_cli.replay.log import BadLine, Logged, parse_lines, read_log
from hypothesis import given
from hypothesis import strategies as st

SECRET = "my secret question"
BODY = {"model": "gpt-5", "messages": [{"role": "user", "content": SECRET}]}


def read(*rows: object) -> list[Logged | BadLine]:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return list(parse_lines(lines, "gpt-5-mini"))


def one(row: object) -> Logged:
    (item,) = read(row)
    assert isinstance(item, Logged)
    return item


def body(item: Logged) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item.body)
    return found


def test_a_bare_body_goes_as_it_is() -> None:
    item = one(BODY)

    assert body(item) == BODY
    assert (item.line, item.text, item.label, dict(item.headers)) == (1, SECRET, None, {})


def test_a_wrapped_body_brings_headers_and_label() -> None:
    item = one({"request": BODY, "headers": {"X-User-Id": "ada"}, "label": "refunds"})

    assert body(item) == BODY
    assert (item.label, dict(item.headers)) == ("refunds", {"x-user-id": "ada"})


def test_a_text_becomes_a_question_to_the_default_model() -> None:
    item = one({"text": SECRET, "label": 7})

    assert body(item) == {"model": "gpt-5-mini", "messages": [{"role": "user", "content": SECRET}]}
    assert (item.label, item.text) == ("7", SECRET)


def test_a_labelled_data_set_is_read_by_its_own_word() -> None:
    assert one({"id": "b77-1", "text": "x", "intent": "card_arrival"}).label == "card_arrival"


def test_headers_of_the_logged_connection_are_left_out() -> None:
    headers = {"Host": "h", "Content-Length": "3", "Accept-Encoding": "br", ":path": "/", "authorization": "Bearer k"}

    assert dict(one({"request": BODY, "headers": headers}).headers) == {"authorization": "Bearer k"}


def test_the_label_belongs_to_the_last_user_text() -> None:
    turns = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "yes"}]
    last = {"role": "user", "content": [{"type": "text", "text": "last"}]}

    assert one({"messages": [*turns, last]}).text == "last"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b'{"text": "my secret question', "is not JSON"),
        ([SECRET], "is not a JSON object"),
        ({"question": SECRET}, "has none of"),
        ({"request": SECRET}, "not an object"),
        ({"messages": SECRET}, "is no chat request"),
        ({"messages": [{"content": SECRET}]}, "must have a role"),
        ({"text": SECRET, "label": [1]}, "`label`"),
        ({"text": SECRET, "label": True}, "`label`"),
        ({"request": BODY, "headers": {"x": "a\nb"}}, "`headers`"),
        ({"request": BODY, "headers": [SECRET]}, "`headers`"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_bad_line_is_named_without_its_text(row: object, why: str) -> None:
    good, bad = read({"text": "hello"}, row)

    assert isinstance(good, Logged)
    assert isinstance(bad, BadLine)
    assert bad.line == 2
    assert why in bad.why
    assert SECRET not in bad.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
ROWS = st.dictionaries(st.sampled_from(["request", "messages", "text", "label", "headers", "model", "n", "x"]), JSON)


@given(st.lists(st.binary() | ROWS.map(lambda row: json.dumps(row).encode())))
def test_no_line_stops_the_reading(lines: list[bytes]) -> None:
    items = list(parse_lines(lines, "gpt-5-mini"))

    assert len(items) == sum(bool(line.strip()) for line in lines)
    assert all(isinstance(item, BadLine) or json.loads(item.body)["messages"] for item in items)


def test_the_limit_counts_requests_and_not_lines(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"text": "a"}\nnonsense\n\n{"text": "b"}\n{"text": "c"}\n')

    logged, bad = read_log(file, "m", limit=2)

    assert [item.line for item in logged] == [1, 4]
    assert [item.line for item in bad] == [2]


def test_a_packed_log_is_read(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"text": "a"}\n'))

    assert len(read_log(file, "m")[0]) == 1


@pytest.mark.parametrize("content", [None, b"", b"nonsense\n"])
def test_a_log_without_requests_says_how_to_write_one(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "log.jsonl"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CliError, match="how to mend: "):
        read_log(file, "m")
