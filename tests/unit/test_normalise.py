"""Texts that differ only in how they were typed have one canonical form."""

from __future__ import annotations

import pytest
from costward_extproc.cache.normalise import normalise
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("  How do I\treset my password?  ", "How do I\treset my password?"),
        ("HOW DO I RESET MY PASSWORD", "how do i reset my password?"),
        ("do you sell gift vouchers??", "Do you sell gift vouchers?"),
        ("How do I top up  my pay-as-you-go SIM ?", "how do i top up my pay-as-you-go SIM"),
        ("Can I bring wine ?!", "can i bring wine"),
        ("What\u2019s the price", "what is the price"),
        ("whats the price", "What's the price?"),
        ("I don't know", "i do not know"),
        ("I cannot log in", "I can't log in"),
        ("\uff24\uff4f you \ufb01nd it", "do you find it"),
        ("Hello, where can I park?", "where can I park?"),
        ("Hi team, where can I park? Thank you!", "where can I park?"),
        ("Sorry to bother you, but where can I park?", "Where can I park?"),
        ("um so where can I park", "where can I park"),
        ("so whats the price", "What's the price"),
        ("Could you tell me where I can park, please?", "where I can park?"),
        ("Please explain TCP.", "explain tcp"),
        ("Is 10482 my order?", "is 10482 my order"),
    ],
)
def test_typing_is_dropped(typed: str, meant: str) -> None:
    assert normalise(typed) == normalise(meant)


@pytest.mark.parametrize("text", ["Thanks!", "Hello", "please", "?!", "...", "um, so"])
def test_a_text_of_nothing_but_courtesy_keeps_something(text: str) -> None:
    assert normalise(text)


ROUTER = ["how", "do", "we", "reset", "the", "router", "password", "when", "it", "blinks", "red"]
WORDS = st.lists(st.sampled_from(ROUTER), min_size=1, max_size=12)


@given(WORDS, st.sampled_from(["", "?", "!", ".", " ?", "..."]), st.sampled_from([" ", "  ", "\u00a0"]))
def test_case_blanks_and_closing_signs_never_matter(words: list[str], closing: str, blank: str) -> None:
    assert normalise(blank.join(words).upper() + closing) == normalise(" ".join(words))


@given(st.text(max_size=300))
def test_every_text_has_a_form_that_can_be_hashed(text: str) -> None:
    form = normalise(text)
    assert form.encode("utf-8") or not text.strip()


@given(st.text(alphabet="ab C1.,?!'-+2$%()", max_size=60))
def test_the_form_of_prose_is_its_own_form(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
