"""Load by wrk: one light client in C, so that the two cores go to what is measured."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

_SCRIPT = """
local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer bench"}
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
  local body = '{"model":"gpt-5-mini","messages":[{"role":"system","content":"%(system)s"},' ..
    '{"role":"user","content":"' .. text .. '"}],"temperature":0.2,"max_tokens":256}'
  return wrk.format("POST", "%(path)s", headers, body)
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %%f %%f %%f %%d %%d\\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.requests / (summary.duration / 1e6), summary.requests, bad))
end
"""

SYSTEM = "You help with accounts."

WORDS = """
account address amount answer apple arrive autumn balance banner basket battery beach bottle branch bridge budget
butter button cabin camera candle carpet castle ceiling chapter cherry circle closet coffee color copper corner
cotton course cousin dinner doctor dragon drawer engine evening fabric factory farmer father feather fiction
finger flower folder forest fridge garden garlic ginger glass guitar hammer harbor helmet hobby honey hotel
island jacket jungle kettle kitchen ladder lemon letter library lizard magnet market meadow melody mirror monkey
mountain museum needle notebook office orange oven painter palace paper pencil pepper piano picture pillow planet
pocket potato printer puzzle rabbit radio recipe ribbon river rocket salad sandal school season shadow silver
soccer spider spring square station stone summer sunset table teacher temple ticket tiger tower train travel tree
tunnel turtle valley velvet village violin wagon wallet water window winter wizard yellow zebra
"""
"""Everyday nouns: twelve of them at random are about sixteen tokens, and two such texts are never alike."""


@dataclass(frozen=True)
class Sample:
    p50_ms: float
    p99_ms: float
    rps: float
    cpu_ms: float
    """Of the server's process, for one request."""


def wrk_binary() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is not installed: `apt-get install wrk` (Debian), then run `make bench` again")
    return found


def run(
    folder: Path,
    url: str,
    path: str,
    *,
    text: str | None,
    seconds: float,
    connections: int,
    seed: int,
    process: psutil.Process | None,
) -> Sample:
    """One round against `url`. Raises RuntimeError if any request failed."""
    fixed = "nil" if text is None else f'"{text}"'
    script = folder / "load.lua"
    script.write_text(_SCRIPT % {"words": WORDS, "system": SYSTEM, "fixed": fixed, "seed": seed, "path": path})
    before = _cpu(process)
    command = [
        wrk_binary(),
        "-t1",
        f"-c{connections}",
        f"-d{max(round(seconds), 1)}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        url,
    ]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    line = next(line for line in printed.splitlines() if line.startswith("RESULT "))
    p50, p99, rps, requests, bad = line.split()[1:]
    if int(bad):
        raise RuntimeError(f"{bad} of {requests} requests to {url}{path} failed: {printed}")
    return Sample(float(p50), float(p99), float(rps), (_cpu(process) - before) * 1000 / max(int(requests), 1))


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)
