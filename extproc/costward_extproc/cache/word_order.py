"""The guard against the same words in another order: an embedding of A to B is nearly that of B to A."""

from __future__ import annotations

from collections.abc import Sequence

from costward_extproc.cache import lexicon as lx
from costward_extproc.cache.facts import Facts, stem


def is_reversed(one: Facts, other: Facts) -> bool:
    """Whether the same words stand in another order that changes who does what to whom."""
    mine, yours = _genders(one), _genders(other)
    if (mine and yours and mine != yours) or list(one.numbers) != list(other.numbers):
        return True
    left, right = _content(one), _content(other)
    if lx.SYMMETRIC & set(left) & set(right):
        return False
    return (
        _swapped(left, right)
        or _voices_differ(left, right)
        or _voices_differ(right, left)
        or _names_swapped(one, other)
    )


def _content(facts: Facts) -> list[str]:
    """The telling words and the markers of direction, in their order."""
    return [stem(word) for word in facts.words if word in lx.DIRECTIONS or word not in lx.COMMON]


def _swapped(left: Sequence[str], right: Sequence[str]) -> bool:
    """`from A to B` and `from B to A`, `A better than B` and `B better than A`."""
    for marker in lx.DIRECTIONS:
        if marker not in left or marker not in right:
            continue
        before, after = _around(left, marker)
        before_too, after_too = _around(right, marker)
        if after != after_too and after in before_too and after_too in before:
            return True
    return False


def _around(words: Sequence[str], marker: str) -> tuple[Sequence[str], str]:
    at = words.index(marker)
    return words[:at], words[at + 1] if at + 1 < len(words) else ""


def _voices_differ(active: Sequence[str], passive: Sequence[str]) -> bool:
    """`did A sell B` and `was A sold by B`: who came before the doer must not be who it is done to."""
    if "by" not in passive or "by" in active:
        return False
    done_to, doer = _around(passive, "by")
    return doer in active and any(word in done_to for word in active[: active.index(doer)])


def _names_swapped(one: Facts, other: Facts) -> bool:
    mine, yours = (list(map(stem, facts.names)) for facts in (one, other))
    return (
        mine != yours
        and len(mine) > 1
        and sorted(mine) == sorted(yours)
        and "by" not in set(one.words) ^ set(other.words)
    )


def _genders(facts: Facts) -> list[str]:
    return [lx.GENDERS[word] for word in facts.words if word in lx.GENDERS]
