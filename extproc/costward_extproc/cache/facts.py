"""What a text states that an embedding is nearly blind to: numbers, dates, ids, negations, sides, names, order.

The guards compare the facts of two texts and never the texts themselves. English only, and by surface: no parser is
small enough for the request path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from costward_extproc.cache import lexicon as lx
from costward_extproc.cache import quantities

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`]*`", re.DOTALL)
_QUOTED = re.compile(r""""([^"\n]+)"|“([^“”\n]+)”|(?<!\w)['\u2018]([^'\u2018\u2019\n]+)['\u2019](?!\w)""")
_ID = re.compile(
    r"[a-z][a-z0-9+.-]{0,30}://[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]"  # URL
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"  # UUID
    r"|\b[a-z]:\\[^\s\"']+"  # Windows path
    r"|(?<![\w/])[~.]{0,2}/(?:[\w@.+-]+/)*[\w@.+-]*[\w@+-]"  # Unix path
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.[a-z]{2,4}(?:/[\w./?=&%#-]*)?\b"  # host or file name
    r"|(?<![\w.])v?\d+(?:\.\d+){2,}[\w.-]*|(?<![\w.])v\d+(?:\.\d+)*\b"  # version
    r"|[#@][\w-]*\w"  # ticket, handle
    r"|(?<!\S)--?[a-z][\w-]*(?:=\S+)?"  # option
    r"|[a-z]\+\+|[a-z]#(?!\w)|(?<!\w)\.net\b",  # languages that are all punctuation
    re.IGNORECASE,
)
_OPERATOR = re.compile(r"[+*/=<>^|\u00d7÷≤≥≠→←]|\s-\s")
_EXPRESSION = re.compile(
    r"(?:(?<![\w.)\]])[\w.)\]]++|(?<=[\w.])[)\]][\w.)\]]{0,64}+)?"
    r"(?:(?<!\s)\s+)?(?:[+*/=<>^|\u00d7÷≤≥≠→←-]+|\s-\s)\s*-?[\w.(\[]*"
)
"""What stands before an operator is looked for from its beginning alone, or from the bracket that ended a match: from
each of its characters, a word of 16 kB took six seconds."""
_MAY_HOLD_ID = re.compile(r"[/@\\#+_\d]|\.\w|(?:^|\s)-")
"""Most texts hold none, and to look for each kind takes longer than all the rest."""
_MAY_QUOTE = re.compile(r"""["“\u2018]|(?<!\w)'""")

_TOKEN = re.compile(
    r"((?<![\w.])[-\u2212])?([$€£¥₹])?"  # sign, currency
    r"(?<![^\W\d_])(\d(?:[\d,.:/-]*\d)?)([^\W\d_]+|[%°]\w?)?"  # number, suffix
    r"|([^\W_]+(?:['\u2019-][^\W_]+)*)"  # word
    r"|([.!?\n])"  # what ends a sentence
)
_DIGIT = re.compile(r"\d")
_LONG = 5
"""Digits from which a bare number is taken for an id; only the reason's name depends on it."""
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_ORDINAL_SUFFIXES = frozenset({"st", "nd", "rd", "th"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What one text states. Sets where repetition says nothing."""

    words: tuple[str, ...]
    """In order, lower case, contractions opened, without the possessive."""
    names: tuple[str, ...]
    """Those of `words` that were written as names: with a capital that no beginning of a sentence explains."""
    cased: bool
    """Whether capitals were used at all; without them names cannot be told from other words."""
    numbers: Mapping[str, frozenset[str]]
    """Value -> the units it was seen with."""
    ids: frozenset[str]
    dates: frozenset[str]
    code: tuple[str, ...]
    """Code blocks, inline code, then what stands around operators, in order."""
    quoted: frozenset[str]


class _Reading:
    """What has been read of a text so far."""

    def __init__(self, ids: set[str]) -> None:
        self.words: list[str] = []
        self.names: list[str] = []
        self.numbers: dict[str, set[str]] = {}
        self.ids = ids


def facts_of(text: str) -> Facts:
    """Pure, about 40 µs for 100 characters."""
    code: tuple[str, ...] = ()
    if "`" in text or "~~~" in text:
        code = tuple(block.strip("`~ \n") for block in _CODE.findall(text))
        text = _CODE.sub(" ", text)
    if _OPERATOR.search(text):
        code += tuple("".join(found.casefold().split()) for found in _EXPRESSION.findall(text))
    read = _Reading({found.casefold() for found in _ID.findall(text)} if _MAY_HOLD_ID.search(text) else set())
    _read(text, read)
    _spelled(read)
    return Facts(
        words=tuple(read.words),
        names=tuple(read.names),
        cased=text != text.lower(),
        numbers={value: frozenset(units) for value, units in read.numbers.items()},
        ids=frozenset(read.ids),
        dates=_dates(read),
        code=code,
        quoted=_quoted(text),
    )


def _quoted(text: str) -> frozenset[str]:
    if not _MAY_QUOTE.search(text):
        return frozenset()
    return frozenset(" ".join((a or b or c).casefold().split()) for a, b, c in _QUOTED.findall(text))


def _read(text: str, read: _Reading) -> None:
    tokens = _TOKEN.findall(text)
    starts = True
    for at, (sign, currency, number, suffix, word, _) in enumerate(tokens):
        if word:
            _word(word, starts, read)
        elif number:
            following = tokens[at + 1][4].lower() if at + 1 < len(tokens) else ""
            _number(f"{'-' if sign else ''}{number}", (currency, suffix.lower(), following), read)
        starts = not word and not number


def _word(written: str, starts: bool, read: _Reading) -> None:
    plain = written.lower()
    if not plain.isalpha():
        plain = _compound(plain, read)
    if plain in lx.CONTRACTIONS:
        read.words += lx.CONTRACTIONS[plain].split()
        return
    read.words.append(plain)
    if written.islower() or plain in lx.COMMON or (starts and written[1:].lower() == written[1:]):
        return
    read.names.append(plain)
    if written in quantities.ROMAN:
        read.numbers.setdefault(str(quantities.ROMAN[written]), set())


def _compound(plain: str, read: _Reading) -> str:
    plain = plain.replace("\u2019", "'")
    if _DIGIT.search(plain):
        read.ids.add(plain)
    return plain.removesuffix("'s").removesuffix("'") if plain not in lx.CONTRACTIONS else plain


def _number(value: str, marks: tuple[str, str, str], read: _Reading) -> None:
    """A number in digits. `marks`: the currency before it, the letters grown onto it, the word after it."""
    currency, suffix, following = marks
    before = read.words[-1] if read.words else ""
    if _THOUSANDS.fullmatch(value):
        value = value.replace(",", "")
    if suffix in _ORDINAL_SUFFIXES:
        value, suffix = f"{value}th", ""
    units = read.numbers.setdefault(value.removesuffix(":00"), set())
    # A currency's code may come first (`USD 250`); shorter units before a number belong to something else.
    around = (currency, suffix, "" if suffix else following, before if len(before) == 3 else "")
    units.update(quantities.UNITS[mark] for mark in around if mark in quantities.UNITS)
    if suffix and suffix not in quantities.UNITS:
        read.ids.add(value + suffix)
    if before in quantities.ID_NOUNS or (value.isdigit() and len(value) >= _LONG and not units):
        read.ids.add(value)


def _dates(read: _Reading) -> frozenset[str]:
    found = set()
    previous = ""
    for word in read.words:
        if word in quantities.DATES and (word != "may" or word in read.names):
            found.add(quantities.DATES[word])
        if previous in quantities.RELATIVES and word.removesuffix("s") in quantities.PERIODS:
            found.add(f"{previous} {word}")
        previous = word
    return frozenset(found)


def _spelled(read: _Reading) -> None:
    """Number words into the numbers: `twenty five`, `two hundred`, `third`, `half`. `one` counts nothing alone."""
    total: int | None = None
    for word in (*read.words, ""):
        for part in word.split("-") if "-" in word else (word,):
            if part not in quantities.NUMERALS and total is None:
                continue
            step = _step(total, part)
            if step is None and total is not None and total != 1:
                read.numbers.setdefault(str(total), set()).update(
                    {quantities.UNITS[part]} if part in quantities.UNITS else ()
                )
            total = step
            if part in quantities.NUMERALS and step is None:
                read.numbers.setdefault(quantities.NUMERALS[part], set())


def _step(total: int | None, word: str) -> int | None:
    """The number read so far, or None where the word ends one or is none."""
    if word in quantities.CARDINALS:
        return (total or 0) + quantities.CARDINALS[word]
    if word in quantities.SCALES and total is not None:
        return total * quantities.SCALES[word]
    return None


def stem(word: str) -> str:
    """The word without a plural's `s`: rough, but the same for both texts."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
