"""One stage for all facts: each Envoy and each data plane costs a second to start."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.fakes import conformance
from tests.fakes.conformance import Lab, Ours, Proxy, naive
from tests.fakes.envoy_edits import closed, unannounced
from tests.fakes.naive_server import replies
from tests.fakes.raw_provider import RawProvider, completion, raw_provider, whole

ELSEWHERE = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: elsewhere, namespace: elsewhere}
spec:
  owner: {team: other, contact: "#other"}
  targetRefs: [{group: "", kind: Namespace, name: elsewhere}]
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fact(number, title): a row of docs/conformance.md that this file shows")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_provider() -> AsyncIterator[RawProvider]:
    async with raw_provider() as provider:
        yield provider


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_stack(one_provider: RawProvider) -> AsyncIterator[Ours]:
    async with conformance.ours(one_provider) as ours:
        yield ours


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_lab(one_provider: RawProvider) -> AsyncIterator[Lab]:
    async with naive(one_provider) as lab:
        yield lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_closed_lab(one_provider: RawProvider) -> AsyncIterator[Lab]:
    async with naive(one_provider, edit=closed) as lab:
        yield lab


@pytest.fixture
def provider(one_provider: RawProvider) -> Iterator[RawProvider]:
    """Answers a short completion unless told otherwise."""
    one_provider.asked.clear()
    one_provider.left_over.clear()
    yield one_provider
    one_provider.answer = whole(completion())


@pytest.fixture
def ours(one_stack: Ours, provider: RawProvider) -> Ours:
    """The stack that ships: its Envoy config, its server."""
    return one_stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_ungoverned_stack(one_provider: RawProvider) -> AsyncIterator[Ours]:
    async with conformance.ours(one_provider, ELSEWHERE, failure_mode_allow=False) as ours:
        yield ours


@pytest.fixture
def ungoverned(one_ungoverned_stack: Ours, provider: RawProvider) -> Ours:
    """The stack that ships, failing closed, with a policy that is not its callers'."""
    return one_ungoverned_stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_older_proxy(one_stack: Ours) -> AsyncIterator[Proxy]:
    async with contextlib.AsyncExitStack() as folder:
        yield await one_stack.beside(folder, unannounced)


@pytest.fixture(params=["current", "older"])
def by_profile(request: pytest.FixtureRequest, ours: Ours) -> Proxy:
    """An Envoy before the data plane that ships: one that announces what it can, and one that does not."""
    if request.param == "current":
        return ours
    older: Proxy = request.getfixturevalue("one_older_proxy")
    return older


@pytest_asyncio.fixture(loop_scope="session")
async def lab(one_lab: Lab, provider: RawProvider) -> Lab:
    """The Envoy config that ships, failing open, before a server whose script each test sets."""
    return await _fresh(one_lab)


@pytest_asyncio.fixture(loop_scope="session")
async def closed_lab(one_closed_lab: Lab, provider: RawProvider) -> Lab:
    """As `lab`, failing closed, so that an error is seen by the client."""
    return await _fresh(one_closed_lab)


async def _fresh(lab: Lab) -> Lab:
    # The server is in this process: while other tests ran their loops, it answered no health check.
    await lab.until_healthy()
    lab.server.script = replies()
    lab.server.conversations.clear()
    return lab


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A caller of this test's own: no other test's answers are its hits."""
    return str(request.node.name).replace("[", "-").replace("]", "")
