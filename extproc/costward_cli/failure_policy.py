"""Tells when a running policy asks for another `failurePolicy` than the one that Envoy was started with.

Every other edit takes effect by itself; this one is a static flag of Envoy, and nobody would notice that it did not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from costward_contract.wiring import failure_mode_allow

from costward_cli.policies import read_files

LOOK_SECONDS = 1.0
"""As often as the data plane looks for edits, so that the warning comes with the edit; a `stat` costs microseconds."""

_WHEN_GONE = {True: "pass", False: "are refused"}


async def watch(policy: Path, in_force: bool, tell: Callable[[str], None], *, every: float = LOOK_SECONDS) -> None:
    """For ever. `in_force`: Envoy's failure_mode_allow. `tell` gets a sentence at each change of what `policy` asks."""
    seen: tuple[int, int, int] | None = None
    told = in_force
    while True:
        now = _stamp(policy)
        if now is not None and now != seen:
            seen = now
            asked = await asyncio.to_thread(_asked, policy)
            if asked is not None and asked != told:
                told = asked
                tell(_sentence(policy, asked, in_force))
        await asyncio.sleep(every)


def _stamp(policy: Path) -> tuple[int, int, int] | None:
    """None while an editor has taken the file away."""
    try:
        stat = os.stat(policy)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _asked(policy: Path) -> bool | None:
    """None: the file is refused as a whole, and the last good policy goes on."""
    reading = read_files([policy])
    return None if reading.problems else failure_mode_allow(reading.snapshot.policies)


def _sentence(policy: Path, asked: bool, in_force: bool) -> str:
    if asked == in_force:
        return f"failurePolicy in {policy} is {_name(asked)} again, as it is in force"
    return (
        f"failurePolicy in {policy} is now {_name(asked)}, but {_name(in_force)} is still in force: while the data "
        f"plane is gone, LLM requests {_WHEN_GONE[in_force]}. Restart `costward up` for {_name(asked)}"
    )


def _name(allow: bool) -> str:
    return "Open" if allow else "Closed"
