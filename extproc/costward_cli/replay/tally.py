"""What a replay adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from costward_extproc.core.record import Record

from costward_cli.replay.asking import Outcome
from costward_cli.replay.rates import Latency, Rate, latency, rate

_REFUSED = "refuse"


@dataclass(frozen=True, slots=True)
class Hits:
    all: Rate
    exact: Rate
    semantic: Rate


@dataclass(frozen=True, slots=True)
class Wrong:
    """Hits whose answer belongs to another class than the request's label."""

    per_request: Rate
    """Of all labelled requests: what `maxErrorRate` means, and what a caller feels."""
    per_hit: Rate
    """Of the hits that could be judged: how far a served answer can be trusted."""
    by_tier: Mapping[str, int]
    not_judged: int
    """Hits on labelled requests where nobody knows what their answer was made for."""


@dataclass(frozen=True, slots=True)
class Money:
    """µ$, by the records of these exchanges."""

    cost: int
    saved: int
    records: int
    """Exchanges whose record was found."""


@dataclass(frozen=True, slots=True)
class Decided:
    decision: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    requests: int
    seconds: float
    hits: Hits
    wrong: Wrong | None
    """None: the log has no labels."""
    would_hit: Hits | None
    """What Enforce would have served; None where no record says so."""
    would_be_wrong: Wrong | None
    """Of what Enforce would have served."""
    money: Money | None
    """None: no record was found."""
    latency: Mapping[str, Latency | None]
    decisions: tuple[Decided, ...]
    refused: int
    errors: Mapping[str, int]
    """Answers that were neither a success nor a refusal of ours, by status or kind of failure."""
    unseen: int
    """Answers without a decision: they passed Costward by."""
    bad_lines: int


def summarise(outcomes: Sequence[Outcome], records: Mapping[str, Record], *, seconds: float, bad_lines: int) -> Summary:
    """`records` by request id, as many as are known; `seconds` is how long the whole replay took."""
    decided = Counter((o.decision, o.reason or "") for o in outcomes if o.decision)
    answered = [outcome for outcome in outcomes if _is_success(outcome)]
    labels = {o.request_id: o.logged.label for o in outcomes if o.request_id and o.logged.label is not None}
    labelled = sum(outcome.logged.label is not None for outcome in outcomes)
    would_hit = _would_hit(records.values(), len(outcomes))
    return Summary(
        requests=len(outcomes),
        seconds=round(seconds, 3),
        hits=_hits((tier_of(outcome) for outcome in outcomes), len(outcomes)),
        wrong=_wrong(_served(outcomes, records, labels), labelled),
        would_hit=would_hit,
        would_be_wrong=_wrong(_would_serve(outcomes, records, labels), labelled) if would_hit else None,
        money=_money(records.values()),
        latency={
            "hit": latency([o.seconds for o in answered if tier_of(o)]),
            "miss": latency([o.seconds for o in answered if not tier_of(o)]),
        },
        decisions=tuple(Decided(name, reason, count) for (name, reason), count in decided.most_common()),
        refused=sum(outcome.decision == _REFUSED for outcome in outcomes),
        errors=_counts(o.error or str(o.status) for o in outcomes if _is_error(o)),
        unseen=sum(outcome.decision is None for outcome in answered),
        bad_lines=bad_lines,
    )


def tier_of(outcome: Outcome) -> str | None:
    """`exact` or `semantic` for a hit, else None."""
    head, _, tier = (outcome.decision or "").partition("-")
    return tier if head == "hit" else None


def _is_success(outcome: Outcome) -> bool:
    return outcome.status is not None and outcome.status < 300


def _is_error(outcome: Outcome) -> bool:
    return not _is_success(outcome) and outcome.decision != _REFUSED


def _counts(words: Iterable[str]) -> dict[str, int]:
    """The most frequent first. A plain dict, because `dataclasses.asdict` cannot copy a Counter."""
    return dict(Counter(words).most_common())


def _hits(tiers: Iterable[str | None], of: int) -> Hits:
    counts = Counter(tier for tier in tiers if tier)
    return Hits(rate(counts.total(), of), rate(counts["exact"], of), rate(counts["semantic"], of))


def _would_hit(records: Iterable[Record], of: int) -> Hits | None:
    tiers = [record.cache.tier for record in records if record.cache.outcome == "would-hit"]
    return _hits(tiers, of) if tiers else None


@dataclass(frozen=True, slots=True)
class _Served:
    """A stored answer that was served, or would have been, to a labelled request."""

    tier: str
    label: str
    answers: str | None
    """The class that the stored answer belongs to, as far as anybody knows."""


def _served(outcomes: Iterable[Outcome], records: Mapping[str, Record], labels: Mapping[str, str]) -> list[_Served]:
    """The hits on labelled requests. What the answer itself says comes first; a real provider's answers say nothing,
    so for those it is the label of the request that the entry was made for."""
    found = []
    for outcome in outcomes:
        tier, label = tier_of(outcome), outcome.logged.label
        if tier is not None and label is not None:
            record = records.get(outcome.request_id or "")
            made_for = labels.get(record.cache.entry or "") if record is not None else None
            found.append(_Served(tier, label, outcome.answer_class or made_for))
    return found


def _would_serve(
    outcomes: Iterable[Outcome], records: Mapping[str, Record], labels: Mapping[str, str]
) -> list[_Served]:
    """The same for hits that were only observed: their entries are those of earlier requests, by id."""
    found = []
    for outcome in outcomes:
        record = records.get(outcome.request_id or "")
        label = outcome.logged.label
        if record is not None and record.cache.outcome == "would-hit" and label is not None:
            found.append(_Served(record.cache.tier or "", label, labels.get(record.cache.entry or "")))
    return found


def _wrong(served: Sequence[_Served], labelled: int) -> Wrong | None:
    if not labelled:
        return None
    judged = [hit for hit in served if hit.answers is not None]
    wrong = [hit for hit in judged if hit.answers != hit.label]
    return Wrong(
        per_request=rate(len(wrong), labelled),
        per_hit=rate(len(wrong), len(judged)),
        by_tier=_counts(hit.tier for hit in wrong),
        not_judged=len(served) - len(judged),
    )


def _money(records: Iterable[Record]) -> Money | None:
    known = list(records)
    if not known:
        return None
    cost = sum(record.cost for record in known)
    return Money(cost, sum(record.baseline for record in known) - cost, len(known))
