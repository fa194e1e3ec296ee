"""Load by wrk: one light client in C, so that the two cores go to what is measured."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bodies import WORDS, Body
from tests.bench.stage import Server

_SCRIPT = """
local function read(path) local f = assert(io.open(path, "rb")); local s = f:read("*a"); f:close(); return s end
local headers = %(headers)s
local head, tail = read(%(head)s), read(%(tail)s)
local words = {}
for word in ([[%(words)s]]):gmatch("%%S+") do words[#words + 1] = word end
local fixed = %(fixed)s
math.randomseed(%(seed)d)
request = function()
  local text = fixed
  if not text then
    local picked = {}
    for n = 1, 12 do picked[n] = words[math.random(#words)] end
    text = table.concat(picked, " ")
  end
  return wrk.format("POST", %(path)s, headers, head .. text .. tail)
end
strays = 0
%(watch)s
local threads = {}
setup = function(thread) threads[#threads + 1] = thread end
done = function(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local p50, p99 = latency:percentile(50) / 1000, latency:percentile(99) / 1000
  local rps = summary.requests / (summary.duration / 1e6)
  local strays = threads[1]:get("strays")
  io.write(string.format("RESULT %%f %%f %%f %%d %%d %%d\\n", p50, p99, rps, summary.requests, bad, strays))
end
"""

_WATCH = """
response = function(status, headers) if headers["x-costward-decision"] ~= %s then strays = strays + 1 end end
"""


@dataclass(frozen=True)
class Load:
    """What is asked, again and again."""

    path: str
    body: Body
    text: str | None
    """None: another text for every request."""
    host: str | None = None
    """Chooses the upstream; None: the one that answers whole."""
    watched: str | None = None
    """The decision that every answer must name, counted where it does not; None: not looked at, which is cheaper."""


@dataclass(frozen=True)
class Sample:
    """Of one round."""

    p50_ms: float
    p99_ms: float
    rps: float
    cpu_ms: float
    """Of the server's processes, for one request."""
    strays: int = 0
    """Answers with another decision than the load's `watched`."""


def wrk_binary() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is not installed: `apt-get install wrk` (Debian), then run `make bench` again")
    return found


def run(folder: Path, server: Server, load: Load, *, seconds: float, connections: int, seed: int) -> Sample:
    """One round against `server`. Raises RuntimeError if any request failed."""
    script = folder / "load.lua"
    script.write_text(_script(folder, load, seed))
    before = server.cpu_seconds()
    lasting = f"-d{max(round(seconds), 1)}s"
    command = [wrk_binary(), "-t1", f"-c{connections}", lasting, "--timeout", "10s", "-s", str(script), server.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True)
    line = next(line for line in ended.stdout.splitlines() if line.startswith("RESULT "))
    p50, p99, rps, requests, bad, strays = line.split()[1:]
    if int(bad) or not int(requests):
        raise RuntimeError(f"{bad} of {requests} requests to {server.url}{load.path} failed: {ended.stdout}")
    cpu_ms = (server.cpu_seconds() - before) * 1000 / int(requests)
    return Sample(float(p50), float(p99), float(rps), cpu_ms, int(strays))


def _script(folder: Path, load: Load, seed: int) -> str:
    """Bodies go by files: megabytes are no Lua literal."""
    head, tail = folder / "head", folder / "tail"
    head.write_text(load.body.head)
    tail.write_text(load.body.tail)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer bench"}
    if load.host is not None:
        headers["Host"] = load.host
    return _SCRIPT % {
        "headers": "{" + ", ".join(f"[{_lua(name)}] = {_lua(value)}" for name, value in headers.items()) + "}",
        "head": _lua(str(head)),
        "tail": _lua(str(tail)),
        "words": WORDS,
        "fixed": "nil" if load.text is None else _lua(load.text),
        "seed": seed,
        "path": _lua(load.path),
        "watch": "" if load.watched is None else _WATCH % _lua(load.watched),
    }


def _lua(text: str) -> str:
    """A string literal; for plain ASCII, JSON's and Lua's are the same."""
    return json.dumps(text)
