"""The prover as a part of the operator's process: what it asks, and on whose behalf."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path as File

import aiohttp

from costward_operator.adapters.kube import Kube
from costward_operator.adapters.wirings import Wirings
from costward_operator.core.governed import traffic_of
from costward_operator.core.known import Known
from costward_operator.proof.evidence import Answer, Path, ProxyView
from costward_operator.proof.istiod import Istiod
from costward_operator.proof.ports import Dumps, EvidenceError, Sightings
from costward_operator.proof.prover import LOOK_S, Prover
from costward_operator.settings import ProofSettings

log = logging.getLogger(__name__)


class NotAsked:
    """Stands for istiod, probes and data planes where there are none: nothing is known from them."""

    def __init__(self, why: str = "") -> None:
        self._why = why

    async def look(self) -> Sequence[ProxyView]:
        raise EvidenceError(self._why)

    async def ask(self, path: Path) -> Answer:
        raise EvidenceError(self._why)

    @property
    def seen(self) -> Mapping[tuple[str, str], float]:
        return {}


@dataclass(slots=True)
class Needs:
    """What proving takes from the rest of the process."""

    kube: Kube
    known: Known
    wall: Callable[[], float]
    failed: Callable[[str], None]
    changed: Callable[[], None]
    sightings: Sightings = field(default_factory=NotAsked)


@asynccontextmanager
async def proving(settings: ProofSettings, needs: Needs) -> AsyncIterator[tuple[Prover, Wirings]]:
    """A prover that is not run yet, and the wirings that it rests on, which are listed meanwhile where there is a
    mesh."""
    wirings = Wirings(needs.kube, needs.failed)
    async with aiohttp.ClientSession() as http:
        prover = Prover(
            traffic=lambda: traffic_of(needs.known.objects()),
            paths=lambda: wirings.paths,
            dumps=_dumps(settings, http),
            # Of wirings that are found in the cluster no entrance is known.
            probes=NotAsked("nothing probes"),
            sightings=needs.sightings,
            wall=needs.wall,
            changed=needs.changed,
        )
        tasks = [asyncio.create_task(wirings.run())] if settings.istiod else []
        try:
            yield prover, wirings
        finally:
            for task in tasks:
                task.cancel()


async def keep_proving(prover: Prover, failed: Callable[[str], None]) -> None:
    """For ever. A look that fails, as by an answer of another istiod than those that are known, proves nothing new."""
    while True:
        try:
            await prover.once()
        except Exception:
            log.exception("the path could not be looked at: what was proven before stays")
            failed("proof")
        await asyncio.sleep(LOOK_S)


def _dumps(settings: ProofSettings, http: aiohttp.ClientSession) -> Dumps:
    if not settings.istiod:
        return NotAsked("istiod is not asked: set COSTWARD_ISTIOD_URL where there is one")
    return Istiod(http, settings.istiod, lambda: _token(settings.istiod_token_file))


def _token(file: File) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise EvidenceError(f"the token for istiod cannot be read from {file}: {error.strerror}") from error
