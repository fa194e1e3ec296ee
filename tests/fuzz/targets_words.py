"""What reads the words of a question: the exact tier's form of it, and the guards of the semantic one."""

from __future__ import annotations

from costward_extproc.cache.guards import is_time_sensitive, veto
from costward_extproc.cache.normalise import normalise
from costward_extproc.dialects.volatile import undated
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.inputs import TEXTS, changed
from tests.fuzz.target import Target

_QUESTIONS = (
    "Hi team, how do I reset my password? Thanks!",
    "What's the status of order #10482 in the US, please?",
    "how much is 5 Mb in MB - and 3.5 kW?",
    "Why does `x = a[0];` print “None”?\n```py\nprint('Hi')\n```\nthanks",
    "You run in\n<env>\n  Today's date: 2026-01-01\n</env>\nIs it open today?",
    "turn OFF the light, don't turn it on",
    "wasn't the meeting on 3 May 2025 at 5 pm?",
    "x-anthropic-billing-header: cc_version=2;\nBe exact.",
)
_SEEDS = tuple(question.encode() for question in _QUESTIONS)
_WORDS = (
    "hi",
    "please",
    "so",
    "um",
    "tell me",
    "thanks",
    "not",
    "non-",
    "un",
    "US",
    "IT",
    "5",
    "MB",
    "mb",
    "n!",
    "C:",
    ".",
    "...",
    "?",
    "!",
    "`",
    '"',
    "```",
    "~~~",
    "“",
    "”",
    "\n",
    "\t",
    "  x",
    ";",
    "today",
    "how long ago",
    "10,000.50",
    "2025-05-03",
    "don't",
    "how's",
    "İ",
    "x²",
    "ﬁ",
    "é",
)
_TOKENS = tuple(word.encode() for word in _WORDS)
_PROSE: SearchStrategy[bytes] = (
    st.lists(st.sampled_from(_WORDS) | TEXTS, max_size=12)
    .flatmap(lambda words: st.sampled_from([" ", "", ", ", "\n"]).map(lambda gap: gap.join(words)))
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)
_INPUTS = changed(_SEEDS, _TOKENS) | _PROSE


def text_of(data: bytes) -> str:
    """JSON may spell half of a surrogate pair, so these bytes may too."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def check_normalise(data: bytes) -> None:
    text = text_of(data)
    form = normalise(text)
    form.encode()
    assert normalise(f"  {text}\n") == form, "space around it tells"


def check_guards(data: bytes) -> None:
    """The input is two texts, one after the other."""
    text = text_of(data)
    asked, cached = text[: len(text) // 2], text[len(text) // 2 :]
    verdict = veto(asked, cached)
    assert verdict == veto(cached, asked), "the order of the two tells"
    assert verdict is None or verdict.isidentifier()
    assert veto(text, text) is None
    assert is_time_sensitive(text) in (True, False)


def check_volatile(data: bytes) -> None:
    text = text_of(data)
    kept = undated(text)
    assert isinstance(kept, str)
    assert len(kept) <= len(text)
    assert undated([{"type": "text", "text": text}, text])[0]["text"] == kept


TARGETS = (
    Target("normalise", check_normalise, _INPUTS, _SEEDS),
    Target("guards", check_guards, _INPUTS, tuple(seed + seed.replace(b"on", b"off") for seed in _SEEDS)),
    Target("volatile", check_volatile, _INPUTS, _SEEDS),
)
