"""The ledger's vocabulary: what is charged, where a cap stands, and what a reservation may answer."""

from __future__ import annotations

from dataclasses import dataclass

from costward_contract.snapshot import Cap, MicroUSD


@dataclass(frozen=True, slots=True)
class Charge:
    """One cap that an exchange counts against, in the window that `now` falls into."""

    key: str
    """Where the ledger keeps the count: policy, cap, digest of the subject and start of the window. No clear text."""
    cap: Cap
    resets_at: int | None
    """Unix seconds of the end of the window; None for a lifetime cap."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one charge's counter holds: settled spend and the worst case of what is in flight."""

    spent: MicroUSD
    reserved: MicroUSD


@dataclass(frozen=True, slots=True)
class Told:
    """Tokens of a whole exchange that a provider told, beside what we had counted. `input` includes `cached` and
    `written`, which includes `written_1h`."""

    counted: int
    """Of the input, by us, before it went upstream."""
    input: int
    cached: int
    written: int
    written_1h: int
    hidden: int
    """Of the output, what no caller saw."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What whole exchanges of one output key told in the mean, for those that tell nothing."""

    input: float
    """Input tokens for each one that we counted: tokenizers differ, and pictures are counted at their largest."""
    cached: float
    """Share of the input that was read from the provider's prompt cache."""
    written: float
    """Share of the input that was written to it."""
    written_1h: float
    """Share of the input that was written to it for an hour, a part of `written`."""
    hidden: float
    """Output tokens of an answer that no caller sees."""


@dataclass(frozen=True, slots=True)
class Position:
    """The answer to `standing`: a Standing for each charge, in the charges' order."""

    standings: tuple[Standing, ...]
    typical_output: int | None
    """High percentile of this output key's own outputs in tokens; None until enough are known."""
    habit: Habit | None = None
    """None until enough are known."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is asked of the ledger before an exchange goes upstream."""

    id: str
    charges: tuple[Charge, ...]
    amount: MicroUSD
    """The worst case: input + the most output that may come."""
    seen: MicroUSD
    """Charged if the exchange dies with its process: at first the cost of the input."""
    lease_until: float
    """Unix seconds; the holder renews it while the exchange lives."""


@dataclass(frozen=True, slots=True)
class Granted:
    alone: bool = False
    """The worst case did not fit, but nothing else was reserved on the tight cap: admitted by itself."""


@dataclass(frozen=True, slots=True)
class Refused:
    charge: Charge
    standing: Standing
    """Of the cap that refused. `spent < limit` means that only reservations stand in the way: try again soon."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a reservation. Idempotent by `id`."""

    id: str
    cost: MicroUSD
    output_key: str | None = None
    """Policy and model whose typical output this exchange teaches; None where it teaches nothing."""
    output_tokens: int | None = None
    charges: tuple[Charge, ...] = ()
    """Charged where the ledger knows of no reservation, because reserving failed and the exchange was let through."""
    told: Told | None = None
    """What it teaches about the usage of its like, by the same key."""
