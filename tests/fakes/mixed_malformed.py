"""Bodies that are not as they should be."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Mapping

BREAKS: Mapping[str, Callable[[random.Random, bytes], bytes]] = {
    "truncated": lambda draw, body: body[: draw.randrange(1, len(body))],
    "bytes": lambda draw, body: draw.randbytes(draw.randrange(1, 2_000)),
    "not-utf8": lambda draw, body: body.replace(b'"model"', b'"\xff\xfe"', 1),
    "empty": lambda draw, body: b"",
    "array": lambda draw, body: b"[" + body + b"]",
    "no-model": lambda draw, body: body.replace(b'"model"', b'"modell"', 1),
    "trailing": lambda draw, body: body + b"}",
    "deep": lambda draw, body: b"[" * 20_000,
    "gzip": lambda draw, body: gzip.compress(body, mtime=0),
    # A provider may take these, and read them in its own way.
    "twice": lambda draw, body: body[:-1] + b',"user":"a","user":"b"}',
    "nan": lambda draw, body: body[:-1] + b',"seed":NaN}',
    "text-plain": lambda draw, body: body,
}
