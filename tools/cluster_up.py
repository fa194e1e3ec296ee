"""Leave the bench of real parts running for a person: a Kubernetes API server with istiod, without containers."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.bench.control_plane import ControlPlane, running_control_plane
from tests.cluster.bench.mesh import Mesh, running_mesh
from tests.cluster.bench.process import BenchError
from tools.cluster_binaries import Located, provide
from tools.cluster_parts import CONTROL_PLANE, MESH, ROOT, ClusterToolsError, kubernetes_version

FOLDER = ROOT / "state" / "cluster"
"""A fixed place, so that the kubeconfig that a second terminal names stays right over restarts."""
EPILOG = """\
There is no scheduler and no kubelet: a pod stays Pending, and what must run you start as a process. All else is real:
kubectl, helm, CRDs with CEL, admission policies, RBAC, tokens, Leases, garbage collection, and istiod's xDS.

  make cluster-up                         Kubernetes and istiod
  make cluster-up ARGS=--without-mesh     Kubernetes alone, ready some seconds sooner

Data, logs and certificates lie in state/cluster/ and are replaced at the next start. Ctrl-C ends everything.
The first start builds what is missing, about 15 minutes: `make cluster-binaries CLUSTER=--help` tells more.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make cluster-up",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--without-mesh", action="store_true", help="leave istiod out")
    with_mesh = not parser.parse_args().without_mesh
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        located = provide((*CONTROL_PLANE, *MESH) if with_mesh else CONTROL_PLANE)
        with _fresh(FOLDER):
            _run(located, with_mesh)
    except (ClusterToolsError, BenchError) as problem:
        print(f"cluster: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("\ncluster: ended")  # noqa: T201
    return 0


@contextlib.contextmanager
def _fresh(folder: Path) -> Iterator[None]:
    """Empty the folder for this run. Raises BenchError where another run has it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BenchError(f"{folder} is in use by another `make cluster-up`: end that one first") from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield


def _run(located: Located, with_mesh: bool) -> None:
    """Returns never; KeyboardInterrupt ends it."""
    print("cluster: starting, about 15 s", flush=True)  # noqa: T201
    with contextlib.ExitStack() as stack:
        plane = stack.enter_context(running_control_plane(located, FOLDER))
        mesh = stack.enter_context(running_mesh(plane.api, located, FOLDER)) if with_mesh else None
        kubeconfig = FOLDER / "kubeconfig.yaml"
        shutil.copyfile(plane.api.kubeconfig_for(plane.api.token), kubeconfig)
        print(greeting(plane, mesh, kubeconfig), flush=True)  # noqa: T201
        while True:
            signal.pause()


def greeting(plane: ControlPlane, mesh: Mesh | None, kubeconfig: Path) -> str:
    """What a person needs next, each line ready to be pasted."""
    lines = [
        "",
        f"Kubernetes {kubernetes_version()} answers at {plane.api.url}. In another terminal:",
        "",
        f"  export KUBECONFIG={kubeconfig}",
        f"  export PATH={plane.api.kubectl_binary.parent}:$PATH",
        "  kubectl get namespaces",
        "  helm list --all-namespaces",
        "  kubectl create token default        # a caller without rights: RBAC is in force",
        "",
        f"  tail -f {plane.audit_log}    # who asks for what, a line a request",
    ]
    if mesh is not None:
        lines += [
            f"  curl {mesh.debug_url}/debug/syncz    # the proxies that istiod knows",
            f"  istiod serves xDS at 127.0.0.1:{mesh.xds_port}, without TLS",
        ]
    return "\n".join((*lines, "", "Pods stay Pending, as there is no kubelet. Ctrl-C ends everything."))


if __name__ == "__main__":
    raise SystemExit(main())
