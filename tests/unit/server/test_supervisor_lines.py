"""Decision lines of several workers reach one output whole, however long they are and wherever a write was cut."""

from __future__ import annotations

import io
import os
import threading

from costward_extproc.adapters.line_pump import LinePump

LINES = 200
LONG = 9_000
"""Characters: more than a pipe takes at once."""


def write(descriptor: int, letter: bytes) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        for _ in range(LINES):
            pipe.write(letter * LONG + b"\n")


def test_lines_of_two_writers_never_mix() -> None:
    out = io.BytesIO()
    pump, writers = LinePump(out), []
    for letter in (b"a", b"b"):
        source, end = os.pipe()
        pump.carry(source)
        writers.append(threading.Thread(target=write, args=(end, letter)))
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    pump.close()
    lines = out.getvalue().splitlines()
    assert sorted(lines) == [b"a" * LONG] * LINES + [b"b" * LONG] * LINES


def test_a_line_that_its_writer_did_not_end_is_left_out() -> None:
    out = io.BytesIO()
    pump = LinePump(out)
    source, end = os.pipe()
    pump.carry(source)
    os.write(end, b'{"id": 1}\n{"id": ')
    os.close(end)
    pump.close()
    assert out.getvalue() == b'{"id": 1}\n'
