"""The few calls to the API server that the operator makes: small enough to know what each does under a fault.

Calls that may be repeated are repeated, with jittered back-off, and never sooner than the server asked for.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from costward_operator.adapters.access import Access
from costward_operator.errors import BusyError, DeniedError, KubeError, UnreachableError, kube_error

FIELD_MANAGER: Final = "costward-operator"

PAGE: Final = 500
"""Objects a page of a LIST: client-go's default; some MiB at most on either side."""
REQUEST_S: Final = 30.0
"""Half of an API server's own limit, and far above what any call here takes on one that works."""
CONNECT_S: Final = 5.0
TRIES: Final = 5
"""With the back-off below about five seconds: longer outages are the caller's to wait for."""
BACKOFF_S: Final = 0.25
LONGEST_WAIT_S: Final = 60.0
"""No Retry-After is honoured beyond it: by then the world is another one."""
CONNECTIONS: Final = 16
"""The status writer's workers and room for the lease, which must never queue behind them."""

Sleep = Callable[[float], Awaitable[None]]
Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{base}{inside}/{self.plural}" + "".join(f"/{part}" for part in (name, sub) if part)


COST_POLICIES: Final = Resource("costward.dev", "v1alpha1", "costpolicies", "CostPolicy")
CLUSTER_POLICIES: Final = Resource("costward.dev", "v1alpha1", "clustercostpolicies", "ClusterCostPolicy")
POLICY_KINDS: Final = (COST_POLICIES, CLUSTER_POLICIES)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS: Final = Resource("", "v1", "events", "Event")
TOKEN_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview")


def policy_kind(kind: str) -> Resource:
    """Of the two that there are."""
    return next(resource for resource in POLICY_KINDS if resource.kind == kind)


@dataclass(frozen=True, slots=True)
class Page:
    items: Sequence[Mapping[str, Any]]
    version: str
    """resourceVersion of the whole list: the same on all its pages."""


@asynccontextmanager
async def session(access: Access) -> AsyncIterator[aiohttp.ClientSession]:
    """Raises OSError for a CA file that cannot be read."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_S, sock_connect=CONNECT_S)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=access.tls())
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as opened:
        yield opened


class Kube:
    """All methods raise KubeError."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        access: Access,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance`: a number from 0 to 1, by which waits are spread."""
        self._http = http
        self._access = access
        self._sleep = sleep
        self._chance = chance

    async def pages(
        self, resource: Resource, page: int = PAGE, *, selector: str = "", namespace: str = ""
    ) -> AsyncIterator[Page]:
        """All objects of the cluster, or those of a namespace or with the labels of `selector`, as they were at one
        moment. Raises GoneError where that moment is compacted away before the last page: what came so far is then
        worth nothing."""
        chosen = {"labelSelector": selector} if selector else {}
        params = {"limit": str(page), **chosen}
        while True:
            body = await self._again("GET", resource.path(namespace), params)
            metadata = body.get("metadata") or {}
            # Items of a list may come without saying what they are.
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            yield Page([{**kind, **item} for item in body.get("items") or ()], str(metadata.get("resourceVersion", "")))
            if not metadata.get("continue"):
                return
            params = {"limit": str(page), "continue": metadata["continue"], **chosen}

    async def probe(self, resource: Resource) -> None:
        """The cheapest LIST there is: proves the way, the token and the right."""
        await self._once("GET", resource.path(), {"limit": "1"}, None, "", REQUEST_S)

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        return await self._again("GET", resource.path(namespace, name))

    async def apply(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], sub: str | None = None
    ) -> dict[str, Any]:
        """Server-side apply: what `body` names is ours from now on. The object as it is then."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        params = {"fieldManager": FIELD_MANAGER, "force": "true"}
        path = resource.path(namespace, name, sub)
        return await self._again("PATCH", path, params, whole, "application/apply-patch+yaml")

    async def create(self, resource: Resource, namespace: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """Asked once: a repeated creation could make two."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return await self._once("POST", resource.path(namespace), {}, whole, "application/json", REQUEST_S)

    async def replace(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], within_s: float
    ) -> dict[str, Any]:
        """Only for the resourceVersion in `body`, else ConflictError. Asked once."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return await self._once("PUT", resource.path(namespace, name), {}, whole, "application/json", within_s)

    async def read_once(self, resource: Resource, namespace: str, name: str, within_s: float) -> dict[str, Any]:
        return await self._once("GET", resource.path(namespace, name), {}, None, "", within_s)

    async def review_token(self, token: str, audience: str) -> str | None:
        """The user of a token that is good for `audience`, such as `system:serviceaccount:NAMESPACE:NAME`; None for
        any other token."""
        spec = {"token": token, "audiences": [audience]}
        body = {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": spec}
        status = (await self._again("POST", TOKEN_REVIEWS.path(), {}, body)).get("status") or {}
        # An API server that knows nothing of audiences would leave them out: then it vouches for another one's token.
        good = status.get("authenticated") is True and audience in (status.get("audiences") or ())
        return str(status["user"]["username"]) if good else None

    async def _again(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
    ) -> dict[str, Any]:
        for tried in range(1, TRIES + 1):
            try:
                return await self._once(method, path, params or {}, body, content, REQUEST_S)
            except (BusyError, UnreachableError) as error:
                if tried == TRIES:
                    raise
                await self._sleep(self._wait_s(tried, error.retry_after_s))
        raise AssertionError("unreachable")  # pragma: no cover

    def _wait_s(self, tried: int, asked_s: float | None) -> float:
        """Exponential, with full jitter so that many clients do not come back as one."""
        spread: float = self._chance() * BACKOFF_S * 2**tried
        return min(asked_s, LONGEST_WAIT_S) + spread if asked_s is not None else spread

    async def _once(
        self, method: str, path: str, params: Params, body: Mapping[str, Any] | None, content: str, within_s: float
    ) -> dict[str, Any]:
        try:
            return await self._ask(method, path, params, body, content, within_s)
        except DeniedError as error:
            if error.status != 401:
                raise
            self._access.distrust()
            return await self._ask(method, path, params, body, content, within_s)

    async def _ask(
        self, method: str, path: str, params: Params, body: Mapping[str, Any] | None, content: str, within_s: float
    ) -> dict[str, Any]:
        where = f"{method} {path}"
        data = json.dumps(body).encode() if body is not None else None
        try:
            headers = {"Authorization": f"Bearer {self._access.token()}", "Content-Type": content or "application/json"}
            timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_S)
            async with self._http.request(
                method, self._access.server + path, params=params, data=data, headers=headers, timeout=timeout
            ) as answer:
                text = await answer.text()
                if answer.status >= 400:
                    raise kube_error(answer.status, _why(where, answer.status, text), _retry_after(answer.headers))
                found = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnreachableError(f"{where}: {str(error) or type(error).__name__}") from error
        if not isinstance(found, dict):
            raise KubeError(f"{where}: the answer is no object")
        return found


def _why(where: str, status: int, text: str) -> str:
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text
    # 500: an API server's sentence, and not a page of a proxy before it.
    return f"{where}: {status} {message[:500]}"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
