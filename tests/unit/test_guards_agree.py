"""Paraphrases pass every guard: a guard that vetoes all is worth as little as one that vetoes nothing."""

from __future__ import annotations

import pytest
from costward_extproc.cache.guards import veto


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "What are the steps to reset my password?"),
        ("How do I reset my password?", "how can i reset my password"),
        ("How do I change the email address on my account?", "How can I update my account's email address?"),
        ("How do I cancel my subscription?", "What is the way to cancel my subscription?"),
        ("When does the autumn term start?", "When does the autumn term begin?"),
        ("Who wrote Wuthering Heights?", "Who's the author of Wuthering Heights?"),
        ("I can't log in to my account", "I cannot log in to my account"),
        ("What is 15% of 200?", "how much is 15 percent of 200"),
        ("Track order 48213", "What's the status of order number 48213?"),
        ("Transfer £50 to my savings", "Move fifty pounds to my savings"),
        ("1,000 users", "1000 users"),
        ("Who won the World Cup in 2014?", "Who won the 2014 World Cup?"),
        ("Do you deliver on Mondays?", "Is delivery possible on Monday?"),
        ("How do I set up voicemail on my iPhone?", "On my iPhone, how do I set up voicemail?"),
        ("What documents do I need to open a joint account?", "To open a joint account, what documents do I need?"),
        ("Did Ann sell the house?", "Was the house sold by Ann?"),
        ("What is the difference between cats and dogs?", "What is the difference between dogs and cats?"),
        ("Is Ann married to Bob?", "Is Bob married to Ann?"),
        ("why does `foo()` fail", "what is the reason that `foo()` fails"),
        ("What time is it at noon?", "When is it at noon?"),
    ],
)
def test_a_paraphrase_passes(one: str, other: str) -> None:
    assert veto(one, other) is None
