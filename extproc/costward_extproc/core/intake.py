"""How many bytes of bodies may be on their way to be read at once, and which body is not asked for.

Envoy waits a second for our answer to a body, from the moment at which it begins to hand it over, and then lets the
request pass around its caps. Bodies that come together share one core for being received and read, so a burst of large
ones would all be late. What is beyond the bound is decided by its headers, while Envoy still has all of its patience.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SMALL_BYTES = 128 * 1024
"""A body up to this is read within some 10 ms, also where none of its words were seen before (10 MB/s measured). It is
always asked for: such bodies are bounded by number."""

MOST_BYTES = 16 * 1024 * 1024
"""What one core receives and reads within a third of Envoy's second, at 48 MB/s: beside other work, half of what was
measured alone (50 to 170 MB/s for text of 1 to 8 MB; 30 MB/s for JSON of the most members, which is half as long)."""

EACH_BYTES = 1024 * 1024
"""On top of each: a large body takes 12 ms besides what goes by its length, for the tokens of its beginning."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What was asked for and is not decided yet, in weighted bytes (see `weight`)."""

    taken: int = 0
    likely: int = SMALL_BYTES
    """Bytes that a body of unknown length is taken for: the longest of late, halved by each shorter one."""

    def weight(self, length: int | None) -> int:
        """Of a body with this declared length; None: it declares none, as one in chunks."""
        if length is None:
            length = self.likely
        elif length <= SMALL_BYTES:
            return 0
        return length if length <= SMALL_BYTES else length + EACH_BYTES

    def has_room_for(self, weight: int) -> bool:
        """One body alone may be of any size."""
        return not weight or not self.taken or self.taken + weight <= MOST_BYTES

    def with_more(self, weight: int) -> Intake:
        """`weight` may be negative: that much is decided, or will not come."""
        return replace(self, taken=self.taken + weight)

    def having_seen(self, size: int) -> Intake:
        """A body that declared no length had this many bytes."""
        return replace(self, likely=max(size, self.likely // 2, SMALL_BYTES))


IDLE = Intake()
"""No body is on its way."""
