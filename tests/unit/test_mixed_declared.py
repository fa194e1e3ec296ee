"""What a rewritten exchange may lack when the process that had rewritten it was killed, and what no exchange may."""

from __future__ import annotations

import pytest

from tests.fakes.mixed_books import is_of_our_edits


@pytest.mark.parametrize(
    "difference", ["the answer's body: byte 7 of 9", "the provider saw another body", "26 bytes of 1891 were held back"]
)
def test_what_died_with_our_edits_is_declared(difference: str) -> None:
    assert is_of_our_edits(difference)


@pytest.mark.parametrize("difference", ["status 500 instead of 200", "a header more", "it ended early"])
def test_all_else_is_not(difference: str) -> None:
    assert not is_of_our_edits(difference)
