"""The client keeps its word under an API server's faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from costward_operator.adapters.access import Access
from costward_operator.adapters.kube import COST_POLICIES, LEASES, TRIES, Kube, session
from costward_operator.errors import (
    BusyError,
    ConflictError,
    DeniedError,
    GoneError,
    NotFoundError,
    UnreachableError,
)

from tests.fakes.apiserver import ApiServer
from tests.fakes.apiserver_objects import policy

STATUS = {"observedGeneration": 1}


async def put(api: ApiServer, *names: str) -> None:
    for name in names:
        await api.state.put("costpolicies", policy(name))


async def names(kube: Kube, page: int) -> list[str]:
    return [item["metadata"]["name"] async for each in kube.pages(COST_POLICIES, page) for item in each.items]


async def test_a_list_is_read_page_by_page(api: ApiServer, kube: Kube) -> None:
    await put(api, "a", "b", "c")

    assert await names(kube, 2) == ["a", "b", "c"]
    assert api.count("LIST costpolicies") == 2


async def test_a_list_whose_moment_is_compacted_away_is_no_list(api: ApiServer, kube: Kube) -> None:
    await put(api, "a", "b")
    pages = kube.pages(COST_POLICIES, 1)
    await anext(pages)
    api.state.compact()

    with pytest.raises(GoneError):
        await anext(pages)


async def test_retry_after_is_honoured(api: ApiServer, kube: Kube, waits: list[float]) -> None:
    api.faults.status["LIST costpolicies"], api.faults.retry_after = [429, 429], 7

    assert await names(kube, 2) == []
    assert len(waits) == 2
    assert min(waits) >= 7


async def test_an_absurd_retry_after_is_not(api: ApiServer, kube: Kube, waits: list[float]) -> None:
    api.faults.status["LIST costpolicies"], api.faults.retry_after = [429], 86_400

    await names(kube, 2)

    assert 60 <= waits[0] < 70


async def test_an_api_server_that_fails_is_tried_again_with_growing_waits(
    api: ApiServer, kube: Kube, waits: list[float]
) -> None:
    api.faults.status["LIST costpolicies"] = [-500]

    with pytest.raises(BusyError, match="500 injected"):
        await names(kube, 2)
    assert api.count("LIST costpolicies") == TRIES
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


async def test_a_right_that_is_missing_is_told_at_once(api: ApiServer, kube: Kube) -> None:
    api.faults.status["LIST costpolicies"] = [-403]

    with pytest.raises(DeniedError):
        await names(kube, 2)
    assert api.count("LIST costpolicies") == 1


async def test_a_token_that_was_renewed_is_read_again(
    api: ApiServer, access: Access, kube: Kube, tmp_path: Path
) -> None:
    assert access.token() == "good"
    api.faults.refuse_tokens.add("good")
    (tmp_path / "token").write_text("renewed")

    assert await names(kube, 2) == []


async def test_nobody_listening_is_unreachable(access: Access, waits: list[float]) -> None:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    # Port 9 of loopback: nothing discards there any more.
    nowhere = Access("http://127.0.0.1:9", access.token_file, None, access.clock)
    async with session(nowhere) as http:
        with pytest.raises(UnreachableError):
            await Kube(http, nowhere, sleep, lambda: 0.0).get(COST_POLICIES, "team", "a")
    assert len(waits) == TRIES - 1


async def test_a_status_is_applied_to_the_object_that_was_meant(api: ApiServer, kube: Kube) -> None:
    stored = await api.state.put("costpolicies", policy("a"))
    metadata = {"name": "a", "namespace": "team", "uid": stored["metadata"]["uid"]}

    answer = await kube.apply(COST_POLICIES, "team", "a", {"metadata": metadata, "status": STATUS}, sub="status")

    assert (answer["status"], answer["metadata"]["generation"]) == (STATUS, 1)
    other = {"metadata": {**metadata, "uid": "of another"}, "status": STATUS}
    with pytest.raises(ConflictError):
        await kube.apply(COST_POLICIES, "team", "a", other, sub="status")
    with pytest.raises(NotFoundError):
        await kube.apply(COST_POLICIES, "team", "b", {"metadata": metadata, "status": STATUS}, sub="status")


async def test_a_lease_is_replaced_only_as_it_was_read(api: ApiServer, kube: Kube) -> None:
    made = await kube.create(LEASES, "system", {"metadata": {"name": "l"}, "spec": {}})
    await kube.replace(LEASES, "system", "l", {"metadata": made["metadata"], "spec": {"x": 1}}, 5)

    stale = {"metadata": {**made["metadata"], "resourceVersion": "1"}, "spec": {"x": 2}}
    with pytest.raises(ConflictError):
        await kube.replace(LEASES, "system", "l", stale, 5)


USER = {"username": "system:serviceaccount:costward-system:costward"}


@pytest.mark.parametrize(
    ("status", "user"),
    [
        ({"authenticated": True, "user": USER, "audiences": ["costward"]}, USER["username"]),
        ({"authenticated": True, "user": USER, "audiences": ["another"]}, None),
        ({"authenticated": True, "user": USER}, None),
        ({"authenticated": False}, None),
    ],
)
async def test_a_token_is_good_for_its_audience_alone(
    api: ApiServer, kube: Kube, status: dict[str, object], user: str | None
) -> None:
    api.tokens["t"] = status

    assert await kube.review_token("t", "costward") == user
