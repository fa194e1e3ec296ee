"""A part of the bench is built again exactly when what it is built from changes."""

from __future__ import annotations

from dataclasses import replace

from tools.cluster_parts import ETCD, EVERYTHING, FLAGS, GATEWAY_CRDS, KUBE_APISERVER, key, link_flags, lowest_go


def test_the_same_part_has_the_same_key() -> None:
    assert key(ETCD, "go1.26.8") == key(replace(ETCD), "go1.26.8")


def test_no_two_parts_share_a_key() -> None:
    assert len({key(part, "go1.26.8") for part in EVERYTHING}) == len(EVERYTHING)


def test_another_go_makes_another_binary() -> None:
    assert key(ETCD, "go1.26.8") != key(ETCD, "go1.26.9")


def test_another_go_collects_the_same_manifests() -> None:
    assert key(GATEWAY_CRDS, "go1.26.8") == key(GATEWAY_CRDS, "go1.26.9")


def test_what_the_linker_sets_is_part_of_the_key() -> None:
    assert key(replace(KUBE_APISERVER, variables=()), "go1.26.8") != key(KUBE_APISERVER, "go1.26.8")


def test_the_server_is_told_its_version() -> None:
    """Without it, helm and kubectl refuse the server."""
    assert "-X k8s.io/component-base/version.gitVersion=v1." in link_flags(KUBE_APISERVER)


def test_versions_are_those_of_go_mod() -> None:
    assert "-mod=readonly" in FLAGS
    assert lowest_go() >= (1, 26)
