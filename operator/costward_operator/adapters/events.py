"""Kubernetes events about policies: told when a condition turns, and at no other time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from costward_operator.adapters.bucket import Bucket
from costward_operator.adapters.kube import EVENTS, FIELD_MANAGER, Kube, policy_kind
from costward_operator.core.objects import Seen
from costward_operator.core.status import StatusChange, Transition
from costward_operator.errors import KubeError

log = logging.getLogger(__name__)

_RATE = 5.0
_BURST = 50.0
"""Events are for people: fifty at once is more than one reads, and an API server keeps each for an hour. The status has
it all."""


class Events:
    def __init__(
        self, kube: Kube, me: str, clock: Callable[[], float], wall: Callable[[], float], lost: Callable[[], None]
    ) -> None:
        """`me`: this process, as events name who reports. `lost`: counts one that was not told."""
        self._kube = kube
        self._me = me
        self._wall = wall
        self._lost = lost
        self._bucket = Bucket(_RATE, _BURST, clock)

    async def tell(self, change: StatusChange) -> None:
        """Never raises KubeError: an event that is lost is no harm."""
        for transition in change.transitions:
            # Ready only sums up what the others tell.
            if transition.type == "Ready":
                continue
            if not self._bucket.take_now():
                self._lost()
                continue
            try:
                await self._kube.create(EVENTS, _place(change.seen), self._body(change.seen, transition))
            except KubeError as error:
                self._lost()
                log.debug("an event was not told: %s", error)

    def _body(self, seen: Seen, transition: Transition) -> dict[str, object]:
        moment = datetime.fromtimestamp(self._wall(), UTC)
        good = "False" if transition.type == "Degraded" else "True"
        return {
            # 200 of the 253 characters of a name: the API server adds its own five.
            "metadata": {"generateName": f"{seen.name[:200]}.", "namespace": _place(seen)},
            "involvedObject": {
                "apiVersion": policy_kind(seen.kind).api_version,
                "kind": seen.kind,
                "name": seen.name,
                **({"namespace": seen.namespace} if seen.namespace else {}),
                "uid": seen.uid,
            },
            "type": "Normal" if transition.status == good else "Warning",
            "reason": transition.reason.value,
            "message": transition.message or f"{transition.type} is {transition.status}",
            "action": transition.type,
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self._me[:128],
            "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }


def _place(seen: Seen) -> str:
    """Events of what is in no namespace are told in `default`, as Kubernetes' own are."""
    return seen.namespace or "default"
