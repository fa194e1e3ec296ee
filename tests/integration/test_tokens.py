"""Token counts are o200k's own, of any text, in bounded memory."""

from __future__ import annotations

import pytest
from costward_extproc.adapters.tokens import SplintrTokens


@pytest.fixture(scope="module")
def tokens() -> SplintrTokens:
    return SplintrTokens()


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("hello world", 2), ("How do I reset my password?", 7), ("\U0001f600", 1), ("<|endoftext|>", 7)],
)
def test_known_counts(tokens: SplintrTokens, text: str, count: int) -> None:
    assert tokens.count(text) == count


def test_half_a_surrogate_pair_counts_as_the_sign_for_unreadable(tokens: SplintrTokens) -> None:
    assert tokens.count("a \ud800 b") == tokens.count("a \ufffd b")
    assert tokens.count("\ud83d\ude00") == tokens.count("\U0001f600")


def test_what_is_remembered_of_long_words_is_forgotten_again() -> None:
    tokens = SplintrTokens(cached_characters=100_000)
    for seed in range(15):
        tokens.count("".join(chr(97 + (seed * place * place + place) % 26) for place in range(5_000)))
    assert tokens.remembered >= 10
    tokens.count(" " * 100_000)
    assert tokens.remembered <= 1
