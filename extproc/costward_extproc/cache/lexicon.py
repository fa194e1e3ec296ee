"""The English words that the exact tier and the guards know by heart. Data only; `guards.py` says what they mean.

Words of number, measure and time are in `quantities.py`. Both lists hold what tells questions of daily work and support
apart, and follow no single test set. A word that is missing costs a wrong answer where the embedding is blind to it
too; a word too many costs a hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def _list(words: str) -> list[str]:
    return words.split()


def _contractions() -> Iterator[tuple[str, str]]:
    for verb in _list("is are was were do does did have has had could should would must need might"):
        yield f"{verb}n't", f"{verb} not"
        yield f"{verb}nt", f"{verb} not"
    for subject in _list("what where who how when why it that there here he she"):
        yield f"{subject}'s", f"{subject} is"
    for subject in _list("whats wheres whos hows thats theres"):
        yield subject, f"{subject[:-1]} is"
    for subject in _list("i you he she it we they that there what who"):
        yield f"{subject}'ll", f"{subject} will"
    for subject in _list("i you we they"):
        yield f"{subject}'ve", f"{subject} have"
    for subject in _list("you we they what who"):
        yield f"{subject}'re", f"{subject} are"
    yield from {
        "i'm": "i am",
        "im": "i am",
        "ive": "i have",
        "youre": "you are",
        "theyre": "they are",
        "let's": "let us",
        "can't": "can not",
        "cant": "can not",
        "cannot": "can not",
        "won't": "will not",
        "shan't": "shall not",
    }.items()


CONTRACTIONS = dict(_contractions())
"""Never `'d` (had or would), `ain't`, or the forms that are words of their own without the apostrophe (`its`, `were`,
`ill`, `well`, `wont`)."""


def _inflected(verb: str) -> Iterator[str]:
    """The regular forms of an English word, and a few that do not exist: they match nothing."""
    yield from (verb, f"{verb}s", f"{verb}es", f"{verb}ed", f"{verb}ing", f"{verb}{verb[-1]}ed", f"{verb}{verb[-1]}ing")
    if verb.endswith("e"):
        yield from (f"{verb}d", f"{verb[:-1]}ing")
    if verb.endswith("y"):
        yield from (f"{verb[:-1]}ied", f"{verb[:-1]}ies")


_OPPOSITES = (
    "enable activate reactivate / disable deactivate",
    "increase raise grow bigger larger higher increment enlarge / decrease reduce lower shrink smaller cut decrement",
    "maximum max maximise maximize highest largest biggest / minimum min minimise minimize lowest smallest least",
    "buy bought purchase / sell sold sale",
    "borrow / lend lent loan",
    "before prior pre within until / after following post",
    "cheap cheaper cheapest inexpensive affordable / expensive dear costly pricey priciest",
    "allow permit permitted let / deny forbid forbidden prohibit ban banned disallow block prevent",
    "grant give given gave / revoke withdraw withdrawn",
    "accept approve confirm / reject decline refuse",
    "win won winner / lose lost loser",
    "pass / fail failure",
    "with including / without excluding except",
    "include / exclude",
    "can able / cannot unable",
    "start begin began begun launch resume continue / stop end halt quit cancel pause finish terminate",
    "import upload / export download",
    "lock freeze / unlock unfreeze",
    "add insert append create attach install / remove delete erase detach uninstall drop",
    "open opened / close closed shut",
    "more / less fewer",
    "most / least",
    "best better good / worst worse bad",
    "advantage benefit pro pros strength upside / disadvantage drawback con cons weakness downside",
    "safe / unsafe dangerous risky harmful",
    "legal lawful allowed / illegal unlawful banned",
    "true right correct / false wrong incorrect",
    "first earliest oldest / last latest newest",
    "early earlier / late later",
    "new newer / old older used",
    "fast faster fastest quick quickly / slow slower slowest slowly",
    "hot hotter warm heat / cold colder cool",
    "high / low",
    "long longer longest / short shorter shortest",
    "big large / small little tiny",
    "light / dark heavy",
    "public / private hidden",
    "show display unhide visible / hide hidden invisible",
    "mute silence / unmute",
    "join enrol enroll register / leave left withdraw quit",
    "subscribe / unsubscribe",
    "hire / fire",
    "lender landlord employer seller teacher doctor / borrower tenant employee buyer student patient",
    "send sent / receive received",
    "deposit / withdraw withdrawal",
    "credit / debit",
    "profit gain / loss",
    "income revenue / expense cost",
    "arrive arrival arriving / depart departure departing",
    "departure depart / return",
    "push / pull",
    "read / write wrote written",
    "encrypt encode compress / decrypt decode decompress",
    "input / output",
    "client / server",
    "source / target destination",
    "sender / recipient receiver",
    "parent / child",
    "man men male boy husband father brother / woman women female girl wife mother sister",
    "adult / child children baby babies kid toddler",
    "inside indoor internal inbound incoming / outside outdoor external outbound outgoing",
    "above / below",
    "upper top / bottom",
    "left / right",
    "north / south",
    "east / west",
    "domestic / international",
    "weekday weekdays / weekend weekends",
    "full / empty",
    "full-time / part-time",
    "online / offline in-person in-store",
    "free / paid",
    "single / joint married",
    "positive / negative",
    "upgrade / downgrade",
    "success successful succeed / failure failed unsuccessful",
    "busy / quiet",
    "rich / poor",
    "strong / weak",
    "easy simple / hard difficult",
    "love like / hate dislike",
    "gain / lose",
    "always / never",
    "someone somebody anyone everyone / nobody",
    "compliant / noncompliant",
    "ascending / descending",
    "vertical / horizontal",
    "first-time / returning",
    "own / rent",
    "employed / self-employed unemployed",
    "save / spend",
    "attack / defend",
)
"""Each line: two sides of one scale. Words may stand on several."""


def _sides() -> dict[str, tuple[tuple[int, int], ...]]:
    sides: dict[str, tuple[tuple[int, int], ...]] = {}
    for scale, line in enumerate(_OPPOSITES):
        for side, words in enumerate(line.split(" / ")):
            for form in _forms(words.split()):
                if (scale, side) not in sides.get(form, ()):
                    sides[form] = (*sides.get(form, ()), (scale, side))
    return sides


def _forms(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield from _inflected(word)


SIDES = _sides()
"""Word -> the (scale, side) pairs it stands for."""

PARTICLES = {"off": "on", "out": "in", "down": "up", "under": "over"}
"""The telling particle of a phrasal verb -> its opposite, which is too common a word to tell anything by itself."""

OPPOSING_PREFIXES = (
    "un",
    "in",
    "im",
    "ir",
    "il",
    "dis",
    "non",
    "de",
    "anti",
    "mis",
    "un-",
    "non-",
    "re-",
    "de-",
    "anti-",
)

NEGATIONS = frozenset(
    _list(
        "not no never none nobody nothing nowhere neither nor without cannot hardly barely avoid avoiding prevent "
        "preventing prevented except excluding lack lacking unable fail fails failed failing refuse refuses "
        "refused nicht kein keine ohne pas sans jamais sin nunca senza nao nunca"
    )
)
"""English, and the plainest of the languages that share its letters."""

TENSES = {"is": "present", "are": "present", "am": "present", "was": "past", "were": "past"}

LANGUAGES = frozenset(
    _list(
        "english french german spanish italian portuguese dutch swedish norwegian danish finnish polish czech "
        "russian ukrainian greek turkish arabic hebrew persian farsi hindi bengali urdu tamil chinese mandarin "
        "cantonese japanese korean vietnamese thai indonesian malay swahili latin hungarian romanian bulgarian "
        "python java javascript typescript rust golang ruby php perl kotlin swift scala haskell matlab bash "
        "powershell sql markdown json yaml xml html csv latex"
    )
)
"""Languages an answer may be asked for in, of people and of machines: swapped, they ask for another answer."""

GENDERS = dict.fromkeys(_list("he him his himself"), "m") | dict.fromkeys(_list("she her hers herself"), "f")

ASKING = frozenset(_list("who whom whose what when where why how which"))
AUXILIARIES = frozenset(
    _list("is are am was were do does did can could will would should shall may might must has have had")
)
MEASURES = frozenset(_list("many long far old often tall big deep fast high heavy late early soon"))
"""After `how`: each asks for a thing of its own. `much` does not: `how much is it` is `what does it cost`."""

COMMON = frozenset(
    _list(
        "a an the this that these those my your our their his her its i you he she it we they me him us them of "
        "in on at by for from to with and or but if than then as is are am was were be been being do does did can "
        "could will would should shall may might must has have had who whom whose what when where why how which "
        "there here not no yes so please thanks any some all each every one ones many much more most very just "
        "also too only about into over out up down off get gets got need want know tell way ways steps possible "
        "use used using let like make makes go"
    )
)
"""Words that name nothing by themselves."""

DIRECTIONS = ("than", "to", "from", "into", "over", "with", "by", "before", "after", "for")
"""What stands after one of these and what stands before it are not interchangeable."""

SYMMETRIC = frozenset(
    _list(
        "connected related married close similar equal equivalent identical adjacent opposed friend sibling "
        "difference different compare compared comparison between versus vs distance and or"
    )
)
"""Beside one of these, `A … B` and `B … A` say the same."""

TIMELY = frozenset(
    _list(
        "today tonight tomorrow yesterday now nowadays currently latest newest recent recently upcoming breaking "
        "weather forecast news headlines traffic trending of date far moment present current this next last past "
        "coming time day days year until till left since ago still live score scores winning stock sale price "
        "prices rate rates cap status where track tracking"
    )
)
"""One of them is in every text that asks for something of today. Most texts hold none, and looking up a set is ten
times as fast as the pattern that decides."""
