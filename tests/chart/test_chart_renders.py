"""What the chart renders is lint-free, the same twice, of known shape, and gives no right by a wildcard."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
from costward_operator.metrics import Metrics

from tools.chart_schema import SCHEMA, wanted

CHART = Path(__file__).resolve().parents[2] / "charts" / "costward"
SECRETS = str(CHART / "ci" / "secrets-values.yaml")
FOREIGN = {"Certificate", "PodMonitor", "PrometheusRule"}
"""Kinds of other products, whose schemas kubernetes-validate has not."""

Helm = Callable[..., str]


def test_lint_finds_nothing(helm: Helm, values: Path) -> None:
    helm("lint", "--strict", str(CHART), "-f", str(values))


def test_two_renders_are_identical(helm: Helm, values: Path) -> None:
    words = ("template", "costward", str(CHART), "-n", "costward-system", "-f", str(values))
    assert helm(*words) == helm(*words)


def test_every_object_is_of_its_schema(rendered: list[dict[str, Any]]) -> None:
    for one in rendered:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, "1.37", strict=True)


def test_no_right_is_a_wildcard_or_reads_secrets(rendered: list[dict[str, Any]]) -> None:
    rules = [rule for one in rendered if one["kind"] in {"Role", "ClusterRole"} for rule in one["rules"]]
    assert rules
    for rule in rules:
        words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert "*" not in words
        assert "secrets" not in words


def test_every_metric_of_an_alert_exists_and_its_runbook_too(rendered: list[dict[str, Any]]) -> None:
    metrics = Metrics()
    metrics.watch("leading", "as the operator's app does", lambda: 1.0)
    known = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    # A counter with labels has no sample before it is first counted.
    known |= {f"{family.name}_total" for family in metrics.registry.collect() if family.type == "counter"}
    runbooks = (CHART.parents[1] / "docs" / "runbooks.md").read_text().lower()
    for one in (one for one in rendered if one["kind"] == "PrometheusRule"):
        for rule in one["spec"]["groups"][0]["rules"]:
            assert set(re.findall(r"costward_\w+", rule["expr"])) <= known
            assert f"## {rule['alert'].lower()}\n" in runbooks


def test_the_schema_is_what_the_values_say() -> None:
    assert SCHEMA.read_text() == wanted()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("extproc.replicas=2", "ledger that they share"),
        ("extproc.ledger.persistence.enabled=false", "without a volume"),
        ("certificates.deliverySecret=", "certificates.deliverySecret: name a Secret"),
        ("certificates.hopSecret=", "certificates.hopSecret: name a Secret"),
        ("operator.replicaCount=2", "replicaCount"),
        ("operator.image.digest=latest", "digest"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(helm: Helm, setting: str, words: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm("template", "costward", str(CHART), "-f", SECRETS, "--set", setting)
    assert words in refused.value.stderr
