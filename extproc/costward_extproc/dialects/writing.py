"""What every codec needs to write a stored answer as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

_PIECES = re.compile(r"\s*\S+|\s+$", re.DOTALL)
"""Words with the space before them: about the size of the pieces that providers stream; joined they are the text."""

PLACE = "\u0000piece"
"""Where a piece goes in the one event that all pieces share; no provider's member holds a zero character."""


def pieces(event: bytes, text: str) -> Iterator[bytes]:
    """Copies of `event`, each with a piece of `text` where the event has PLACE as a JSON string."""
    before, after = event.split(orjson.dumps(PLACE))
    for piece in _PIECES.findall(text):
        yield before + orjson.dumps(piece) + after
