"""How much later a chunk of a stream reaches its reader: one paced stream at a time, read by a raw socket.

The upstream stamps each chunk when it writes it, so every chunk tells its own delay, also where chunks catch up with
each other. The delay without the filter is taken off afterwards.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.answers import WORD
from tests.bench.bodies import PATHS, Body, body
from tests.bench.cases import Case
from tests.bench.load import Load, Sample
from tests.bench.ratios import percentile
from tests.bench.stage import STREAMS_HOST, Server

COUNTS = (1, 10, 100, 1000)
"""One chunk comes with its headers; a thousand are a long answer."""

GAP_US = 2_000
"""500 chunks a second: faster than any provider speaks, and slow enough that a chunk seldom meets the one before."""

_DIALECT = "openai.chat"
_STAMP = re.compile(rb'"content":"(\d{%d})"' % len(WORD))
_END = b"\r\n0\r\n\r\n"
_TIMEOUT_S = 30.0
"""Ten times the longest stream."""


def cases() -> list[Case]:
    """`chunk-N`, each after the same without the filter and with the no-op server."""
    found = []
    asked = body(_DIALECT, "1k", stream=True)
    for count in COUNTS:
        path = f"{PATHS[_DIALECT]}?chunks={count}&gapUs={GAP_US}"
        load = Load(path, asked, None, host=STREAMS_HOST)
        base, noop = f"envoy-chunk-{count}", f"noop-chunk-{count}"
        found += [
            Case(base, "envoy", load, None),
            Case(noop, "noop", load, None),
            Case(f"chunk-{count}", "exact", load, "pass", base=base, noop=noop),
        ]
    return found


def run(_folder: Path, server: Server, load: Load, *, seconds: float, connections: int, seed: int) -> Sample:
    """One stream after the other until `seconds` are over; the latencies are of chunks, all else is of streams.

    Raises RuntimeError if a stream lacks a chunk, and OSError if the connection breaks.
    """
    if connections != 1:
        raise ValueError("streams are measured one at a time")
    delays: list[float] = []
    streams, started, before = 0, time.monotonic(), server.cpu_seconds()
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not streams or time.monotonic() < started + seconds:
            delays += _stream(line, load, f"question {seed} {streams} at {time.monotonic_ns()}")
            streams += 1
    took = time.monotonic() - started
    cpu_ms = (server.cpu_seconds() - before) * 1000 / streams
    return Sample(percentile(delays, 0.5), percentile(delays, 0.99), streams / took, cpu_ms)


def _stream(line: socket.socket, load: Load, text: str) -> list[float]:
    """Milliseconds that each chunk took."""
    line.sendall(request(load.path, load.host or "bench", load.body, text))
    delays = read_delays(lambda: line.recv(65_536), time.monotonic_ns)
    wanted = int(load.path.partition("chunks=")[2].partition("&")[0])
    if len(delays) != wanted:
        raise RuntimeError(f"{len(delays)} of {wanted} chunks arrived")
    return delays


def request(path: str, host: str, asked: Body, text: str) -> bytes:
    content = asked.of(text)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nauthorization: Bearer bench\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def read_delays(read: Callable[[], bytes], clock: Callable[[], int]) -> list[float]:
    """Read one chunked answer to its end. `clock`: nanoseconds, that of the stamps.

    Raises RuntimeError if it is cut.
    """
    delays: list[float] = []
    received, seen = b"", 0
    while not received.endswith(_END):
        data = read()
        now = clock()
        if not data:
            raise RuntimeError(f"a stream was cut after {len(delays)} chunks")
        received += data
        for found in _STAMP.finditer(received, seen):
            delays.append((now - int(found[1])) / 1e6)
            seen = found.end()
    return delays
