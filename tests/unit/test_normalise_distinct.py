"""Signs that may carry meaning are never normalised away."""

from __future__ import annotations

import pytest
from costward_extproc.cache.normalise import normalise
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fakes.semantic_data import pairs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("is it -5", "is it 5"),
        ("is 1,000 much", "is 1.000 much"),
        ("what is 5!", "what is 5"),
        ("what is n!", "what is n"),
        ("what is x²", "what is x2"),
        ("what is 10²", "what is 102"),
        ("what is 5½", "what is 51/2"),
        ("learn C++", "learn C"),
        ("learn C#", "learn C"),
        ("what is .NET", "what is NET"),
        ("format C:", "format C"),
        ("a 5 Mb file", "a 5 MB file"),
        ("a 3 mW lamp", "a 3 MW lamp"),
        ("what is IT?", "what is it?"),
        ("do you ship to the US", "do you ship to the us"),
        ("open /etc/Hosts", "open /etc/hosts"),
        ("run `ls -A`", "run `ls -a`"),
        ("run `a  b`", "run `a b`"),
        ("fix ```\nif x:\n  y\n```", "fix ```\nif x:\ny\n```"),
        ("fix:\nif x:\n  y()\nz()", "fix:\nif x:\n  y()\n  z()"),
        ("x = Foo()", "x = foo()"),
        ("cd .", "cd .."),
        ('say "Polish"', 'say "polish"'),
        ("How do I say thank you", "How do I say please"),
        ("What does please mean", "What does thanks mean"),
        ("order AB-12", "order AB12"),
        ("is it refundable", "is it non-refundable"),
        ("is the door open", "is a door open"),
        ("good 👍", "good 👎"),
        ("a\tb\t\tc", "a\tb\tc"),
        ("\ud800", "\ud801"),
        ("a > b", "a < b"),
        ("please please me", "please me"),
    ],
)
def test_meaning_is_kept(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.integers(), st.integers())
def test_numbers_never_meet(one: int, other: int) -> None:
    assume(one != other)
    assert normalise(f"refund order {one} now") != normalise(f"refund order {other} now")


CODE = st.text(alphabet="aA bB()+-=.\n", min_size=1, max_size=30)


@given(CODE, CODE)
def test_code_blocks_are_kept_as_they_are(one: str, other: str) -> None:
    assume(one != other)
    assert normalise(f"Explain ```{one}```") != normalise(f"Explain ```{other}```")


def test_a_long_text_is_taken_as_it_is() -> None:
    assert normalise(f" {'Word. ' * 2_000}") == ("Word. " * 2_000).strip()


@pytest.mark.parametrize("name", ["fow_question_pairs", "checklist_qqp"])
def test_no_trap_is_the_same_text_as_its_twin(name: str) -> None:
    wrong = [pair for pair in pairs(name) if not pair.same and normalise(pair.asked) == normalise(pair.cached)]
    assert not wrong


def test_retyped_questions_are_recognised() -> None:
    served = sum(normalise(pair.asked) == normalise(pair.cached) for pair in pairs("fow_question_pairs") if pair.same)
    assert served >= 24
