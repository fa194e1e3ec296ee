"""What a request may cost at most, what it costs at least, and which of its answers it teaches the ledger about."""

from __future__ import annotations

from functools import lru_cache

from costward_contract.snapshot import MicroUSD

from costward_extproc.core.case import Case, quote_of
from costward_extproc.core.fingerprint import digest
from costward_extproc.core.ledger import Reservation
from costward_extproc.core.means import Means
from costward_extproc.core.money import Quote, Usage, cost
from costward_extproc.core.untold import taken_in

DEFAULT_OUTPUT_TOKENS = 1_024
"""Assumed output where the request sets no limit and fewer than 20 answers of this key are known: longer than most
chat answers, short enough that a small cap still lets several requests run at once."""

MOST_IN_BACKGROUND = 128_000
"""Assumed output of an answer that goes on in the background without a limit: the most that current models write. What
it did use is told to a later request that is not read, so no smaller amount would ever be put right."""

BYTES_PER_TOKEN = 4
"""Of a body that cannot be read: English text and JSON have about this many bytes a token."""

BYTES_PER_COMPRESSED_TOKEN = 1
"""Of a body whose compression is not read: text shrinks to about a quarter."""

BYTES_PER_STREAMED_TOKEN = 200
"""Of an SSE stream: about one event a token, most of it framing."""

COUNTED_CHARACTERS = 256 * 1024
"""Text is counted exactly up to here (about 2 ms), and beyond it by the rate of what was counted."""

_LONGEST_NAME = 256
"""Characters of a model's name that tell it apart: as many as the price list looks at. The names are remembered, and a
caller must not fill our memory."""

_ANY_MODEL = ""
"""Asks the price list for its ceiling over all models."""


def counted(text: str, means: Means) -> int:
    """Tokens of a prompt."""
    exact = means.count_tokens(text[:COUNTED_CHARACTERS])
    return exact if len(text) <= COUNTED_CHARACTERS else -(-exact * len(text) // COUNTED_CHARACTERS)


def quoted(case: Case) -> Case:
    """With the rates of the model that it will be sent to, and the likely cost of its input."""
    quote = _quote(case)
    case = case.but(quote=quote, seen=cost(taken_in(case), quote.rates))
    return case.warned("price-unknown") if quote.source == "ceiling" else case


def _quote(case: Case) -> Quote:
    if case.plan is not None:
        return quote_of(case, case.plan.model)
    if case.policy.models:
        # Unreadable: it may be any model of the ladder, so the dearest.
        return quote_of(case, case.policy.models[-1].model)
    return case.means.quote(_ANY_MODEL)


def reservation(case: Case, quote: Quote, at: float) -> Reservation:
    amount = worst_case(case, quote)
    return Reservation(case.frame.id, case.charges, amount, MicroUSD(case.seen), at + case.means.lease_s)


def worst_case(case: Case, quote: Quote) -> MicroUSD:
    """All of the input, newly written to the provider's cache where one is asked for, and the most output that may
    come, for every choice."""
    most = most_output(case)
    choices = case.asked.choices if case.asked else 1
    kept = case.asked.keeps_prompt if case.asked else None
    usage = Usage(
        input=case.tokens,
        output=most * choices,
        cache_write=case.tokens if kept else 0,
        cache_write_1h=case.tokens if kept == "hour" else 0,
    )
    return cost(usage, quote.rates)


def most_output(case: Case) -> int:
    """Tokens of one choice: as many as the request allows, else what its like usually has."""
    limit = case.asked.max_output if case.asked else None
    if limit is not None:
        return limit
    return MOST_IN_BACKGROUND if _in_background(case) else _typical_output(case)


def most_pending(case: Case) -> int:
    """Tokens charged for an answer that the provider goes on with, whether the request asked for that or not."""
    limit = case.asked.max_output if case.asked else None
    return MOST_IN_BACKGROUND if limit is None else limit


def _in_background(case: Case) -> bool:
    return (
        case.asked is not None
        and case.frame.dialect.name == "openai.responses"
        and (case.asked.document.get("background") is True)
    )


def _typical_output(case: Case) -> int:
    known = case.position.typical_output if case.position else None
    return known or DEFAULT_OUTPUT_TOKENS


def output_key(case: Case) -> str:
    """Whose typical output and habit this is: the policy's requests for one model name. Those that ask the provider to
    keep their prompt stand apart: where that must be asked for, only they are charged less or more for their input. The
    name is the caller's text, so it goes in as a digest."""
    model, kept = (case.asked.model, case.asked.keeps_prompt) if case.asked else ("unreadable", None)
    key = _output_key(case.means.digest_key, case.policy.ref, model[:_LONGEST_NAME])
    return f"{key}:{kept}" if kept is not None else key


@lru_cache(maxsize=1_024)
def _output_key(key: bytes, policy: str, model: str) -> str:
    return f"{policy}:{digest(key, 'model', model)}"
