"""What a run of mixed traffic has to show: nothing changed that was not declared, and books that are right.

`problems` is empty where all holds; `figures` says what was measured, also where it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.mixed_run import Charged, MixedRun, Outcome, charged
from tests.fakes.running_stack import read_only

ABORTED_OFF_PPM = 20_000
"""How far the sum over aborted exchanges may be from the provider's bill where it told of its cache: 2 %."""
LEARNT_OFF_PPM = 30_000
"""The same of all of them, beside what an even cache would have made of the bill: one per cent more, for the means that
are charged rest on some hundred large prompts themselves."""
_ENOUGH = 500
"""Aborted exchanges from which their sum means something: most are questions of some tokens, whose output is guessed
from bytes where a JSON answer was cut."""
_WRITING_S = 0.5
"""A record is written after its answer's last byte has gone on, with those of its neighbours: some commits' time where
other tests have the processor too."""
_READING_S = 0.5
"""How much later than Envoy sent it the last byte may be seen here, where one loop reads for every caller."""
_SHOWN = 20
_OUR_EDITS = (
    "the request's body",
    "the answer's body",
    "the answer is not",
    "the beginning is not",
    "the provider saw",
)
_OUR_HOLD = "were held back"
"""The beginning of an event that was in the process when it died: it could still have become the usage chunk."""
"""Differences of an exchange that was rewritten, and then left by the process that would have put it right again."""


@dataclass
class Kills:
    """SIGKILLs in loop time, and what each of them caught."""

    at: list[float] = field(default_factory=list)
    phases: list[dict[str, int]] = field(default_factory=list)
    down_s: list[float] = field(default_factory=list)

    def hurt(self, outcome: Outcome) -> bool:
        """It ran during a kill, or passed while nobody was there."""
        return outcome.decision is None or any(outcome.started < at < outcome.ended for at in self.at)

    def in_writing(self, outcome: Outcome) -> bool:
        """A kill came between its last byte and its record: Envoy had nothing left to let through."""
        return outcome.decision is not None and any(-_READING_S <= at - outcome.ended < _WRITING_S for at in self.at)


@dataclass(frozen=True, slots=True)
class Verdict:
    figures: dict[str, Any]
    problems: list[str]


async def verdict(run: MixedRun, kills: Kills | None = None, lease_s: float = 0) -> Verdict:
    """Waits for the books to be closed: with kills, for the leases of what died."""
    owed = {outcome.exchange.task for outcome in run.outcomes if kills is None and _owed(outcome)}
    records = await run.settled(owed, lease_s + 15)
    through = await run.stack.stack.let_through()
    problems = [*_differences(run.outcomes, records, kills or Kills()), *_once(run.outcomes, records)]
    if kills is None:
        problems += _exact(run, records)
    else:
        problems += _ended_once(run, records, kills, through)
    return Verdict(_figures(run, records, kills, through), problems)


def _owed(outcome: Outcome) -> bool:
    """Whether it must have a record. One that was given up within its request may never have reached us."""
    return outcome.exchange.abort is None or outcome.exchange.abort.where not in ("head", "body")


_Records = dict[str, list[dict[str, Any]]]


def _differences(outcomes: Iterable[Outcome], records: _Records, kills: Kills) -> Iterator[str]:
    for outcome in outcomes:
        hurt = bool(kills.at) and kills.hurt(outcome)
        found = [d for d in outcome.differences if not (hurt and outcome.rewritten and is_of_our_edits(d))]
        if outcome.exchange.capped and (hurt or _let_by(outcome, records)):
            # While spend cannot be read this tier lets pass, and says so.
            continue
        if outcome.same_meaning is False:
            found.append("a hit that does not say what the provider says")
        yield from (f"{_name(outcome)}: {difference}" for difference in found)


def is_of_our_edits(difference: str) -> bool:
    return difference.startswith(_OUR_EDITS) or difference.endswith(_OUR_HOLD)


def _let_by(outcome: Outcome, records: _Records) -> bool:
    return any("ledger-unavailable" in record["warnings"] for record in records.get(outcome.exchange.task, []))


def _name(outcome: Outcome) -> str:
    exchange = outcome.exchange
    abort = f"given up in {exchange.abort.where}" if exchange.abort is not None else ""
    told = [exchange.dialect, exchange.shape, "stream" * exchange.stream, exchange.fault, exchange.malformed, abort]
    return f"{exchange.number} ({', '.join(filter(None, told))})"


def _once(outcomes: Iterable[Outcome], records: _Records) -> Iterator[str]:
    for outcome in outcomes:
        if len(records.get(outcome.exchange.task, [])) > 1:
            yield f"{_name(outcome)}: {len(records[outcome.exchange.task])} records"


def _exact(run: MixedRun, records: _Records) -> Iterator[str]:
    """The books of a run in which nothing died."""
    for outcome in run.outcomes:
        found = records.get(outcome.exchange.task, [])
        if not found and _owed(outcome):
            yield f"{_name(outcome)}: no record"
        cost = sum(record["cost"] for record in found)
        if outcome.kind == "complete" and cost != outcome.billed:
            yield f"{_name(outcome)}: charged {cost} µ$, billed {outcome.billed}"
    aborted = _of(run.outcomes, "aborted")
    told, every = charged([o for o in aborted if o.told], records), charged(aborted, records)
    if every.exchanges >= _ENOUGH and abs(told.off_ppm) > ABORTED_OFF_PPM:
        yield f"aborted exchanges are {told.off_ppm / 10_000:.2f} % off the bill that they told of"
    if every.exchanges >= _ENOUGH and abs(every.off_expected_ppm) > LEARNT_OFF_PPM:
        yield f"aborted exchanges are {every.off_expected_ppm / 10_000:.2f} % off the bill, chance apart"
    books, total = run.stack.books(), _total(records)
    if (books.spent, books.reserved, books.open) != (total, 0, 0):
        yield f"the ledger holds {books}, and the records add up to {total}"


def _ended_once(run: MixedRun, records: _Records, kills: Kills, through: int) -> Iterator[str]:
    """The books after kills."""
    books = run.stack.books()
    with read_only(run.stack.state_dir / "ledger.sqlite") as db:
        (held,) = db.execute("SELECT total(seen) FROM reservation WHERE state <> 'open'").fetchone()
    if (books.spent, books.reserved, books.open) != (int(held), 0, 0):
        yield f"the ledger holds {books}, and its ended reservations {int(held)}"
    missing = sum(not kills.in_writing(outcome) for outcome in _unrecorded(run.outcomes, records))
    if missing > through:
        yield f"{missing} exchanges without a record, and Envoy let {through} through"


def _unrecorded(outcomes: Iterable[Outcome], records: _Records) -> Sequence[Outcome]:
    """Not given up by their clients, and without a record of their end."""
    return [
        outcome
        for outcome in outcomes
        if outcome.exchange.abort is None
        and not any(record["end"] != "aborted" for record in records.get(outcome.exchange.task, []))
    ]


def _total(records: _Records) -> int:
    return sum(record["cost"] for found in records.values() for record in found)


def _of(outcomes: Iterable[Outcome], kind: str) -> Sequence[Outcome]:
    return [outcome for outcome in outcomes if outcome.kind == kind]


def _figures(run: MixedRun, records: _Records, kills: Kills | None, through: int) -> dict[str, Any]:
    books = run.stack.books()
    found: dict[str, Any] = {
        "exchanges": len(run.outcomes),
        "byDialect": _counted(outcome.exchange.dialect for outcome in run.outcomes),
        "byStatus": _counted(outcome.status for outcome in run.outcomes),
        "byDecision": _counted(outcome.decision for outcome in run.outcomes),
        "rewritten": sum(outcome.rewritten for outcome in run.outcomes),
        "malformed": sum(bool(outcome.exchange.malformed) for outcome in run.outcomes),
        "failedUpstream": sum(bool(outcome.exchange.fault) for outcome in run.outcomes),
        "different": sum(bool(outcome.differences) for outcome in run.outcomes),
        "records": sum(len(found) for found in records.values()),
        "warnings": _counted(w for found in records.values() for record in found for w in record["warnings"]),
        "ledgerMicroUSD": books.spent,
        "recordedMicroUSD": _total(records),
        "letThrough": through,
    }
    # What a kill caught or passed unseen is nobody's estimate.
    whole = [outcome for outcome in run.outcomes if kills is None or not kills.hurt(outcome)]
    for kind in ("complete", "aborted", "cut"):
        found[kind] = _sums(charged(_of(whole, kind), records))
        untold = charged([outcome for outcome in _of(whole, kind) if not outcome.told], records)
        if untold.exchanges:
            found[f"{kind}Untold"] = _sums(untold)
    return found if kills is None else found | _of_kills(run, records, kills)


def _of_kills(run: MixedRun, records: _Records, kills: Kills) -> dict[str, Any]:
    hurt = [outcome for outcome in run.outcomes if kills.hurt(outcome)]
    unrecorded = _unrecorded(run.outcomes, records)
    with read_only(run.stack.state_dir / "ledger.sqlite") as db:
        states = dict(db.execute("SELECT state, count(*) FROM reservation GROUP BY state"))
    return {
        "kills": len(kills.at),
        "caught": kills.phases,
        "downSeconds": kills.down_s,
        "hurt": len(hurt),
        "rewrittenDifferences": _counted(" ".join(d.split()[:3]) for outcome in hurt for d in outcome.differences),
        "usageChunksSeen": sum(bool(outcome.usage_chunks) for outcome in hurt),
        "tornEvents": sum(outcome.torn and outcome.status == 200 for outcome in hurt),
        "unrecorded": len(unrecorded),
        "killedInWriting": sum(kills.in_writing(outcome) for outcome in unrecorded),
        "reservations": states,
    }


def _sums(sums: Charged) -> dict[str, Any]:
    off = {"offPercent": sums.off_ppm / 10_000, "offExpectedPercent": sums.off_expected_ppm / 10_000}
    return {**sums._asdict(), **off}


def _counted(values: Iterable[Any]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items(), key=lambda item: -item[1])}


def shown(problems: Sequence[str]) -> str:
    """The first of them, for an assertion's message."""
    more = len(problems) - _SHOWN
    return "\n".join([*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])
