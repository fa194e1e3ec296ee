"""Caps and ladders: which counters an exchange charges, and which step of the ladder they have reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from costward_contract.snapshot import Cap, LadderStep, Policy

from costward_extproc.core.identity import Caller
from costward_extproc.core.ledger import Charge, Standing
from costward_extproc.core.record import CapNote
from costward_extproc.core.windows import window_of

_WHOLE = 1_000_000
"""Parts per million of a limit."""

DEFAULT_TEXT = "The {cap} limit of ${limit} is used up (${spent} spent). It resets at {resetsAt}."
RESERVED_TEXT = (
    "The {cap} limit of ${limit} is held by requests that are still running (${spent} spent). Try again soon."
)


def charges(policy: Policy, caller: Caller, now: float) -> tuple[Charge, ...]:
    """The caller's caps in the windows that `now` (unix seconds) falls into. A cap per User without a trusted user is
    charged to the workload's anonymous user, so that dropping the header frees nobody."""
    return tuple(_charge(policy, cap, caller, now) for cap in caller.tier.caps)


def _charge(policy: Policy, cap: Cap, caller: Caller, now: float) -> Charge:
    start, end = window_of(cap.window, now)
    # A platform cap counts in one place for all policies that it was added to: a second policy is no way around it.
    key = f"cw1:{{{cap.scope or policy.ref}}}:cap:{cap.id}:{_subject(cap, caller)}:{start}"
    return Charge(key=key, cap=cap, resets_at=end)


def _subject(cap: Cap, caller: Caller) -> str:
    match cap.per:
        case "User":
            return caller.user or f"anonymous@{caller.workload}"
        case "Session":
            return caller.session or f"none@{caller.workload}"
        case "Tier":
            return caller.tier.name
        case "Workload":
            return str(caller.workload)
        case "Policy":
            return "all"


@dataclass(frozen=True, slots=True)
class Reached:
    """The ladder step in force, and the cap that is nearest to its limit."""

    step: LadderStep | None
    charge: Charge
    standing: Standing


def reached(ladder: Sequence[LadderStep], owed: Sequence[Charge], standings: Sequence[Standing]) -> Reached | None:
    """The last step at or below the largest settled share; None without caps. Reservations do not count here: a
    ladder that moved with what is merely in flight would flicker."""
    if not owed:
        return None
    charge, standing = max(zip(owed, standings, strict=True), key=lambda pair: _share(*pair))
    share = _share(charge, standing)
    step = next((step for step in reversed(ladder) if step.at_ppm <= share), None)
    return Reached(step, charge, standing)


def _share(charge: Charge, standing: Standing) -> int:
    if charge.cap.limit <= 0:
        return _WHOLE
    return standing.spent * _WHOLE // charge.cap.limit


def notes(owed: Sequence[Charge], standings: Sequence[Standing], step: LadderStep | None) -> tuple[CapNote, ...]:
    return tuple(
        CapNote(
            id=charge.cap.id,
            limit=charge.cap.limit,
            spent=standing.spent,
            reserved=standing.reserved,
            resets_at=charge.resets_at,
            step=step.action if step else None,
        )
        for charge, standing in zip(owed, standings, strict=True)
    )


def usd(micro: int) -> str:
    """Micro-dollars as dollars with six digits: `0.000123`."""
    sign = "-" if micro < 0 else ""
    return f"{sign}{abs(micro) // _WHOLE}.{abs(micro) % _WHOLE:06d}"


def instant(unix: int | None) -> str:
    """RFC 3339 in UTC; `never` for a cap without a window."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if unix is not None else "never"


def message(template: str, policy: Policy, tier: str, charge: Charge, standing: Standing) -> str:
    """The owner's words with this cap's figures. The parser allows no other placeholders than these."""
    values = {
        "cap": charge.cap.id,
        "limit": usd(charge.cap.limit),
        "spent": usd(standing.spent),
        "resetsAt": instant(charge.resets_at),
        "tier": tier,
        "policy": policy.ref,
        "owner": policy.owner.team,
        "contact": policy.owner.contact or policy.owner.team,
    }
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template
