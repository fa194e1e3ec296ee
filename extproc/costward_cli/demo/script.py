"""What the demo shows, step by step: the request, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of the real SDK."""

    text: str
    model: str = "gpt-5"
    user: str = "ada"
    tier: str = "pro"
    system: str = "You help with accounts."
    task_type: str | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    expected: str
    """The decision."""
    ask: Ask
    reason: str | None = None
    """How the reason code must begin; None: any."""
    says: str = ""
    """What the answer must contain: the stand-in puts the question's meaning and the model into its answers."""
    before: tuple[Ask, ...] = ()
    """Asked first, without being shown."""
    words: range = range(0)
    """Asked for one answer length after the other until the decision comes: spends, and repeats no question."""

    def asks(self) -> list[Ask]:
        if not self.words:
            return [self.ask]
        return [replace(self.ask, text=f"repeat {count} words") for count in self.words]


_RESET = Ask("How do I reset my password?")
_DARK = Ask("How do I turn on dark mode?")
_REFUND = Ask("Where is the refund for my order 10482?")
_FREE = Ask("", user="bob", tier="free")
_KNOWN = "(reset-password, gpt-5"
"""The stand-in's answers end with the question's meaning and the model."""

STEPS: tuple[Step, ...] = (
    Step("a new question", "pass", _RESET, says=_KNOWN),
    Step("the same words", "hit-exact", replace(_RESET, text="how do I reset my password"), says="reset-password"),
    Step("a true paraphrase", "hit-semantic", replace(_RESET, text="How can I reset my password?"), says="(reset-"),
    Step(
        "the opposite",
        "pass",
        replace(_DARK, text="How do I turn off dark mode?"),
        reason="cache-vetoed",
        says="dark-mode-off",
        before=(_DARK,),
    ),
    Step(
        "another number",
        "pass",
        replace(_REFUND, text="Where is the refund for my order 10483?"),
        reason="cache-vetoed",
        says="10483",
        before=(_REFUND,),
    ),
    Step(
        "another system prompt",
        "pass",
        replace(_RESET, system="Answer in French."),
        reason="cache-miss",
        says="reset-password",
    ),
    Step("as a stream", "hit-exact", replace(_RESET, stream=True), says=_KNOWN),
    Step(
        "easy work",
        "route",
        Ask("Is this message about billing or about a bug?", model="auto", task_type="Classification"),
        reason="rule[0]",
        says="gpt-5-mini",
    ),
    Step("half the plan spent", "pass", _FREE, reason="cap-warn", words=range(50, 56)),
    Step("three quarters spent", "degrade", _FREE, reason="cap-use-model", words=range(60, 66)),
    Step(
        "plan used up",
        "refuse",
        _FREE,
        reason="cap-spent",
        says="plan is used up",
        words=range(70, 90),
    ),
)
