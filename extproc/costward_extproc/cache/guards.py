"""The second decision of the semantic tier: two texts may be near and still ask for different answers.

An embedding puts `turn on` beside `turn off` and order 10482 beside 10483. Each rule here compares one kind of fact
and vetoes where the two texts differ; what cannot be told apart is vetoed too. A veto costs a call upstream, a missed
one an answer that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from costward_extproc.cache import lexicon as lx
from costward_extproc.cache.facts import Facts, facts_of, stem
from costward_extproc.cache.word_order import is_reversed

_LATIN_ENOUGH = re.compile(r"[\x00-\u024f\u1e00-\u1eff\u2000-\u2bff\ufe00-\ufe0f\U0001f000-\U0001faff]*")
"""Latin letters, punctuation, currency and other signs, emoji."""


def veto(asked: str, cached: str) -> str | None:
    """Why the answer to `cached` must not serve `asked`, or None. Symmetric.

    Pure, about 100 µs for two texts of 100 characters. Reasons: ids, code, language, numbers, dates, negation,
    polarity, question, entities, order.
    """
    asked, cached = asked.strip(), cached.strip()
    if asked == cached:
        return None
    if not (_LATIN_ENOUGH.fullmatch(asked) and _LATIN_ENOUGH.fullmatch(cached)):
        # The model and the words below are English: nothing here can vouch for another script.
        return "language"
    one, other = facts_of(asked), facts_of(cached)
    for reason, differs in _RULES:
        if differs(one, other):
            return reason
    return None


def is_time_sensitive(text: str) -> bool:
    """Whether the right answer changes by itself: `latest`, `this week`, weather, prices, scores."""
    words = _WORD.findall(text.lower())
    return not lx.TIMELY.isdisjoint(words) and _TIME_SENSITIVE.search(text) is not None


_WORD = re.compile(r"[a-z]+")

_TIME_SENSITIVE = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|now|nowadays|currently|latest|newest|recent|recently|upcoming|breaking"
    r"|weather|forecast|news|headlines|traffic|trending|as of|up[- ]to[- ]date|so far|at (?:the moment|present)"
    r"|current(?! accounts?\b)"
    r"|(?:this|next|last|past|coming) (?:\w+ )?(?:hour|day|night|week|weekend|month|quarter|year|season|morning"
    r"|afternoon|evening|monday|tuesday|wednesday|thursday|friday|saturday|sunday)s?"
    r"|(?:what|which) (?:time|day|date|year) is it"
    r"|what(?:'s|\u2019s|s| is) the (?:time|date|year)(?=\W*\Z| (?:in|now|there|right)\b)"
    r"|days? (?:until|till|left|since)|how long (?:until|till|ago)|still (?:open|available|in stock|alive|valid)"
    r"|live (?:scores?|stream|updates?)|scores? of|who is winning|in stock|on sale"
    r"|(?:stock|share|crypto|bitcoin|btc|ethereum|eth|gold|silver|oil|gas|petrol|fuel|house) prices?"
    r"|prices? of (?:bitcoin|btc|ethereum|eth|gold|silver|oil|gas|petrol|fuel)"
    r"|(?:exchange|interest|mortgage|inflation|unemployment) rates?|market cap"
    r"|status of|where is my|track(?:ing)? my)\b",
    re.IGNORECASE,
)
"""Fails closed: a word too many sends a timeless question upstream, one too few serves yesterday's weather."""


def _code(one: Facts, other: Facts) -> bool:
    return one.code != other.code


def _language(one: Facts, other: Facts) -> bool:
    return _texts(one) & lx.LANGUAGES != _texts(other) & lx.LANGUAGES


def _ids(one: Facts, other: Facts) -> bool:
    return one.ids != other.ids


def _numbers(one: Facts, other: Facts) -> bool:
    if one.numbers.keys() != other.numbers.keys():
        return True
    pairs = ((units, other.numbers[value]) for value, units in one.numbers.items())
    return any(mine and yours and mine.isdisjoint(yours) for mine, yours in pairs)


def _dates(one: Facts, other: Facts) -> bool:
    mine, yours = _tense(one), _tense(other)
    return one.dates != other.dates or (mine != yours and mine | yours == {"past", "present"})


def _tense(facts: Facts) -> set[str]:
    """`is he` and `was he` have two answers, and so has `did he use to`."""
    if "did" in facts.words and not {"use", "used"}.isdisjoint(facts.words):
        return {"past"}
    # Later ones belong to some side clause.
    return {lx.TENSES[word] for word in facts.words[:3] if word in lx.TENSES}


def _negation(one: Facts, other: Facts) -> bool:
    mine, yours = list(_negated(one.words)), list(_negated(other.words))
    return len(mine) != len(yours) or (bool(mine) and set(mine).isdisjoint(yours))


def _negated(words: Sequence[str]) -> Iterator[str]:
    """The next telling word after each negation."""
    for at, word in enumerate(words):
        if word in lx.NEGATIONS:
            if negated := next((later for later in words[at + 1 :] if later not in lx.COMMON), None):
                yield stem(negated)
        elif word.startswith("non-"):
            yield stem(word[4:])


def _polarity(one: Facts, other: Facts) -> bool:
    mine, yours = _texts(one), _texts(other)
    return _sides_differ(mine, yours) or _particles_differ(mine, yours) or _prefixes_differ(mine, yours)


def _sides_differ(mine: set[str], yours: set[str]) -> bool:
    left, right = _scales(mine - yours), _scales(yours - mine)
    both = _scales(mine & yours)
    return any(sides != right[scale] for scale, sides in left.items() if scale in right) or any(
        sides != both[scale] for new in (left, right) for scale, sides in new.items() if scale in both
    )


def _scales(texts: set[str]) -> dict[int, set[int]]:
    scales: dict[int, set[int]] = {}
    for text in texts:
        for scale, side in lx.SIDES.get(text, ()):
            scales.setdefault(scale, set()).add(side)
    return scales


def _particles_differ(mine: set[str], yours: set[str]) -> bool:
    for telling, usual in lx.PARTICLES.items():
        if (telling in mine) != (telling in yours) and usual in mine | yours:
            return True
    return False


def _prefixes_differ(mine: set[str], yours: set[str]) -> bool:
    left, right = mine - yours - lx.COMMON, yours - mine - lx.COMMON
    return _prefixed(left, right) or _prefixed(right, left)


def _prefixed(plain: set[str], opposed: set[str]) -> bool:
    """`subscribe` here and `unsubscribe` there."""
    return any(prefix + word in opposed for word in plain for prefix in lx.OPPOSING_PREFIXES)


def _question(one: Facts, other: Facts) -> bool:
    mine, yours = _kind(one), _kind(other)
    return mine != yours and "" not in (mine, yours) and frozenset((mine, yours)) not in _SAME_QUESTION


_SAME_QUESTION = frozenset(
    frozenset(pair.split())
    for pair in ("how what", "what which", "how much", "what much", "how whether", "what whether", "which whether")
)
"""`How do I reset it` and `what are the steps to reset it` are one question; `where` and `when` are not."""

_TIMES = frozenset({"time", "date", "day", "year", "month"})
"""`What time` asks when."""
_REASONS = frozenset({"reason", "reasons", "cause", "causes"})
"""`What causes` and `what is the main reason` ask why."""


def _kind(facts: Facts) -> str:
    """What is asked for: an interrogative, a measure (`how many`), `whether`, or nothing that can be told."""
    texts = facts.words
    for at, text in enumerate(texts):
        if text in lx.ASKING:
            return _asked(text, texts[at + 1 : at + 5])
    return "whether" if texts and texts[0] in lx.AUXILIARIES else ""


def _asked(word: str, following: Sequence[str]) -> str:
    after = following[0] if following else ""
    if word == "how":
        return "why" if after == "come" else after if after in lx.MEASURES or after == "much" else "how"
    if word in ("what", "which"):
        return "when" if after in _TIMES else word if _REASONS.isdisjoint(following) else "why"
    return "who" if word.startswith("who") else word


def _entities(one: Facts, other: Facts) -> bool:
    if one.quoted != other.quoted:
        return True
    if not one.cased and not other.cased:
        return _one_word_swapped(one, other)
    return _unmatched_name(one, other) or _unmatched_name(other, one)


def _one_word_swapped(one: Facts, other: Facts) -> bool:
    """Without capitals any word may be the name: `capital of france` and `capital of spain`."""
    mine, yours = ({stem(word) for word in facts.words if word not in lx.COMMON} for facts in (one, other))
    return len(mine - yours) == 1 == len(yours - mine)


def _unmatched_name(one: Facts, other: Facts) -> bool:
    there = set(map(stem, other.words))
    return any(stem(name) not in there for name in one.names)


def _texts(facts: Facts) -> set[str]:
    return set(facts.words)


_RULES: tuple[tuple[str, Callable[[Facts, Facts], bool]], ...] = (
    ("ids", _ids),
    ("code", _code),
    ("language", _language),
    ("numbers", _numbers),
    ("dates", _dates),
    ("negation", _negation),
    ("polarity", _polarity),
    ("question", _question),
    ("entities", _entities),
    ("order", is_reversed),
)
