"""What this process's exchanges came to since it started, for the control plane's summaries."""

from __future__ import annotations

from costward_contract.v1 import delivery_pb2 as wire

from costward_extproc.core.record import Record


class Sums:
    """Implements `ports.Records`."""

    def __init__(self) -> None:
        self._pulse = wire.Pulse()

    def write(self, record: Record) -> None:
        sums = self._pulse
        sums.exchanges += 1
        sums.hits += record.decision in ("hit-exact", "hit-semantic")
        sums.spent += record.cost
        sums.saved += max(record.baseline - record.cost, 0)

    def pulse(self, serving: bool) -> wire.Pulse:
        """Micro-dollars and counts."""
        told = wire.Pulse()
        told.CopyFrom(self._pulse)
        told.serving = serving
        return told
