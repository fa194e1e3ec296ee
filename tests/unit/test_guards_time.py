"""Questions whose right answer changes by itself are told apart from timeless ones."""

from __future__ import annotations

import pytest
from costward_extproc.cache.guards import is_time_sensitive


@pytest.mark.parametrize(
    "text",
    [
        "What's the weather in Paris?",
        "latest news on Mars",
        "What is the price of gold?",
        "Tesla stock price",
        "USD exchange rate",
        "Who is currently the CEO?",
        "who is the current president",
        "Are you open today?",
        "What time is it in Tokyo?",
        "what\u2019s the date",
        "How many days until Christmas",
        "events this week",
        "Who is winning",
        "Where is my order?",
        "is it open NOW?",
    ],
)
def test_a_timely_question_is_seen(text: str) -> None:
    assert is_time_sensitive(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I reset my password?",
        "What is the capital of France?",
        "How do I open a current account?",
        "Do you know how photosynthesis works?",
        "Explain knowledge graphs",
        "What is a newsletter?",
        "Where do bees live?",
        "What is the time complexity of quicksort?",
    ],
)
def test_a_timeless_one_is_not(text: str) -> None:
    assert not is_time_sensitive(text)
