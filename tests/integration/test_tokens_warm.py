"""A tokenizer has split its first word before it is given to anybody: that takes longer than an exchange may."""

from __future__ import annotations

from costward_extproc.adapters.tokens import SplintrTokens


def test_a_word_that_is_no_token_was_split_already() -> None:
    # Only words that had to be split are remembered.
    assert SplintrTokens().remembered == 1
