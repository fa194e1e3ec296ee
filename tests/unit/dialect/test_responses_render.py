"""A stored response comes out as the provider would have sent it: as JSON, or as events that add up to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.base import Asked
from costward_extproc.dialects.openai_responses import OpenAIResponses
from costward_extproc.dialects.openai_responses_answer import read_stream
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.responses_fixtures import message, response

DIALECT = OpenAIResponses()


def _asked(**members: Any) -> Asked:
    return DIALECT.read_request(json.dumps({"model": "gpt-5", "input": "Hi", "store": False, **members}).encode())


def _events(body: bytes) -> list[dict[str, Any]]:
    events = body.decode().split("\n\n")
    assert events.pop() == ""
    found = []
    for event in events:
        first, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert first == f"event: {found[-1]['type']}"
    return found


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)
    | st.text(" \n\t`ab", min_size=1, max_size=30)
    | st.sampled_from(["\0number", "\0piece", '"\\u0000number"', "data: x\n\n"])
)
def test_the_events_add_up_to_the_answer(text: str) -> None:
    stored = json.dumps(response(message(text), message("Second.", "msg_2"))).encode()
    rendered = DIALECT.render_answer(stored, _asked(stream=True, metadata={"run": "mine"}), "x1", 5)
    reading = read_stream(rendered.body)
    assert reading.storable is not None
    expected = {
        **json.loads(stored),
        "id": "resp_x1",
        "created_at": 5,
        "completed_at": 5,
        "metadata": {"run": "mine"},
    }
    assert json.loads(reading.storable) == expected
    assert reading.text_seen == text + "Second."


def test_the_order_of_events_is_the_providers() -> None:
    body = DIALECT.render_answer(json.dumps(response(message("one two"))).encode(), _asked(stream=True), "x1", 5).body
    events = _events(body)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    begun = events[0]["response"]
    assert (begun["id"], begun["status"], begun["output"], begun["usage"]) == ("resp_x1", "in_progress", [], None)
    assert events[4]["delta"] == "one"
    assert {event["item_id"] for event in events if "item_id" in event} == {"msg_1"}


def test_as_json_only_what_is_the_exchanges_own_is_new() -> None:
    stored = json.dumps(response(user="theirs", prompt_cache_key="theirs")).encode()
    rendered = DIALECT.render_answer(stored, _asked(user="mine"), "x1", 5)
    assert rendered.content_type == "application/json"
    own = {
        "id": "resp_x1",
        "created_at": 5,
        "completed_at": 5,
        "metadata": {},
        "user": "mine",
        "prompt_cache_key": None,
    }
    assert json.loads(rendered.body) == {**json.loads(stored), **own}


@pytest.mark.parametrize(("members", "id"), [({"store": False}, "resp_x1"), ({"store": None}, "resp_1")])
def test_an_answer_that_the_provider_stores_keeps_the_id_by_which_it_may_be_gone_on_from(
    members: dict[str, Any], id: str
) -> None:
    rendered = DIALECT.render_answer(json.dumps(response()).encode(), _asked(**members), "x1", 5)
    assert json.loads(rendered.body)["id"] == id


@pytest.mark.parametrize("text", ['Say "no"\n\\', "½ €", "data: [DONE]\n\n", ""])
def test_our_own_words(text: str) -> None:
    whole = DIALECT.render_text(text, _asked(), "x1", 5)
    assert json.loads(whole.body)["output"][0]["content"][0]["text"] == text
    streamed = read_stream(DIALECT.render_text(text, _asked(stream=True), "x1", 5).body)
    assert (streamed.complete, streamed.text_seen) == (True, text)


def test_an_error_has_the_four_members_that_sdks_require() -> None:
    rendered = DIALECT.render_error("Over", "insufficient_quota", "budget_exceeded", {"cap": "c"})
    error = json.loads(rendered.body)["error"]
    assert error == {
        "message": "Over",
        "type": "insufficient_quota",
        "param": None,
        "code": "budget_exceeded",
        "details": {"cap": "c"},
    }
