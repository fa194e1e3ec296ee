"""The end of an exchange: what it cost, what is kept of it, and the one record that is written about it."""

from __future__ import annotations

from dataclasses import replace

from costward_contract.snapshot import MicroUSD

from costward_extproc.cache.entries import Entry
from costward_extproc.core import fallback, recording, spending, untold
from costward_extproc.core.case import Case, quote_of
from costward_extproc.core.events import Effect, Settle, Store, Write
from costward_extproc.core.inflating import PLAIN, inflated, is_read
from costward_extproc.core.ledger import Settlement, Told
from costward_extproc.core.money import Quote, Usage, cost
from costward_extproc.core.record import End
from costward_extproc.core.recording import record_of
from costward_extproc.core.states import (
    Answered,
    Arriving,
    Consulting,
    Embedding,
    Finished,
    Listing,
    Raising,
    Receiving,
    Reserving,
    Responding,
    Retrying,
    Searching,
    State,
    Step,
    Upstream,
)
from costward_extproc.dialects.base import Reading
from costward_extproc.dialects.reading import only_usage

NOTHING = MicroUSD(0)
_GATEWAY_TIMEOUT = 504
"""Envoy's own answer when the provider was too slow: the call was made, and most providers charge for it."""


def close(state: State, at: float) -> Step:
    """Account for the exchange, whatever state it is in. Idempotent: a finished one stays finished."""
    match state:
        case Finished() | Arriving() | Retrying() | Raising():
            return Finished(), ()
        case Receiving():
            return Finished(), (Write(record_of(Case(state.frame, reason="no-body"), at, end="aborted")),)
        case Consulting() | Embedding() | Searching():
            return Finished(), (Write(record_of(state.case.but(reason="left-undecided"), at, end="aborted")),)
        case Reserving():
            case = state.case.but(reason="left-undecided")
            return Finished(), (Settle(Settlement(case.frame.id, NOTHING)), Write(record_of(case, at, end="aborted")))
        case Upstream():
            return _end_unanswered(state.case, at)
        case Responding():
            return _end_answered(state, at)
        case Listing():
            return Finished(), (Write(record_of(state.case, at, end="aborted")),)
        case Answered():
            return Finished(), (Write(recording.answered(state.case, state.status, state.entry, at)),)


def given_up(case: Case, at: float) -> tuple[Effect, ...]:
    """The end of an exchange whose answer cannot be read after all: charged as one that a crash cut short."""
    return _end_unanswered(case.warned("unaccounted"), at, "error")[1]


def _end_unanswered(case: Case, at: float, end: End = "aborted") -> Step:
    """The caller left before the response began: the provider has the input and may go on working."""
    usage = untold.taken_in(case)
    case = case.warned("usage-estimated")
    if case.quote is not None and case.quote.is_scaled:
        case = case.warned("tier-price-unknown")
    record = record_of(
        case,
        at,
        end=end,
        usage=usage,
        cost=case.seen,
        baseline=_baseline(case, usage, case.seen),
        quote=case.quote,
    )
    return Finished(), (*_settled(case, MicroUSD(case.seen), None), Write(record))


def _end_answered(state: Responding, at: float) -> Step:
    case, kept = state.case, state.transcript.bytes()
    reading = _read(state, kept)
    case = case.but(served_tier=reading.service_tier)
    usage, quote = _usage(state, reading), _quote(case, reading)
    if usage.estimated:
        case = case.warned("usage-estimated")
    if quote.is_scaled:
        case = case.warned("tier-price-unknown")
    price = cost(usage, quote.rates)
    entry = _entry(state, reading, price, at)
    total = MicroUSD(price + fallback.lost(case))
    # The dialect's own end counts, not the connection's: the official Node SDK hangs up on `[DONE]`, before the last
    # chunk's end of stream can reach us.
    complete = reading.complete or (state.ended and not _is_success(state.status))
    end: End = "complete" if complete else "error" if state.ended else "aborted"
    record = record_of(
        case,
        at,
        end=end,
        status=state.status,
        usage=usage,
        cost=total,
        # Without us the caller would have paid for the attempt that failed as well.
        baseline=_baseline(case, usage, price) + fallback.lost(case),
        served=reading.model or (case.plan.model if case.plan else None),
        quote=quote,
        stored=entry is not None,
        first_byte_at=state.first_byte_at,
    )
    teaches = complete and _is_success(state.status) and not usage.estimated
    # Only hidden output makes it worth counting what was seen of it.
    seen = spending.counted(reading.text_seen, case.means) if teaches and usage.reasoning else 0
    told = untold.lesson(case, usage, seen) if teaches else None
    effects: list[Effect] = list(_settled(case, total, usage.output if teaches else None, told))
    if entry is not None:
        effects.append(Store(entry))
    return Finished(), (*effects, Write(record))


def _settled(case: Case, price: MicroUSD, output: int | None, told: Told | None = None) -> tuple[Settle, ...]:
    """Also where the ledger could not reserve and the exchange was let through: what it cost is known now."""
    if not case.charges:
        return ()
    # Models that the price list does not know are names that anybody can invent: they teach nothing.
    if output is None or case.quote is None or case.quote.source == "ceiling":
        return (Settle(Settlement(case.frame.id, price, charges=case.charges)),)
    return (Settle(Settlement(case.frame.id, price, spending.output_key(case), output, case.charges, told)),)


def _read(state: Responding, kept: bytes) -> Reading:
    if not _is_success(state.status):
        return Reading(failed=True)
    read = inflated(kept, state.encoding)
    if read is None:
        return Reading()
    body = read.body
    dialect, asked = state.case.frame.dialect, state.case.asked
    if state.streamed and state.transcript.overflowed and state.encoding in PLAIN:
        body = state.transcript.both_ends()
    reading = dialect.read_answer(body, state.streamed, asked)
    if reading.usage is None and state.transcript.overflowed and state.encoding in PLAIN:
        # Too long to keep, but its end was kept, and that is where a provider says what it counted.
        tail = state.transcript.tail
        last = dialect.read_answer(tail if state.streamed else only_usage(tail), state.streamed, asked)
        whole = not state.streamed and state.ended and last.usage is not None
        reading = replace(reading, usage=last.usage, complete=whole or last.complete or reading.complete)
    # Of one that its caller left early the rest was not to be expected.
    is_broken = read.end == "corrupt" or (read.end == "cut" and state.ended)
    return _doubted(reading) if is_broken else reading


def _doubted(reading: Reading) -> Reading:
    """Of bytes that are not what the provider compressed: an estimate, and never kept."""
    return replace(reading, complete=False, storable=None, output_final=False)


def _usage(state: Responding, reading: Reading) -> Usage:
    """What the provider said; else, for an answer that it will charge for, what was seen of it."""
    said, asked = reading.usage, state.case.asked
    if said is not None and reading.output_final:
        return said
    if not _is_success(state.status):
        timed_out = state.status == _GATEWAY_TIMEOUT
        return untold.taken_in(state.case) if timed_out else Usage()
    if reading.failed and said is None and not reading.text_seen:
        # Refused under a status of success: nothing was read and nothing written.
        return Usage()
    if reading.pending:
        return replace(untold.taken_in(state.case), output=spending.most_pending(state.case))
    output = state.case.means.count_tokens(reading.text_seen) if reading.text_seen else 0
    if state.transcript.overflowed or not (output or said or reading.complete):
        output = max(output, _output_by_size(state))
    if reading.text_seen or not state.streamed:
        output += untold.hidden(state.case)
    if asked is not None and asked.max_output is not None:
        # An estimate is never above what the caller allowed: embeddings have no output at all.
        output = min(output, asked.max_output * asked.choices)
    said = said or untold.taken_in(state.case)
    return replace(said, output=max(output, said.output), estimated=True)


def _output_by_size(state: Responding) -> int:
    """Of an answer that could not be read to its end: JSON that was cut, an unknown encoding, or too much of it."""
    read = inflated(state.transcript.bytes(), state.encoding) if is_read(state.encoding) else None
    size = max(state.transcript.size, len(read.body) if read is not None else 0)
    framed = state.streamed and (read is not None or state.encoding in PLAIN)
    return size // (spending.BYTES_PER_STREAMED_TOKEN if framed else spending.BYTES_PER_TOKEN)


def _quote(case: Case, reading: Reading) -> Quote:
    if case.plan is None and reading.model is not None:
        return quote_of(case, reading.model)
    if case.plan is not None and case.served_tier is not None:
        return quote_of(case, case.plan.model)
    return case.quote or case.means.quote(reading.model or "")


def _baseline(case: Case, usage: Usage, price: int) -> int:
    """What the caller would have paid for this usage at the model that it would have got without us."""
    if case.plan is None or case.plan.wanted == case.plan.model:
        return price
    return cost(usage, quote_of(case, case.plan.wanted).rates)


def _entry(state: Responding, reading: Reading, price: int, at: float) -> Entry | None:
    """What the cache keeps: a whole natural answer to a request that has a place there, in no other case."""
    case = state.case
    slot, asked = case.slot, case.asked
    if slot is None or asked is None or asked.last_user_text is None or reading.storable is None:
        return None
    if not reading.complete or state.status != 200 or state.transcript.overflowed:
        return None
    if case.cache.outcome == "would-hit":
        # An enforced hit would have stored nothing: storing here would renew the entry, and take its vector away.
        return None
    rung = case.plan.rung.name if case.plan and case.plan.rung else None
    return Entry(
        id=case.frame.id,
        partition=slot.partition,
        key=slot.key,
        policy=case.policy.ref,
        text=asked.last_user_text,
        answer=reading.storable,
        model=reading.model or asked.model,
        rung=rung,
        cost=price,
        created_at=at,
        expires_at=at + case.policy.cache.ttl_s,
        vector=case.vector,
    )


def _is_success(status: int) -> bool:
    return 200 <= status < 300
