"""The exact tier's idea of "the same text": how it was typed is dropped, what it says is kept.

Case, spacing, sentence punctuation, greetings and contractions go. Whatever might carry meaning stays as it was typed:
code, quoted strings, numbers, units, ids, addresses, and any word that is not plain letters. In doubt a text is kept,
which costs a hit, never a wrong answer. Articles stay: dropping them was measured to serve wrong answers.
"""

from __future__ import annotations

import re
import unicodedata

from costward_extproc.cache.lexicon import CONTRACTIONS

_VERBATIM = re.compile(r'(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`]*`|"[^"]*"|“[^“”]*”)', re.DOTALL)
"""Code blocks, inline code, quoted strings: their every character may matter."""

_CODE_LINE = re.compile(r"[{}<>=\\|\t]|;\s*$|^\s+.*\n?", re.MULTILINE)
"""A line that may be code outside a fence. The indent is looked for only in texts of several lines."""

_PLAIN = re.compile(
    r"""[("'\u2018“¿¡]*([^\W\d_]+(?:['\u2019-][^\W\d_]+)+|[^\W\d_]{2,})[.,!?;:…"'\u2019”)]*|([^\W\d_])[.,?;]*"""
)
"""A word of letters with the punctuation of a sentence around it. Around a single letter more of it has a meaning:
`n!`, `(c)`, `C:`."""

_OPENING = re.compile(
    r"(?:"
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: (?:team|there|all|everyone|folks|guys))?\s*[,.!]"
    r"|(?:sorry to bother you|excuse me|sorry|silly question|quick question)\s*[,:](?: but\b)?"
    r"|(?:just |i was (?:just )?)?wondering\s*[,:]"
    r"|please(?= (?!please|me\b))"
    r"|(?:um+|uh+|erm?|so|ok|okay|well)\b,?"
    r"(?= (?:um+|uh+|erm?|so|how|what|what'?s|when|where|who|which|why|can|do|does|is)\b)"
    r"|(?:(?:can|could|would|will) you )?(?:please )?tell me(?= (?:how|what|when|where|who|which|why)\b)"
    r")\s*",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"[,.!?;]\s*(?:please|thanks|thank you|many thanks|thx|cheers|thanks in advance)[\s.!]*([?]?)\s*\Z", re.I
)
"""Only after punctuation: in `how do I say thank you` the words are the question."""

_LONGEST_CLOSING = 40
"""Characters of the longest thanks with its punctuation: only there is it looked for."""

_LEADS = frozenset("hgspuoewjqctiHGSPUOEWJQCTI")
"""First letters of what `_OPENING` takes away: most texts need not be tried."""

_SHOUTED_WORDS = frozenset({"AIDS", "CAN", "IS", "IT", "MAY", "ME", "OR", "SO", "US", "WE", "WHO"})
"""Names that lower case turns into another word (`the US`, `tell us`)."""

_LONGEST = 8_192
"""Characters. Nobody types a longer text twice, slightly differently: it is matched as it is, in no time."""

_MOST_COURTESIES = 8
"""Each costs a copy of the text, so a text made of nothing else must not be followed to its end."""

_MOST_ROUNDS = 4
"""A sign that goes may lay another courtesy open (`Okay. What`): two rounds and the one that finds no more are enough
for what people write."""

_NUMBER = re.compile(r"[-+]?[\d.,]*\d")


def normalise(text: str) -> str:
    """The text's canonical form: equal forms ask the same thing, word for word. It is its own form, and always
    encodable as UTF-8.

    Pure, about 50 µs for 100 characters.
    """
    if not text.isascii():
        # Half a surrogate pair cannot be hashed; spelled out, two different halves stay different.
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    text = text.strip()
    if len(text) > _LONGEST:
        return text
    form = text
    for _ in range(_MOST_ROUNDS):
        before, form = form, _form(form)
        if form == before:
            return form
    # What goes on changing was not understood.
    return text


def _form(text: str) -> str:
    text = _without_courtesies(text)
    if "`" in text or '"' in text or "~~~" in text or not text.isascii():
        parts = _VERBATIM.split(text)
        folded = [part if at % 2 else _fold(part, text) for at, part in enumerate(parts)]
        return " ".join(part for part in folded if part).strip() or text
    return _fold(text, text).strip() or text


def _without_courtesies(text: str) -> str:
    """The text without the greetings and thanks around it; one that is nothing else stays."""
    rest = text
    for _ in range(_MOST_COURTESIES):
        if not (rest and rest[0] in _LEADS and (found := _OPENING.match(rest))):
            break
        rest = rest[found.end() :]
    for _ in range(_MOST_COURTESIES):
        if not (found := _CLOSING.search(rest, max(0, len(rest) - _LONGEST_CLOSING))):
            break
        rest = rest[: found.start()] + found[1]
    return rest.strip() or text


def _fold(prose: str, whole: str) -> str:
    if "\n" not in prose:
        prose = prose.strip()
    if _CODE_LINE.search(prose):
        lines = "\n".join(_fold_line(line, whole) for line in prose.split("\n"))
        # Blanks after a quoted string are no indent, but those of the next line are.
        return ("\n" + lines.lstrip("\n")).rstrip() if lines.startswith("\n") else lines.strip()
    return _fold_words(prose.split(), whole)


def _fold_line(line: str, whole: str) -> str:
    return line.rstrip() if _CODE_LINE.search(line) else _fold_words(line.split(), whole)


def _fold_words(words: list[str], whole: str) -> str:
    folded = []
    after_number = False
    for word in words:
        plain = _PLAIN.fullmatch(word)
        if plain is None:
            word = _technical(word)
            after_number = _NUMBER.fullmatch(word) is not None
        else:
            word = _plain(plain[1] or plain[2], after_number, whole)
            after_number = False
        if word:
            folded.append(word)
    return " ".join(folded)


def _technical(word: str) -> str:
    """A word that is not plain letters, as typed, without the sentence's punctuation after it.

    An exclamation mark stays (`5!`), and so does the colon of a drive (`C:`) and a dot that stands alone.
    """
    bare = word.rstrip(".,;:?…")
    if bare.strip("?!"):
        return word if bare.isalpha() else bare
    return word if word in {".", ".."} else ""  # a folder, in a command typed as prose


def _plain(word: str, after_number: bool, whole: str) -> str:
    if after_number and len(word) <= 3 and word.casefold() not in {"am", "pm"}:
        return word  # a unit: `5 Mb` is not `5 MB`, nor `3 mW` `3 MW`
    if word in _SHOUTED_WORDS and not whole.isupper():
        return word
    if word.isascii():
        lower = word.lower()
        return CONTRACTIONS.get(lower, lower)
    if any(unicodedata.category(sign) == "No" for sign in word):
        return word  # NFKC would make `x²` into `x2`
    lower = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold()).replace("\u2019", "'")
    return CONTRACTIONS.get(lower, lower)
