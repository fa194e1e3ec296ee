"""The way to a Kubernetes API server: kubectl, helm, tokens and kubeconfigs, for an admin or for a lesser caller."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

FIELD_MANAGER = "costward-tests"
TIMEOUT_SECONDS = 60
"""A call takes 0.2 s; only one that waits for something takes longer, and says how long by itself."""


class CallError(Exception):
    """kubectl or helm ended with an error; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Api:
    """One API server as one caller sees it; `as_token` and `in_namespace` make others of it."""

    url: str
    ca: Path
    token: str
    kubectl_binary: Path
    helm_binary: Path
    folder: Path
    namespace: str = "default"

    def as_token(self, token: str) -> Api:
        """The same server for the bearer of `token`."""
        return replace(self, token=token)

    def in_namespace(self, namespace: str) -> Api:
        return replace(self, namespace=namespace)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What kubectl printed. Raises CallError with its words."""
        return self._call(self.kubectl_binary, words, stdin)

    def helm(self, *words: str) -> str:
        """What helm printed. Raises CallError with its words."""
        return self._call(self.helm_binary, words, None)

    def apply(self, *objects: Mapping[str, Any], manager: str = FIELD_MANAGER) -> None:
        """Server-side apply, in this order."""
        text = "\n---\n".join(json.dumps(one) for one in objects)
        self.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=text)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def items(self, kind: str, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, *words, "-o", "json"))["items"]
        return found

    def create(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """POST an object and return the answer: the way to reviews, which exist only in their answer."""
        answer: dict[str, Any] = json.loads(self.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(one)))
        return answer

    def token_for(self, service_account: str, audience: str | None = None) -> str:
        """A token of a ServiceAccount in this namespace, by TokenRequest; the API server's own audience by default."""
        chosen = () if audience is None else (f"--audience={audience}",)
        return self.kubectl("create", "token", service_account, *chosen).strip()

    def kubeconfig_for(self, token: str) -> Path:
        """A kubeconfig for the bearer of `token`, with this namespace as its default."""
        # Named by its content: the same caller has one file, and two callers never share one.
        digest = hashlib.sha256(f"{self.url} {self.namespace} {token}".encode()).hexdigest()[:16]
        file = self.folder / f"kubeconfig-{digest}.yaml"
        if not file.is_file():
            file.write_text(yaml.safe_dump(self._kubeconfig(token)))
            file.chmod(0o600)
        return file

    def _kubeconfig(self, token: str) -> dict[str, Any]:
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        context = {"cluster": "bench", "user": "caller", "namespace": self.namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": "caller", "user": {"token": token}}],
            "contexts": [{"name": "bench", "context": context}],
            "current-context": "bench",
        }

    def _call(self, binary: Path, words: tuple[str, ...], stdin: str | None) -> str:
        # Nothing of the person's own settings, plugins or caches: the folder is this run's home.
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig_for(self.token)),
        }
        done = subprocess.run(
            [str(binary), *words],
            input=stdin,
            env=env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise CallError(f"{binary.name} {' '.join(words)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout
