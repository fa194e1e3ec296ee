"""A small, strict API server for the faults that a real one cannot be made to show: streams that break in the middle,
ERROR events, 410 storms, 429 with Retry-After, rights withdrawn, lists that crawl.

Its own behaviour is `apiserver_state`; how the real one behaves is tested against the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.apiserver_state import Body, Key, Refused, State

_GROUPS = {"costward.dev": "v1alpha1", "apiextensions.k8s.io": "v1"}
_SERVED = {
    "": {"namespaces": "Namespace", "events": "Event"},
    "costward.dev": {"costpolicies": "CostPolicy", "clustercostpolicies": "ClusterCostPolicy"},
    "apiextensions.k8s.io": {"customresourcedefinitions": "CustomResourceDefinition"},
}
"""What discovery tells: kopf begins only once it has found namespaces and CRDs."""


@dataclass
class Faults:
    """Answers in place of the truth, by `METHOD plural` (`WATCH`, `LIST`, `GET`, `PATCH`, `PUT`, `POST`)."""

    status: dict[str, list[int]] = field(default_factory=dict)
    """Statuses of the next answers, one each; a negative one stands for ever, as -403."""
    retry_after: int | None = None
    delay_s: dict[str, float] = field(default_factory=dict)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    """Requests that wait until it is set."""
    refuse_tokens: set[str] = field(default_factory=set)

    def next(self, what: str) -> int | None:
        waiting = self.status.get(what)
        if not waiting:
            return None
        return -waiting[0] if waiting[0] < 0 else waiting.pop(0)


@dataclass
class ApiServer:
    state: State = field(default_factory=State)
    faults: Faults = field(default_factory=Faults)
    asked: list[str] = field(default_factory=list)
    """`METHOD plural` of each request, in order."""
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a TokenReview says of them."""
    url: str = ""
    _streams: list[asyncio.Queue[Body | None]] = field(default_factory=list)
    deaf: bool = False
    """Watches tell nothing: events pass unheard."""

    @property
    def watches(self) -> int:
        """That are open."""
        return len(self._streams)

    def break_watches(self, error: int | None = None) -> None:
        """End all streams, with an ERROR event of this code first where one is given."""
        for stream in self._streams:
            if error is not None:
                stream.put_nowait({"type": "ERROR", "object": _problem(error, "injected")})
            stream.put_nowait(None)

    def count(self, what: str) -> int:
        return self.asked.count(what)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_get("/version", self._discover)
        for path in ("/api", "/apis", "/api/v1", *(f"/apis/{group}/{version}" for group, version in _GROUPS.items())):
            app.router.add_get(path, self._discover)
        for base in ("/api/{version}", "/apis/{group}/{version}"):
            app.router.add_get(base + "/{plural}", self._collection)
            app.router.add_post(base + "/tokenreviews", self._review)
            app.router.add_get(base + "/namespaces/{namespace}/{plural}", self._collection)
            app.router.add_post(base + "/namespaces/{namespace}/{plural}", self._create)
            for path in ("/{name}", "/{name}/{sub}"):
                app.router.add_route("*", base + "/namespaces/{namespace}/{plural}" + path, self._object)
        return app

    async def _discover(self, request: web.Request) -> web.Response:
        group = request.path.split("/")[2] if request.path.startswith("/apis/") else ""
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "36"})
        if request.path == "/api":
            return web.json_response({"versions": ["v1"]})
        if request.path == "/apis":
            groups = [_group(name, version) for name, version in _GROUPS.items()]
            return web.json_response({"groups": groups})
        verbs = ["get", "list", "watch", "patch", "create", "update"]
        found = [
            {
                "name": name,
                "kind": kind,
                "singularName": "",
                "namespaced": bool(name == "costpolicies"),
                "verbs": verbs,
            }
            for name, kind in _SERVED.get(group, {}).items()
        ]
        return web.json_response({"resources": found})

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        if request.query.get("watch"):
            return await self._watch(request, plural)
        refusal = await self._refusal(request, f"LIST {plural}")
        if refusal is not None:
            return refusal
        items, version, at = self.state.listed(plural), self.state.version, 0
        if request.query.get("continue"):
            began, at = map(int, request.query["continue"].split(":"))
            if began <= self.state.compacted:
                return _refused(410, "the provided continue parameter is too old")
            version = began
        limit = int(request.query.get("limit", "0")) or len(items) or 1
        more = f"{version}:{at + limit}" if at + limit < len(items) else ""
        metadata = {"resourceVersion": str(version), **({"continue": more} if more else {})}
        return web.json_response({"kind": "List", "metadata": metadata, "items": items[at : at + limit]})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        refusal = await self._refusal(request, f"WATCH {plural}")
        if refusal is not None:
            return refusal
        since = int(request.query.get("resourceVersion") or self.state.version)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if since < self.state.compacted:
            await _event(response, {"type": "ERROR", "object": _problem(410, "too old resource version")})
            return response
        stream: asyncio.Queue[Body | None] = asyncio.Queue()
        self._streams.append(stream)
        feeding = asyncio.create_task(self._feed(stream, plural, since))
        try:
            while (told := await stream.get()) is not None:
                await _event(response, told)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            feeding.cancel()
            self._streams.remove(stream)
        return response

    async def _feed(self, stream: asyncio.Queue[Body | None], plural: str, since: int) -> None:
        while True:
            changed = self.state.changed
            for version, kind, type, body in list(self.state.log):
                if version > since:
                    since = version
                    if kind == plural and not self.deaf:
                        stream.put_nowait({"type": type, "object": body})
            await changed.wait()

    async def _create(self, request: web.Request) -> web.Response:
        plural, namespace = request.match_info["plural"], request.match_info["namespace"]
        refusal = await self._refusal(request, f"POST {plural}")
        if refusal is not None:
            return refusal
        return await _answered(self.state.create(plural, namespace, await request.json()))

    async def _review(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request, "POST tokenreviews")
        if refusal is not None:
            return refusal
        body = await request.json()
        return web.json_response({**body, "status": self.tokens.get(body["spec"]["token"], {"authenticated": False})})

    async def _object(self, request: web.Request) -> web.Response:
        match = request.match_info
        plural, key = match["plural"], (match["plural"], match["namespace"], match["name"])
        refusal = await self._refusal(request, f"{request.method} {plural}")
        if refusal is not None:
            return refusal
        return await _answered(self._do(request, key, match.get("sub", "")))

    async def _do(self, request: web.Request, key: Key, sub: str) -> Body:
        if request.method == "GET":
            return self.state.get(key)
        body = json.loads(await request.text())
        if request.method == "PUT":
            return await self.state.replace(key, body)
        if request.method == "PATCH" and request.content_type == "application/apply-patch+yaml":
            if not request.query.get("fieldManager"):
                raise Refused(400, "fieldManager is required for apply patch")
            return await self.state.apply(key, body, sub)
        raise Refused(415, "not spoken here")

    async def _refusal(self, request: web.Request, what: str) -> web.Response | None:
        self.asked.append(what)
        await asyncio.sleep(self.faults.delay_s.get(what, 0.0))
        if what in self.faults.hold:
            await self.faults.hold[what].wait()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token or token in self.faults.refuse_tokens:
            return _refused(401, "Unauthorized")
        status = self.faults.next(what)
        if status is None:
            return None
        headers = {"Retry-After": str(self.faults.retry_after)} if self.faults.retry_after is not None else {}
        return _refused(status, "injected", headers)


async def _answered(doing: Any) -> web.Response:
    try:
        return web.json_response(await doing)
    except Refused as refused:
        return _refused(refused.status, str(refused))


async def _event(response: web.StreamResponse, body: Body) -> None:
    await response.write(json.dumps(body).encode() + b"\n")


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(_problem(status, message), status=status, headers=headers or {})


def _problem(code: int, message: str) -> Body:
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}


def _group(name: str, version: str) -> Body:
    one = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [one], "preferredVersion": one}


@asynccontextmanager
async def serving(server: ApiServer, port: int = 0) -> AsyncIterator[ApiServer]:
    """On a free port of loopback."""
    runner = web.AppRunner(server.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.break_watches()
        with contextlib.suppress(asyncio.CancelledError):
            await runner.cleanup()
