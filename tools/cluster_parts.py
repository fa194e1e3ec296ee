"""What the bench of real parts is built from: which binaries and manifests, out of which Go modules, with which flags.

The versions stand in tests/cluster/controlplane/*/go.mod, the digests in the go.sum beside it. Nothing here runs or
writes anything: the folder of a part in the cache follows from its sources, its flags and the Go that builds it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "tests" / "cluster" / "controlplane"
FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")
"""The same bytes wherever the checkout lies, and never another version than go.mod says."""
KEY_LENGTH = 16
"""64 bits of a digest: no two parts of one machine's cache meet."""
_GO_DIRECTIVE = re.compile(r"^go (\d+(?:\.\d+)+)$", re.MULTILINE)
_REQUIRED = re.compile(r"^(?:require |\t)(\S+) (v\S+)", re.MULTILINE)


class ClusterToolsError(Exception):
    """What of the bench cannot be had here, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Binary:
    """One command: the package that has its `main`, and variables (`-X`) that its linker sets."""

    name: str
    module: str
    package: str
    minutes: int
    """Of a cold build on two cores: for the words that ask for patience."""
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Manifests:
    """YAML that a Go module carries, joined into one file: files of `source` whose path fits one of `patterns`."""

    name: str
    module: str
    source: str
    patterns: tuple[str, ...]


Part = Binary | Manifests


def required(module: str, path: str) -> str:
    """The version of Go module `path` that a wrapper module asks for, such as `v1.36.3`."""
    found = dict(_REQUIRED.findall((MODULES / module / "go.mod").read_text()))
    return str(found[path])


def kubernetes_version() -> str:
    return required("kubernetes", "k8s.io/kubernetes")


def _kubernetes_variables() -> tuple[tuple[str, str], ...]:
    """Without them the server calls itself `v0.0.0-master+$Format`, which helm and kubectl refuse."""
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    where = "k8s.io/component-base/version"
    return (f"{where}.gitVersion", version), (f"{where}.gitMajor", major), (f"{where}.gitMinor", minor)


ETCD = Binary("etcd", "etcd", ".", 2)
KUBE_APISERVER = Binary("kube-apiserver", "kubernetes", "./kube-apiserver", 5, _kubernetes_variables())
KUBE_CONTROLLER_MANAGER = Binary(
    "kube-controller-manager", "kubernetes", "./kube-controller-manager", 2, _kubernetes_variables()
)
ISTIOD = Binary("istiod", "istiod", ".", 6)
ENVOY_GATEWAY = Binary("envoy-gateway", "envoygateway", ".", 4)
ISTIO_CRDS = Manifests("istio-crds.yaml", "istiod", "istio.io/istio", ("manifests/charts/base/files/crd-all.gen.yaml",))
GATEWAY_CRDS = Manifests(
    "gateway-crds.yaml",
    "istiod",
    "sigs.k8s.io/gateway-api",
    ("config/crd/standard/gateway.networking.k8s.io_*.yaml",),
)
ENVOY_GATEWAY_CRDS = Manifests(
    "envoy-gateway-crds.yaml",
    "envoygateway",
    "github.com/envoyproxy/gateway",
    ("charts/gateway-helm/charts/crds/crds/generated/*.yaml",),
)

CONTROL_PLANE: tuple[Part, ...] = (ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER)
MESH: tuple[Part, ...] = (ISTIOD, ISTIO_CRDS, GATEWAY_CRDS)
ENVOY_GATEWAY_PARTS: tuple[Part, ...] = (ENVOY_GATEWAY, ENVOY_GATEWAY_CRDS)
EVERYTHING: tuple[Part, ...] = (*CONTROL_PLANE, *MESH, *ENVOY_GATEWAY_PARTS)


def link_flags(binary: Binary) -> str:
    """Without symbol tables, which nobody reads here: a third of the size."""
    return " ".join(("-s", "-w", *(f"-X {name}={value}" for name, value in binary.variables)))


def lowest_go() -> tuple[int, ...]:
    """The oldest Go that can build every module, by their `go` directives; such as (1, 26, 7)."""
    found = (_GO_DIRECTIVE.search(file.read_text()) for file in MODULES.glob("*/go.mod"))
    return max(tuple(int(number) for number in match[1].split(".")) for match in found if match)


def key(part: Part, go_version: str) -> str:
    """The name of a part's folder in the cache: of its module files, its `main`, its flags and `go_version`."""
    digest = hashlib.sha256()
    for word in _told(part, go_version):
        digest.update(f"{len(word)}:".encode() + word)
    return digest.hexdigest()[:KEY_LENGTH]


def _told(part: Part, go_version: str) -> Iterable[bytes]:
    folder = MODULES / part.module
    yield (folder / "go.mod").read_bytes()
    yield (folder / "go.sum").read_bytes()
    yield part.name.encode()
    if isinstance(part, Manifests):
        yield from (word.encode() for word in (part.source, *part.patterns))
        return
    for source in sorted((folder / part.package).glob("*.go")):
        yield source.read_bytes()
    yield from (word.encode() for word in (*FLAGS, link_flags(part), go_version))
