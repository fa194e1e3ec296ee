"""What an exchange is taken to have used that never told its usage: in the mean as others of its kind did.

Most providers tell at an answer's end only how much of the input they had cached and how much they thought before the
first word, and an exchange that is given up has no end. A mean is wrong for each of them and right for their sum, which
is all that a cap and a bill look at. Where nothing is known yet, nothing is taken off and nothing added.
"""

from __future__ import annotations

from costward_extproc.core.case import Case
from costward_extproc.core.ledger import Habit, Told
from costward_extproc.core.money import Usage

_LEAST, _MOST = 0.5, 2.0
"""What providers told of an input in parts of what we count: tokenizers differ by a half at most. A provider that tells
next to nothing of long prompts, as some gateways do, must not make the exchanges free that never told."""


def taken_in(case: Case) -> Usage:
    """The input alone, as the provider is likely to have counted it."""
    habit = _habit(case)
    if habit is None:
        return Usage(input=case.tokens, estimated=True)
    tokens = round(case.tokens * min(max(habit.input, _LEAST), _MOST))
    cached = min(round(tokens * habit.cached), tokens)
    return Usage(
        input=tokens,
        cached_input=cached,
        cache_write=min(round(tokens * habit.written), tokens - cached),
        cache_write_1h=min(round(tokens * habit.written_1h), tokens - cached),
        estimated=True,
    )


def hidden(case: Case) -> int:
    """Output tokens that were made before the first one that is seen. As many as others have in the mean, not a share
    of what was seen: a model has thought to the end before it begins to speak, however soon its caller leaves then."""
    habit = _habit(case)
    return round(habit.hidden) if habit is not None else 0


def lesson(case: Case, usage: Usage, seen: int) -> Told:
    """What a whole exchange teaches, of whose output so many tokens were `seen`: thinking that passed is not hidden."""
    written = min(usage.cache_write, usage.input)
    return Told(
        counted=case.tokens,
        input=usage.input,
        cached=min(usage.cached_input, usage.input - written),
        written=written,
        written_1h=min(usage.cache_write_1h, written),
        hidden=min(usage.reasoning, max(usage.output - seen, 0)),
    )


def _habit(case: Case) -> Habit | None:
    return case.position.habit if case.position is not None else None
