"""A text's canonical form is its own form: what was stored under it is found by whoever types the form itself."""

from __future__ import annotations

import pytest
from costward_extproc.cache.normalise import normalise
from hypothesis import example, given
from hypothesis import strategies as st

PIECES = [
    "so",
    "Okay.",
    "What",
    "is",
    "was",
    "`x`",
    '"y"',
    "```\na\n```",
    "=",
    "\n",
    "\n  y",
    " ",
    "thanks",
    ", thanks",
    "5",
]
PIECES += ["don't", "“z”", "\uff02", "`", "'", "hi,", "x;", "{", "\t", "Mb", "please", "tell me", "!", "?"]


@given(st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
@example("`x` =")
@example('""\\')
@example("``{")
@example("```a```\n  y = 1\nz")
@example("so " * 20)
@example("! .THANKS")
def test_the_form_of_any_text_is_its_own_form(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Okay. What role will diet play?", "what role will diet play"),
        ("why is `x` = 5", "why is `x`    = 5"),
        ("fix `a`\n- (b): x = 1\n- `c`\n", "fix `a`\n- (b): x = 1\n- `c`"),
    ],
)
def test_what_takes_several_rounds_still_meets(typed: str, meant: str) -> None:
    assert normalise(typed) == normalise(meant)


def test_indents_after_a_fence_still_matter() -> None:
    assert normalise("```a```\n  y = 1\nz = 2") != normalise("```a```\ny = 1\nz = 2")
