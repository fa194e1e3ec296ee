"""A cluster by its API server. lightkube finds the way (kubeconfig, contexts, plugins that fetch tokens, certificates);
objects stay the plain JSON that the pure functions read."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import httpx2
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError

from costward_cli.cluster.kinds import Kind
from costward_cli.cluster.ports import Obj
from costward_cli.problems import CliError

FIELD_MANAGER = "costward-cli"
_PAGE = 500
"""As kubectl asks: the API server need not hold thousands of objects for one answer."""
_TIMEOUT_S = 15
"""A person waits; longer means that the server is not there."""


class KubeApi:
    """`costward_cli.cluster.ports.Cluster` by HTTP."""

    def __init__(self, client: httpx2.Client, namespace: str) -> None:
        """`namespace`: that of the kubeconfig's context."""
        self._client = client
        self.namespace = namespace

    def items(self, kind: Kind, namespace: str | None = None) -> list[Obj]:
        found: list[Obj] = []
        page = ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": page} if page else {})
            answer = self._ask("GET", kind.path(namespace), params=query)
            if answer is None:
                return []
            # A list's items do not name their kind.
            named = {"apiVersion": kind.api_version, "kind": kind.kind}
            found += [named | one for one in answer["items"]]
            page = answer["metadata"].get("continue", "")
            if not page:
                return found

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Obj | None:
        return self._ask("GET", kind.path(namespace, name))

    def apply(self, kind: Kind, one: Obj) -> None:
        metadata = one["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        headers = {"content-type": "application/apply-patch+yaml"}
        self._found(path, self._ask("PATCH", path, params=query, headers=headers, content=json.dumps(one)))

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> None:
        self._ask("DELETE", kind.path(namespace, name))

    def create(self, kind: Kind, one: Obj) -> Obj:
        path = kind.path(one.get("metadata", {}).get("namespace"))
        return self._found(path, self._ask("POST", path, json=one))

    def version(self) -> str:
        return str(self._found("/version", self._ask("GET", "/version"))["gitVersion"])

    @staticmethod
    def _found(path: str, answer: Obj | None) -> Obj:
        if answer is None:
            raise CliError(f"the API server knows no {path}", mend="look whether the CRDs are installed")
        return answer

    def _ask(self, method: str, path: str, **how: Any) -> Obj | None:
        """The answer's object; None for 404. Raises CliError with the server's own words for all else."""
        try:
            answer = self._client.request(method, path, **how)
        except (httpx2.HTTPError, OSError) as error:
            raise CliError(
                f"no answer from the API server at {self._client.base_url}: {type(error).__name__}: {error}",
                mend="check the kubeconfig and its context: kubectl version must answer",
            ) from error
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.is_error:
            raise CliError(_refusal(method, path, answer), mend=_mend(answer.status_code))
        found: Obj = answer.json()
        return found


def connected(context: str | None = None) -> KubeApi:
    """The cluster of `$KUBECONFIG`, of `~/.kube/config` or of the pod that this runs in. Raises CliError."""
    try:
        chosen = KubeConfig.from_env().get(context_name=context)
    except (ConfigError, OSError, ValueError) as error:
        raise CliError(
            f"no cluster can be reached: {error}", mend="set KUBECONFIG, or name a --context of it"
        ) from error
    if chosen is None:
        raise CliError("the kubeconfig names no current context", mend="kubectl config use-context NAME, or --context")
    return KubeApi(Client(chosen, ConnectionParams(timeout=httpx2.Timeout(_TIMEOUT_S))), chosen.namespace)


def _refusal(method: str, path: str, answer: httpx2.Response) -> str:
    try:
        words = str(answer.json().get("message", ""))
    except ValueError:
        words = answer.text[:200]
    return f"{method} {path}: {answer.status_code}: {words}"


def _mend(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "use an account with this right; `costward doctor --cluster` lists those that are missing"
    return "see the server's own words above"
