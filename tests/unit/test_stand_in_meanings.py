"""The stand-in answers by meaning, and every other part of a request that matters changes its answer."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from costward_cli.stand_in.answers import Answer, answer, meaning_of
from costward_cli.stand_in.chat import ApiError, ChatRequest, parse
from costward_cli.stand_in.knowledge import Knowledge, everyday
from hypothesis import given
from hypothesis import strategies as st

KNOWLEDGE = Knowledge(everyday(), {"Is my card here yet": "card_arrival"})


def request(*messages: dict[str, Any], **more: Any) -> ChatRequest:
    return parse(orjson.dumps({"model": "gpt-5-mini", "messages": messages, **more}))


def said(text: str, *before: dict[str, Any], **more: Any) -> str:
    return answer(request(*before, {"role": "user", "content": text}, **more), KNOWLEDGE).text


def test_there_is_enough_to_talk_about() -> None:
    assert len(everyday()) >= 12
    assert [m.name for m in everyday() if len(m.wordings) < 5] == []


@pytest.mark.parametrize("meaning", everyday(), ids=lambda meaning: meaning.name)
def test_all_wordings_of_a_meaning_have_one_answer(meaning: Any) -> None:
    answers = {said(wording.replace("#", "10482")) for wording in meaning.wordings}
    assert len(answers) == 1
    assert {meaning_of(text) for text in answers} == {meaning.name}


def test_no_two_meanings_share_a_wording_or_an_answer() -> None:
    first = [said(meaning.wordings[0].replace("#", "7")) for meaning in everyday()]
    assert len(set(first)) == len(everyday())
    wordings = list(itertools.chain.from_iterable(meaning.wordings for meaning in everyday()))
    assert len(set(wordings)) == len(wordings)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I turn on dark mode?", "How do I turn off dark mode?"),
        ("How do I reset my password?", "How do I prevent my password from being reset?"),
        ("Where is the refund for order 10482?", "Where is the refund for order 10483?"),
        ("Convert 250 USD to EUR", "Convert 250 EUR to USD"),
    ],
)
def test_near_opposites_are_answered_differently(one: str, other: str) -> None:
    assert said(one) != said(other)


def test_numbers_of_the_question_are_in_the_answer() -> None:
    assert "10482" in said("Has my refund for order 10482 been approved?")
    assert "1,250.50" in said("Convert 1,250.50 USD to EUR")
    assert "42" in said("Something unheard of about 42")


@pytest.mark.parametrize(
    "before",
    [
        [{"role": "system", "content": "You are a pirate."}],
        [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}],
    ],
    ids=["system", "history"],
)
def test_the_context_changes_the_answer(before: list[dict[str, Any]]) -> None:
    assert said("When are you open?", *before) != said("When are you open?")


def test_an_image_changes_the_answer() -> None:
    def with_image(url: str) -> str:
        parts = [{"type": "text", "text": "When are you open?"}, {"type": "image_url", "image_url": {"url": url}}]
        return answer(request({"role": "user", "content": parts}), KNOWLEDGE).text

    assert len({with_image("a.png"), with_image("b.png"), said("When are you open?")}) == 3


def test_the_model_and_the_language_show() -> None:
    assert (
        "gpt-5-nano"
        in answer(parse(b'{"model": "gpt-5-nano", "messages": [{"role": "user", "content": "Hi"}]}'), KNOWLEDGE).text
    )
    assert said("When are you open?", {"role": "system", "content": "Answer in French."}).startswith("En français")


def test_labels_decide_where_they_are_given() -> None:
    assert meaning_of(said("Is my card here yet")) == "card_arrival"


def test_a_length_can_be_asked_for() -> None:
    assert said("repeat 5 words") == "word word word word word"


@given(st.text(alphabet=st.characters(categories=["L"]), min_size=12))
def test_an_unknown_question_is_not_quoted(text: str) -> None:
    assert text not in said(text)
    assert said(text) == said(text)
    assert meaning_of(said(text)) == "unknown"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 200)
    | st.sampled_from(["user", "object", "json_schema", "text", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "function", "name", "json_schema", "schema", "properties", "enum"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = ["messages", "stream", "stream_options", "n", "max_tokens", "tools", "tool_choice", "response_format"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_json_is_answered_or_refused_in_words(more: dict[str, Any]) -> None:
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "What is the weather like?"}], **more}
    words: dict[str, Any] = {}
    answered: Answer | None
    try:
        answered = answer(parse(orjson.dumps(body)), KNOWLEDGE)
    except ApiError as refusal:
        words = refusal.error
        answered = None
    assert answered is None or answered.text or answered.tool
    assert answered is not None or set(words) == {"message", "type", "param", "code"}
