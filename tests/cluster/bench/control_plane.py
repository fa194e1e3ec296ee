"""A whole Kubernetes control plane on loopback, without containers: etcd, kube-apiserver, kube-controller-manager.

There is no scheduler and no kubelet, so a pod never runs; all that the API promises is real: admission, CRDs, CEL,
RBAC, server-side apply, Leases, garbage collection, service accounts and their tokens.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.audit import POLICY
from tests.cluster.bench.process import BenchError, Process, free_ports, says_ok, until
from tools.cluster_binaries import Located

ISSUER = "https://kubernetes.default.svc"
ADVERTISED = "192.0.2.1"
"""Of TEST-NET-1: Endpoints refuse loopback, and the machine's own address would differ from run to run."""
SERVICE_RANGE = "10.0.0.0/24"
TOKEN_BYTES = 24
CONTROLLER_MANAGER = "system:kube-controller-manager"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """`api` is the admin's; `audit_log` has a line a request; processes can be paused and restarted by tests."""

    api: Api
    etcd: Process
    api_server: Process
    controller_manager: Process
    audit_log: Path
    folder: Path

    @property
    def processes(self) -> tuple[Process, ...]:
        return self.etcd, self.api_server, self.controller_manager


@contextlib.contextmanager
def running_control_plane(located: Located, folder: Path) -> Iterator[ControlPlane]:
    """Everything lies in `folder`. Ready: the API answers, and new namespaces get their service accounts."""
    plane = _built(located, folder)
    with contextlib.ExitStack() as stack:
        for process in plane.processes:
            # Before the start: one that does not become ready is ended too.
            stack.callback(process.stop)
            process.start()
        until(lambda: _has_service_account(plane.api), "service accounts", show=plane.controller_manager.tail)
        yield plane


def _built(located: Located, folder: Path) -> ControlPlane:
    client, peer, secure, controller = free_ports(4)
    certificates = folder / "certificates"
    certificates.mkdir()
    _service_account_key(folder / "service-account.key")
    tokens = {name: secrets.token_hex(TOKEN_BYTES) for name in ("admin", CONTROLLER_MANAGER)}
    _write_tokens(folder / "tokens.csv", tokens)
    (folder / "audit-policy.yaml").write_text(json.dumps(POLICY))
    api = Api(
        url=f"https://127.0.0.1:{secure}",
        ca=certificates / "apiserver.crt",
        token=tokens["admin"],
        kubectl_binary=located.clients.kubectl,
        helm_binary=located.clients.helm,
        folder=folder,
    )
    return ControlPlane(
        api=api,
        etcd=_etcd(located.parts["etcd"], folder, client, peer),
        api_server=_api_server(located.parts["kube-apiserver"], folder, client, api),
        controller_manager=_controller_manager(
            located.parts["kube-controller-manager"], folder, controller, api.kubeconfig_for(tokens[CONTROLLER_MANAGER])
        ),
        audit_log=folder / "audit.log",
        folder=folder,
    )


def _service_account_key(file: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BenchError("no openssl here to make the key of service accounts with: install it")
    subprocess.run([openssl, "genrsa", "-out", str(file), "2048"], check=True, capture_output=True)


def _write_tokens(file: Path, tokens: dict[str, str]) -> None:
    """A line a token: token, user, uid, groups. Only the admin passes RBAC without a rule."""
    groups = {"admin": "system:masters"}
    lines = [f'{token},{user},{user},"{groups.get(user, "")}"\n' for user, token in tokens.items()]
    file.write_text("".join(lines))
    file.chmod(0o600)


def _etcd(binary: Path, folder: Path, client: int, peer: int) -> Process:
    mine, other = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    words = {
        "data-dir": str(folder / "etcd"),
        "listen-client-urls": mine,
        "advertise-client-urls": mine,
        "listen-peer-urls": other,
        "initial-advertise-peer-urls": other,
        "initial-cluster": f"default={other}",
        "log-level": "warn",
    }
    # Its data lives for one run: syncing it to disk would only take time.
    command = [str(binary), "--unsafe-no-fsync", *(f"--{name}={value}" for name, value in words.items())]
    return Process("etcd", command, folder / "etcd.log", lambda: says_ok(f"{mine}/health"))


def _api_server(binary: Path, folder: Path, etcd: int, api: Api) -> Process:
    key = str(folder / "service-account.key")
    words = {
        "etcd-servers": f"http://127.0.0.1:{etcd}",
        "bind-address": "127.0.0.1",
        "secure-port": api.url.rsplit(":", 1)[1],
        "advertise-address": ADVERTISED,
        "endpoint-reconciler-type": "none",
        "cert-dir": str(api.ca.parent),
        "token-auth-file": str(folder / "tokens.csv"),
        "authorization-mode": "RBAC",
        "service-cluster-ip-range": SERVICE_RANGE,
        "service-account-key-file": key,
        "service-account-signing-key-file": key,
        "service-account-issuer": ISSUER,
        "audit-policy-file": str(folder / "audit-policy.yaml"),
        "audit-log-path": str(folder / "audit.log"),
    }
    command = [str(binary), *(f"--{name}={value}" for name, value in words.items())]
    return Process(
        "kube-apiserver",
        command,
        folder / "kube-apiserver.log",
        lambda: says_ok(f"{api.url}/readyz", ca=api.ca, token=api.token),
    )


def _controller_manager(binary: Path, folder: Path, port: int, kubeconfig: Path) -> Process:
    certificates = folder / "certificates"
    words = {
        "kubeconfig": str(kubeconfig),
        "bind-address": "127.0.0.1",
        "secure-port": str(port),
        "cert-dir": str(certificates),
        "root-ca-file": str(certificates / "apiserver.crt"),
        "service-account-private-key-file": str(folder / "service-account.key"),
        # Its own port serves /healthz alone: it need not ask the API server who calls.
        "authentication-skip-lookup": "true",
        # Each controller has the rights of its own role, as in a real cluster.
        "use-service-account-credentials": "true",
        "leader-elect": "false",
    }
    command = [str(binary), *(f"--{name}={value}" for name, value in words.items())]
    return Process(
        "kube-controller-manager",
        command,
        folder / "kube-controller-manager.log",
        lambda: says_ok(f"https://127.0.0.1:{port}/healthz", ca=certificates / "kube-controller-manager.crt"),
    )


def _has_service_account(api: Api) -> bool:
    with contextlib.suppress(CallError):
        return bool(api.get("serviceaccount", "default"))
    return False
