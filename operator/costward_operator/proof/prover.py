"""Looks again and again, and knows for each policy what is proven. It implements the operator's `Proofs`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from costward_operator.core.delivery import Proof
from costward_operator.proof.evidence import Answer, Evidence, Path, ProxyView, Traffic
from costward_operator.proof.ports import Dumps, EvidenceError, Probes, Sightings
from costward_operator.proof.verdict import bypass_of, proofs_of

log = logging.getLogger(__name__)

LOOK_S = 3.0
"""Between two looks: a filter that is dropped is told within ten seconds, with istiod's own debounce and one look that
takes long in them."""


@dataclass(slots=True)
class Prover:
    """`proofs` and `bypasses` are of the last look; before the first there are none, so nothing is proven."""

    traffic: Callable[[], Iterable[Traffic]]
    """Of all accepted policies."""
    paths: Callable[[], Iterable[Path]]
    """Of all wirings that should be in force."""
    dumps: Dumps
    probes: Probes
    sightings: Sightings
    wall: Callable[[], float]
    changed: Callable[[], None] = lambda: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _proofs: Mapping[str, Proof] = field(default_factory=dict)
    _bypasses: Mapping[str, str] = field(default_factory=dict)

    @property
    def proofs(self) -> Mapping[str, Proof]:
        """By `namespace/name`."""
        return self._proofs

    @property
    def bypasses(self) -> Mapping[str, str]:
        """By `namespace/name`, in words: how its traffic may go around; what is not in it has no way that is known."""
        return self._bypasses

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.once()
            await self.sleep(LOOK_S)

    async def once(self) -> None:
        """One look."""
        evidence = await self._look()
        governed = tuple(self.traffic())
        # A seventh of a second for ten thousand policies: the lease must have its turn meanwhile.
        proofs = await asyncio.to_thread(proofs_of, governed, evidence)
        bypasses = {one.ref: way for one in governed if (way := bypass_of(one, evidence))}
        if (proofs, bypasses) != (self._proofs, self._bypasses):
            self._proofs, self._bypasses = proofs, bypasses
            self.changed()

    async def _look(self) -> Evidence:
        paths = tuple(self.paths())
        asked = [path for path in paths if path.entrance]
        looking = asyncio.create_task(self._proxies())
        answers = await asyncio.gather(*(self._ask(path) for path in asked))
        proxies, problem = await looking
        told = {path: answer for path, answer in zip(asked, answers, strict=True) if answer is not None}
        return Evidence(paths, told, proxies, dict(self.sightings.seen), self.wall(), problem)

    async def _ask(self, path: Path) -> Answer | None:
        try:
            return await self.probes.ask(path)
        except EvidenceError as error:
            log.debug("a probe told nothing: %s", error)
            return None

    async def _proxies(self) -> tuple[tuple[ProxyView, ...] | None, str]:
        try:
            return tuple(await self.dumps.look()), ""
        except EvidenceError as error:
            return None, str(error)
