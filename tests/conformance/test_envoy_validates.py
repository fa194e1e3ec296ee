"""The wiring in a real Envoy: what reaches the data plane, what reaches the provider, and what happens without us."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from costward_cli.envoy import envoy_binary, validate
from costward_contract.headers import REQUEST_HEADERS
from costward_contract.wiring import EnvoySpec, HopTls, Upstream, envoy_bootstrap
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.fakes.echo_upstream import echo_app, serving
from tests.fakes.fake_data_plane import FakeDataPlane, Handler, let_pass
from tests.fakes.running_envoy import Edit, RunningEnvoy, running_envoy

pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: its length comes near what a Unix socket path may have.
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        yield Path(name)


@dataclass
class Path2Provider:
    envoy: RunningEnvoy
    data_plane: FakeDataPlane | None
    client: httpx.AsyncClient


@contextlib.asynccontextmanager
async def wired(
    folder: Path,
    *,
    handler: Handler = let_pass,
    data_plane: bool = True,
    failure_mode_allow: bool = True,
    base_path: str = "",
    edit: Edit = lambda _: None,
) -> AsyncIterator[Path2Provider]:
    socket = str(folder / "x.sock")
    async with contextlib.AsyncExitStack() as stack:
        host, port = await stack.enter_async_context(serving(echo_app()))
        fake = await stack.enter_async_context(FakeDataPlane(socket, handler)) if data_plane else None
        spec = EnvoySpec(
            upstreams=(Upstream("echo", f"http://{host}:{port}{base_path}"),),
            sockets=(socket,),
            listen_port=0,
            admin_socket=str(folder / "admin.sock"),
            failure_mode_allow=failure_mode_allow,
        )
        envoy = await stack.enter_async_context(running_envoy(spec, folder, edit))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=envoy.url, timeout=20))
        yield Path2Provider(envoy, fake, client)


@pytest.mark.parametrize(
    "upstream",
    [
        Upstream("openai", "https://api.openai.com/v1"),
        Upstream("local", "http://127.0.0.1:8000"),
        Upstream("v6", "https://[2001:db8::1]:8443/llm/v1"),
        Upstream("h2c", "http://llm.internal:8000", http2=True),
    ],
    ids=lambda upstream: upstream.name,
)
async def test_envoy_accepts_the_bootstrap(upstream: Upstream, folder: Path) -> None:
    spec = EnvoySpec(upstreams=(upstream,), sockets=("/tmp/a.sock", "/tmp/b.sock"), admin_port=0)
    assert await validate(envoy_binary(), envoy_bootstrap(spec)) is None


@pytest.mark.parametrize("address", ["10.0.0.7:9443", "costward.costward-system.svc:9443", "[2001:db8::1]:9443"])
async def test_envoy_accepts_data_planes_over_tcp(address: str, folder: Path) -> None:
    pem, key = certificate_for("costward", folder)
    hop = HopTls(certificate=str(pem), key=str(key), ca=str(pem), server_name="costward")
    spec = EnvoySpec((Upstream("a", "http://127.0.0.1:1"),), addresses=(address,), hop_tls=hop)
    assert await validate(envoy_binary(), envoy_bootstrap(spec)) is None


async def test_envoy_rejects_what_it_does_not_know() -> None:
    bootstrap = envoy_bootstrap(EnvoySpec(upstreams=(Upstream("a", "http://127.0.0.1:1"),), sockets=("/tmp/a",)))
    bootstrap["static_resources"]["clusters"][0]["no_such_field"] = True
    assert "no_such_field" in (await validate(envoy_binary(), bootstrap) or "")


async def test_whatever_goes_to_a_provider_costs_one_message_unless_more_is_asked_for(folder: Path) -> None:
    others = (("GET", "/v1/models"), ("GET", CHAT), ("POST", "/v1/files"), ("GET", "/"), ("POST", "/openai/x"))
    async with wired(folder) as setup:
        for method, path in others:
            response = await setup.client.request(method, path, params={"limit": 3})
            assert (response.json()["path"], response.json()["query"]) == (path, "limit=3")
        assert setup.data_plane is not None
        assert [len(stream.messages) for stream in setup.data_plane.streams] == [1] * len(others)


async def test_the_wiring_announces_itself(folder: Path) -> None:
    async with wired(folder) as setup:
        await setup.client.post(CHAT, json=BODY)
        assert setup.data_plane is not None
        metadata = setup.data_plane.streams[0].metadata
    assert metadata["x-costward-wiring"] == "v1"
    assert metadata["x-costward-wiring-hash"].startswith("sha256:")
    assert metadata["x-costward-capabilities"] == "standalone-override,retry"
    assert metadata["x-costward-body-limit"] == str(32 * 1024 * 1024)
    assert "x-forwarded-for" not in metadata


async def test_our_headers_reach_the_data_plane_and_not_the_provider(folder: Path) -> None:
    async with wired(folder) as setup:
        sent = dict.fromkeys(REQUEST_HEADERS, "value") | {"x-forwarded-for": "10.1.2.3", "x-user-id": "ann"}
        response = await setup.client.post(CHAT, json=BODY, headers=sent)
        assert setup.data_plane is not None
        stream = setup.data_plane.streams[0]
    received = response.json()["headers"]
    assert [stream.header(name) for name in REQUEST_HEADERS] == ["value"] * len(REQUEST_HEADERS)
    assert [name for name in received if name.startswith(("x-costward", "x-forwarded", "x-envoy"))] == []
    assert received["x-user-id"] == "ann"


@pytest.mark.parametrize("path", [CHAT, "/v1/files"])
@pytest.mark.parametrize("name", ["x-costward-task", "X-Costward-Anything"])
async def test_our_request_headers_stay_here_also_without_the_data_plane(folder: Path, path: str, name: str) -> None:
    async with wired(folder, data_plane=False) as setup:
        response = await setup.client.post(path, json=BODY, headers={name: "t-1", "x-mine": "1"})
    received = response.json()["headers"]
    assert name.lower() not in received
    assert received["x-mine"] == "1"


def callers_are_internal(bootstrap: dict[str, Any]) -> None:
    """As meshes and older Envoys see them: Envoy then believes more of what they send."""
    filters = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
    filters[0]["typed_config"]["internal_address_config"] = {
        "cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]
    }


async def test_a_request_id_of_an_internal_caller_stays_its_own(folder: Path) -> None:
    async with wired(folder, edit=callers_are_internal) as setup:
        response = await setup.client.post(CHAT, json=BODY, headers={"x-request-id": "mine"})
    assert response.json()["headers"]["x-request-id"] == "mine"


async def test_a_callers_envoy_controls_are_not_obeyed(folder: Path) -> None:
    async with wired(folder, edit=callers_are_internal) as setup:
        sent = {"x-envoy-upstream-rq-timeout-ms": "50", "x-envoy-max-retries": "9", "x-echo-delay-ms": "300"}
        response = await setup.client.post(CHAT, json=BODY, headers=sent)
    assert response.status_code == 200
    assert "x-envoy-max-retries" not in response.json()["headers"]


async def test_a_providers_imitation_of_our_answer_headers_is_removed(folder: Path) -> None:
    async with wired(folder) as setup:
        response = await setup.client.post(CHAT, json=BODY)
    assert "x-costward-decision" not in response.headers
    assert response.headers["x-provider"] == "echo"


async def test_the_data_planes_own_answer_keeps_its_headers(folder: Path) -> None:
    def refuse(request: Any) -> Any:
        answer = pb.ProcessingResponse()
        answer.immediate_response.status.code = 429
        answer.immediate_response.body = b'{"error":{}}'
        option = answer.immediate_response.headers.set_headers.add()
        option.header.key, option.header.raw_value = "x-costward-decision", b"refuse"
        return answer

    async with wired(folder, handler=refuse) as setup:
        response = await setup.client.post(CHAT, json=BODY)
    assert (response.status_code, response.headers["x-costward-decision"]) == (429, "refuse")


async def test_a_body_far_above_the_listeners_buffer_is_read_whole(folder: Path) -> None:
    def read_body(request: Any) -> Any:
        answer = let_pass(request)
        if request.HasField("request_headers"):
            answer.mode_override.request_body_mode = processing_mode_pb2.ProcessingMode.BUFFERED
        return answer

    async with wired(folder, handler=read_body) as setup:
        response = await setup.client.post(CHAT, content=b"x" * 6_000_000)
        assert setup.data_plane is not None
        bodies = [m.request_body.body for m in setup.data_plane.streams[0].messages if m.HasField("request_body")]
    assert response.json()["bytes"] == 6_000_000
    assert [len(body) for body in bodies] == [6_000_000]


@pytest.mark.parametrize(("allow", "status"), [(True, 200), (False, 500)], ids=["Open", "Closed"])
async def test_a_dead_data_plane_fails_as_declared_at_once(folder: Path, allow: bool, status: int) -> None:
    async with wired(folder, data_plane=False, failure_mode_allow=allow) as setup:
        started = time.monotonic()
        response = await setup.client.post(CHAT, json=BODY)
        assert response.status_code == status
        assert time.monotonic() - started < 10, "it waited for what is not there"
        assert await setup.envoy.stat("ext_proc.costward.failure_mode_allowed") == int(allow)
        assert (await setup.client.get("/v1/models")).status_code == 200
        upgrade = {"connection": "upgrade", "upgrade": "websocket"}
        refused = (await setup.client.get("/v1/realtime", headers=upgrade)).status_code == 500
        assert refused is not allow


@pytest.mark.parametrize(("allow", "status"), [(True, 200), (False, 504)], ids=["Open", "Closed"])
async def test_a_hung_data_plane_costs_one_message_timeout(folder: Path, allow: bool, status: int) -> None:
    async with wired(folder, handler=lambda _: None, failure_mode_allow=allow) as setup:
        started = time.monotonic()
        response = await setup.client.post(CHAT, json=BODY)
    assert response.status_code == status
    assert 0.9 < time.monotonic() - started < 10


async def test_a_data_plane_that_comes_back_is_used_again(folder: Path) -> None:
    async with wired(folder, data_plane=False) as setup:
        assert (await setup.client.post(CHAT, json=BODY)).status_code == 200
        async with FakeDataPlane(str(folder / "x.sock")) as fake:
            deadline = time.monotonic() + 5
            while not fake.streams and time.monotonic() < deadline:
                await setup.client.post(CHAT, json=BODY)
            assert fake.streams


async def test_a_providers_base_path_takes_the_place_of_v1(folder: Path) -> None:
    async with wired(folder, base_path="/openai/v9/") as setup:
        chat = await setup.client.post(CHAT + "?a=b", json=BODY)
        models = await setup.client.get("/v1/models")
    assert (chat.json()["path"], chat.json()["query"]) == ("/openai/v9/chat/completions", "a=b")
    assert models.json()["path"] == "/openai/v9/models"


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    pem, key = folder / "cert.pem", folder / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(command, check=True, capture_output=True)
    return pem, key


@pytest.mark.parametrize(("name", "status"), [("localhost", 200), ("elsewhere.example", 503)])
async def test_a_providers_certificate_must_be_for_its_name(folder: Path, name: str, status: int) -> None:
    pem, key = certificate_for(name, folder)

    async def hello(_: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/v1/models", hello)])
    async with serving(app, certificate=str(pem), key=str(key)) as (_, port):
        upstream = Upstream("tls", f"https://localhost:{port}", ca_file=str(pem))
        spec = EnvoySpec((upstream,), (str(folder / "x.sock"),), listen_port=0, admin_socket=str(folder / "a.sock"))
        async with running_envoy(spec, folder) as envoy, httpx.AsyncClient(base_url=envoy.url) as client:
            assert (await client.get("/v1/models")).status_code == status


def test_the_bootstrap_is_json(folder: Path) -> None:
    spec = EnvoySpec(upstreams=(Upstream("a", "http://a"),), sockets=("/tmp/a.sock",))
    assert json.loads(json.dumps(envoy_bootstrap(spec))) == envoy_bootstrap(spec)
