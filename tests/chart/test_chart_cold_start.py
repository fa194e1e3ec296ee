"""The data plane's pod mounts what the operator stores, under the names that the data plane reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from costward_contract.chunks import INDEX, INDEX_KEY, PIECE_KEY, SLOTS, piece_name

CHART = Path(__file__).resolve().parents[2] / "charts" / "costward"
WORDS = ("template", "costward", str(CHART), "-f", str(CHART / "ci" / "secrets-values.yaml"))

Helm = Callable[..., str]


def pod_of(text: str) -> dict[str, Any]:
    objects = [one for one in yaml.safe_load_all(text) if one]
    (found,) = [one for one in objects if one["kind"] == "Deployment" and one["metadata"]["name"] == "costward-extproc"]
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


def test_every_slot_is_mounted_and_none_has_to_be_there(helm: Helm) -> None:
    pod = pod_of(helm(*WORDS, "--set", "extproc.coldStart.pieces=2"))

    (volume,) = [one for one in pod["volumes"] if one["name"] == "cold-start"]
    sources = [one["configMap"] for one in volume["projected"]["sources"]]
    pieces = [piece_name(slot, number) for slot in range(SLOTS) for number in range(2)]
    assert sources == [
        {"name": name, "optional": True, "items": [{"key": INDEX_KEY if name == INDEX else PIECE_KEY, "path": name}]}
        for name in [INDEX, *pieces]
    ]
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "cold-start"]
    env = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert env["COSTWARD_COLD_START_DIR"] == mount["mountPath"]


def test_none_are_mounted_where_none_are_asked_for(helm: Helm) -> None:
    pod = pod_of(helm(*WORDS, "--set", "extproc.coldStart.pieces=0"))

    assert "cold-start" not in {one["name"] for one in pod["volumes"]}
    assert "COSTWARD_COLD_START_DIR" not in {one["name"] for one in pod["containers"][0]["env"]}
