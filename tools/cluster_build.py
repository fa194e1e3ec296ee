"""Make one part of the bench with Go: compile a binary, or join the manifests that a module carries."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tools.cluster_go import Go, build_environment
from tools.cluster_parts import FLAGS, MODULES, Binary, ClusterToolsError, Manifests, link_flags

SAY_EVERY = 20.0
"""Seconds between two words about a running build: rarer would look like a hang."""
ERROR_LINES = 20
"""Of a failed build's output: the compiler's errors, without the packages that it named before them."""


def build(binary: Binary, go: Go, folder: Path) -> None:
    """Compile `binary` to `folder`/NAME, telling how far it is. Raises ClusterToolsError with the compiler's words."""
    started = time.monotonic()
    _say(f"building {binary.name} with {go.version}: about {binary.minutes} min on two cores, once")
    command = [str(go.command), "build", "-v", *FLAGS, "-ldflags", link_flags(binary), "-o", str(folder / binary.name)]
    with subprocess.Popen(
        [*command, binary.package],
        cwd=MODULES / binary.module,
        env=build_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = _follow(binary, process.stderr, started)
    if process.returncode != 0:
        raise ClusterToolsError(
            f"{binary.name} could not be built in {_shown(MODULES / binary.module)}: is the Go module proxy to be had "
            f"(GOPROXY)? go said:\n{''.join(lines[-ERROR_LINES:])}"
        )
    _say(f"built {binary.name} in {_minutes(time.monotonic() - started)}")


def _follow(binary: Binary, output: Iterable[str], started: float) -> list[str]:
    """Read `go build -v`, which names each package as it is compiled, until its end."""
    lines: list[str] = []
    said = started
    for line in output:
        lines.append(line)
        if (now := time.monotonic()) - said >= SAY_EVERY:
            _say(f"  {binary.name}: {len(lines)} packages fetched or compiled after {_minutes(now - started)}")
            said = now
    return lines


def collect(manifests: Manifests, go: Go, folder: Path) -> None:
    """Join the manifests to `folder`/NAME, in the order of their paths. Raises ClusterToolsError."""
    module = MODULES / manifests.module
    where = [str(go.command), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", manifests.source]
    fetch = [str(go.command), "mod", "download", manifests.source]
    for command in (fetch, where):
        done = subprocess.run(command, cwd=module, env=build_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterToolsError(f"{manifests.source} cannot be had for {_shown(module)}: {done.stderr.strip()}")
    root = Path(done.stdout.strip())
    files = sorted(file for pattern in manifests.patterns for file in root.glob(pattern))
    if not files:
        raise ClusterToolsError(f"{manifests.name}: {manifests.source} has no {manifests.patterns}: it moved them")
    (folder / manifests.name).write_text("\n---\n".join(file.read_text() for file in files))
    _say(f"collected {manifests.name} from {len(files)} files of {manifests.source}")


def _shown(folder: Path) -> str:
    return str(folder.relative_to(MODULES.parents[2]))


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02} min"


def _say(words: str) -> None:
    print(f"cluster: {words}", flush=True)  # noqa: T201
