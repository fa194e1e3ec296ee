"""What one compilation leaves to the next: of ten thousand policies one has changed, and only that is worked out anew.

Policies are told apart as objects, not by their contents: a frozen policy that is handed in again says what it said
before, and comparing ten thousand would cost what is to be saved.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from costward_contract import policy as p
from costward_contract import snapshot as s
from costward_contract.attachment import Precedence, precedence
from costward_contract.checks import findings
from costward_contract.merge import Merged
from costward_contract.platform_policies import Platform, Reach
from costward_contract.problem import Finding


@dataclass(frozen=True, slots=True)
class _Over:
    reach: Reach
    """What of the platform reached the target then."""
    result: tuple[s.Policy | None, Merged]


@dataclass(slots=True)
class _Known:
    policy: p.CostPolicy
    """Held, so that its id is no other object's meanwhile."""
    precedence: Precedence
    findings: tuple[Finding, ...] | None = None
    over: dict[s.Target, _Over] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """Belongs to one caller, which compiles one time after the other. A compilation gives the same with it as without;
    what it was not asked about in the last one is forgotten, so it never grows beyond the policies that there are."""

    read_strictly: bool = False
    """Whether every policy that is handed in came out of `parse` without problems: what must hold between its fields
    was found to hold there, and is not asked again. For the first compilation of ten thousand that is half of it."""
    _last: dict[int, _Known] = field(default_factory=dict)
    _now: dict[int, _Known] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Policies that are remembered."""
        return len({**self._last, **self._now})

    def begin(self) -> None:
        """Another compilation: the one before is the last one now."""
        self._last, self._now = self._now, {}

    def precedence(self, policy: p.CostPolicy) -> Precedence:
        return self._known(policy).precedence

    def findings(self, policy: p.CostPolicy) -> tuple[Finding, ...]:
        known = self._known(policy)
        if self.read_strictly:
            return ()
        if known.findings is None:
            known.findings = tuple(findings(policy.model_dump(by_alias=True)))
        return known.findings

    def over(self, policy: p.CostPolicy, to: s.Target, platform: Platform) -> tuple[s.Policy | None, Merged]:
        """As `Platform.over`."""
        known, reach = self._known(policy), platform.reach(to)
        before = known.over.get(to)
        # Chains are tuples, which compare their policies as objects first: quick where they are the same.
        if before is None or before.reach != reach:
            before = known.over[to] = _Over(reach, platform.over(policy, to))
        return before.result

    def _known(self, policy: p.CostPolicy) -> _Known:
        key = id(policy)
        known = self._now.get(key)
        if known is None:
            known = self._last.get(key) or _Known(policy, precedence(policy))
            self._now[key] = known
        return known
