"""What the two attempts of one exchange tell each other through Envoy, whichever workers they reach.

The first reply leaves a ticket, the second attempt leaves its verdict. Both are dynamic metadata: JSON text that only
this data plane writes and reads, and that never leaves the proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from costward_contract.snapshot import Cap, MicroUSD

from costward_extproc.core.ledger import Charge

TurnName = Literal["next", "as-sent", "same", "refused"]
"""next: another rung; as-sent: without our changes; same: once more the same; refused: a cap was in the way."""

_NONSENSE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What reading JSON of another shape raises; the last is an infinite number's."""


_BITS = 63
"""And a sign: the longest number that orjson writes."""


@dataclass(frozen=True, slots=True)
class Splice:
    """The bytes from `start` to `end` are replaced by `value`."""

    start: int
    end: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """One form that a second attempt may take."""

    model: str
    amount: MicroUSD
    """What must be reserved in all before it goes; 0: what is reserved will do."""
    seen: MicroUSD
    """Charged if all of us die from here on: the inputs."""
    splices: tuple[Splice, ...] = ()
    """What makes the body of it out of the first attempt's, one after the other; none: only the model changes."""


@dataclass(frozen=True, slots=True)
class Second:
    next: Turn | None
    as_sent: Turn | None

    @property
    def raises(self) -> bool:
        """Whether either of them needs more reserved than the first attempt."""
        return any(turn is not None and turn.amount for turn in (self.next, self.as_sent))

    def turn(self, name: str) -> Turn | None:
        match name:
            case "next":
                return self.next
            case "as-sent":
                return self.as_sent
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Ticket:
    id: str
    """The exchange's, and so its reservation's."""
    policy: str
    """`namespace/name`."""
    tier: str
    path: str
    """As the caller wrote it: it tells the dialect, and the provider's may be another."""
    size: int
    """Bytes of the first attempt's body: any other body is left alone."""
    charges: tuple[Charge, ...]
    second: Second

    def text(self) -> str:
        values = {
            "id": self.id,
            "policy": self.policy,
            "tier": self.tier,
            "path": self.path,
            "size": self.size,
            "charges": [_charge_out(charge) for charge in self.charges],
            "next": _turn_out(self.second.next),
            "asSent": _turn_out(self.second.as_sent),
        }
        return orjson.dumps(values).decode()

    @classmethod
    def of(cls, text: str) -> Ticket | None:
        """None for what no ticket of this release says."""
        try:
            values = orjson.loads(text)
            return cls(
                id=str(values["id"]),
                policy=str(values["policy"]),
                tier=str(values["tier"]),
                path=str(values["path"]),
                size=_whole(values["size"]),
                charges=tuple(_charge_in(charge) for charge in values["charges"]),
                second=Second(_turn_in(values["next"]), _turn_in(values["asSent"])),
            )
        except _NONSENSE:
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a second attempt, for the record of the exchange."""

    turn: str
    first: int | None
    """Status of the first attempt; None: it gave no answer."""
    reason: str = ""
    """Where it was refused: the decision's reason."""

    def text(self) -> str:
        return orjson.dumps({"turn": self.turn, "first": self.first, "reason": self.reason}).decode()

    @classmethod
    def of(cls, text: str) -> Verdict | None:
        try:
            values = orjson.loads(text)
            first = values["first"]
            return cls(str(values["turn"]), None if first is None else _whole(first), str(values["reason"]))
        except _NONSENSE:
            return None


def _whole(value: Any) -> int:
    """Of 64 bits, as JSON carries it out again; what is longer was read as a float."""
    number = int(value)
    if number.bit_length() > _BITS:
        raise ValueError("a number of more than 63 bits")
    return number


def difference(old: bytes, new: bytes) -> Splice:
    """The one splice that makes `new` out of `old`."""
    start = _longest(min(len(old), len(new)), lambda a, b: old[a:b] == new[a:b])
    shorter = min(len(old), len(new)) - start
    after = _longest(shorter, lambda a, b: old[len(old) - b : len(old) - a] == new[len(new) - b : len(new) - a])
    return Splice(start, len(old) - after, new[start : len(new) - after])


def _longest(most: int, same: Callable[[int, int], bool]) -> int:
    """By halves, so that memory is compared and not bytes in a loop; all of it first, since most changes are one
    insertion near the beginning."""
    low, high = (most, most) if same(0, most) else (0, most)
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


def spliced(body: bytes, splices: Iterable[Splice]) -> bytes:
    for splice in splices:
        body = body[: splice.start] + splice.value + body[splice.end :]
    return body


def _charge_out(charge: Charge) -> list[Any]:
    cap = charge.cap
    return [charge.key, charge.resets_at, cap.id, cap.per, cap.window, cap.limit]


def _charge_in(values: list[Any]) -> Charge:
    key, resets_at, id, per, window, limit = values
    return Charge(key, Cap(id, per, window, MicroUSD(limit)), resets_at)


def _turn_out(turn: Turn | None) -> list[Any] | None:
    if turn is None:
        return None
    splices = [[splice.start, splice.end, splice.value.decode("latin-1")] for splice in turn.splices]
    return [turn.model, turn.amount, turn.seen, splices]


def _turn_in(values: list[Any] | None) -> Turn | None:
    if values is None:
        return None
    model, amount, seen, splices = values
    made = tuple(Splice(_whole(start), _whole(end), value.encode("latin-1")) for start, end, value in splices)
    return Turn(str(model), MicroUSD(_whole(amount)), MicroUSD(_whole(seen)), made)
