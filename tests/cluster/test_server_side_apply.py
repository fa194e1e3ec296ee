"""Server-side apply keeps to each manager what it applied, and refuses to take what another owns."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.bench.api import Api, CallError


def settings(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def test_two_managers_share_an_object(api: Api) -> None:
    api.apply(settings(ours="1"), manager="first")
    api.apply(settings(theirs="2"), manager="second")
    api.apply(settings(also_ours="3"), manager="first")

    assert api.get("configmap", "settings")["data"] == {"also_ours": "3", "theirs": "2"}


def test_what_another_manager_owns_is_a_conflict(api: Api) -> None:
    api.apply(settings(ours="1"), manager="first")

    with pytest.raises(CallError, match='conflict with "first"'):
        api.apply(settings(ours="2"), manager="second")
