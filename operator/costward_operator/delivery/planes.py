"""What the control plane knows of one data plane, and what it is to be sent next. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Literal

Form = Literal["same", "delta", "whole"]
"""How an update is sent: nothing but its hash, what changed, or everything."""


@dataclass(frozen=True, slots=True)
class Account:
    """A Kubernetes service account, as its token proved it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Key = tuple[Account, str, int]
"""An account, the node that it named itself by, and the number of its call."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A data plane that is connected."""

    account: Account
    node: str
    version: str
    scope: str | None
    """The namespace whose policies it gets; None: all of them."""
    call: int = 0
    """Which of its calls, counted by the control plane: a data plane that returns may be there before its old call is
    known to be dead."""
    holds: str = ""
    """Hash of what is in force there, as it said itself; empty: nothing."""
    asked: str | None = None
    """Hash of an update that it has not answered yet."""
    form: Form = "same"
    """How that was sent."""
    refused: str | None = None
    """Hash of the last update that it could not take; None once it took one."""
    why: str = ""
    """Its reason, in its own words."""
    needs_whole: bool = False
    """It could not take a delta: the same is tried once more as a whole."""
    greeted: bool = False
    """Whether it has been sent anything on this connection."""
    serving: bool = False
    seen_at: float = 0.0
    """Unix seconds of its last word."""

    @property
    def key(self) -> Key:
        """What names it among the connected ones."""
        return self.account, self.node, self.call

    def form_of(self, wanted: str) -> Form | None:
        """How to send the snapshot `wanted`; None: there is nothing to send now. One update at a time, so that a slow
        data plane gets the newest of a burst, not all of them."""
        if self.asked is not None:
            return None
        if self.holds == wanted:
            return None if self.greeted else "same"
        if self.refused == wanted and not self.needs_whole:
            return None
        return "whole" if self.needs_whole or not self.holds else "delta"

    def sent(self, hash: str, form: Form) -> Plane:
        return replace(self, asked=hash, form=form, greeted=True)

    def acked(self, hash: str, at: float) -> Plane:
        return replace(self, holds=hash, asked=None, refused=None, why="", needs_whole=False, seen_at=at)

    def nacked(self, hash: str, why: str, at: float) -> Plane:
        """What it holds stays in force there."""
        return replace(self, asked=None, refused=hash, why=why, needs_whole=self.form == "delta", seen_at=at)

    def pulsed(self, serving: bool, at: float) -> Plane:
        return replace(self, serving=serving, seen_at=at)


def chosen(present: Set[Key], before: Set[Key], percent: int) -> frozenset[Key]:
    """Who of the connected data planes gets something first: at least one. Those that were chosen stay, also by another
    call."""
    count = max(1, len(present) * percent // 100)
    # In an order that a restart does not change, and that no name is always first in.
    ordered = sorted(present, key=lambda key: hashlib.sha256(f"{key[0]}/{key[1]}".encode()).digest())
    names = {key[:2] for key in before}
    return frozenset(sorted(ordered, key=lambda key: key[:2] not in names)[:count])
