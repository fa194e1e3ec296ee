"""helm installs, upgrades and uninstalls a chart on the real API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.bench.api import Api, CallError

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data: {mood: {{ .Values.mood | quote }}}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart of one object."""
    folder = tmp_path / "smallest"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: smallest\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text("mood: calm\n")
    (folder / "templates" / "settings.yaml").write_text(CONFIG_MAP)
    return folder


def test_a_release_lives_on_the_server(api: Api, chart: Path) -> None:
    api.helm("install", "one", str(chart))
    assert api.get("configmap", "one-settings")["data"] == {"mood": "calm"}

    api.helm("upgrade", "one", str(chart), "--set", "mood=brisk")
    assert api.get("configmap", "one-settings")["data"] == {"mood": "brisk"}

    api.helm("uninstall", "one")
    assert "one-settings" not in api.kubectl("get", "configmaps", "-o", "name")


def test_an_account_without_rights_cannot_install(api: Api, chart: Path) -> None:
    nobody = api.as_token(api.token_for("default"))

    with pytest.raises(CallError, match="forbidden"):
        nobody.helm("install", "one", str(chart))
