"""Which of two texts was asked first never decides, and no text makes a guard fail or dawdle."""

from __future__ import annotations

import time

import pytest
from costward_extproc.cache.guards import is_time_sensitive, veto
from hypothesis import example, given
from hypothesis import strategies as st

WORDS = """how what who is was not never turn on off in out enable disable from to by than Ann Bob Paris Berlin 5 -5 7
10482 two second half twenty million $5 5kg % monday next week he her french `x` "y" a@b.co /etc/x v2 + = . ? , and the
sold subscribe unsubscribe non-smoker can't don't US II"""
SENTENCES = st.lists(st.sampled_from(WORDS.split()), max_size=14).map(" ".join)


@given(SENTENCES, SENTENCES)
def test_symmetric(one: str, other: str) -> None:
    assert veto(one, other) == veto(other, one)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_judged(one: str, other: str) -> None:
    assert veto(one, other) == veto(other, one)


@given(st.text(max_size=200))
def test_a_text_never_differs_from_itself(text: str) -> None:
    assert veto(text, text) is None


@given(SENTENCES | st.text(max_size=80))
@example("is was")
@example("-")
@example("\u0250")
def test_blanks_around_change_nothing(text: str) -> None:
    assert veto(text, f" {text} ") is None


@pytest.mark.parametrize(
    "unit", ["a.", "v1.", "1.", "a@", "“", '"', "`", "- ", "not ", "twenty ", "A ", "a=", "/", "https://"]
)
def test_no_text_takes_long(unit: str) -> None:
    text = (unit * 2_048)[:2_048]
    began = time.process_time()
    veto(text, f"{text[:-1]}x")
    is_time_sensitive(text)
    # Hundredths of a second; what backtracks over such a text takes minutes.
    assert time.process_time() - began < 5
