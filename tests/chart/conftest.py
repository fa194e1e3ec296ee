"""The chart as helm renders it, for every file of ci/."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.cluster_binaries import located
from tools.cluster_parts import ClusterToolsError

CHART = Path(__file__).resolve().parents[2] / "charts" / "costward"
MATRIX = sorted((CHART / "ci").glob("*-values.yaml"))

Helm = Callable[..., str]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Runs helm; raises CalledProcessError. Skips where helm is not here."""
    try:
        binary = located(()).clients.helm
    except ClusterToolsError as problem:
        pytest.skip(f"no helm here: {problem}")

    def run(*words: str) -> str:
        return subprocess.run([binary, *words], check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture(params=MATRIX, ids=lambda path: path.stem)
def values(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def rendered(helm: Helm, values: Path) -> list[dict[str, Any]]:
    text = helm("template", "costward", str(CHART), "-n", "costward-system", "-f", str(values))
    return [one for one in yaml.safe_load_all(text) if one]
