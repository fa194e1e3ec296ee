"""Nothing from npm is unpacked whose digest is not the pinned one."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tools.setup_node import (
    Installed,
    NodeSetupError,
    Pin,
    fetch,
    is_current,
    read_pins,
    read_receipt,
    tarball_name,
    unpack,
)


def fake_npm(folder: Path, tarball: bytes) -> str:
    """A program that writes `tarball` as `npm pack` would."""
    (folder / "given").write_bytes(tarball)
    npm = folder / "npm"
    npm.write_text('#!/bin/sh\ncp given sdk-1.tgz\necho \'[{"filename": "sdk-1.tgz"}]\'\n')
    npm.chmod(0o755)
    return str(npm)


EMPTY_SHA512 = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="


def test_a_tarball_with_the_pinned_digest_is_taken(tmp_path: Path) -> None:
    tarball = fetch(Pin("sdk", "1", EMPTY_SHA512), fake_npm(tmp_path, b""), tmp_path)

    assert tarball == tmp_path / "sdk-1.tgz"


def test_any_other_tarball_is_refused_and_removed(tmp_path: Path) -> None:
    with pytest.raises(NodeSetupError, match=r"sdk@1: the tarball's digest is sha512-"):
        fetch(Pin("sdk", "1", EMPTY_SHA512), fake_npm(tmp_path, b"tampered"), tmp_path)

    assert not (tmp_path / "sdk-1.tgz").exists()


@pytest.mark.parametrize("answer", [[{"filename": "a-1.tgz"}], {"a": {"filename": "a-1.tgz"}}])
def test_both_forms_of_npms_answer_are_read(answer: object) -> None:
    assert tarball_name(json.dumps(answer)) == "a-1.tgz"


def test_the_sdks_are_pinned_exactly_and_by_sha512() -> None:
    lowest, pins = read_pins()

    assert lowest >= 18
    assert {"openai", "@anthropic-ai/sdk"} <= {pin.name for pin in pins}
    assert all(pin.version[0].isdigit() and pin.integrity.startswith("sha512-") for pin in pins)


def test_a_tarball_is_unpacked_without_its_outer_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sdk-1.tgz", "w:gz") as archive:
        for name in ("package/index.js", "package/lib/a.js"):
            archive.addfile(tarfile.TarInfo(name))
    unpack(tmp_path / "sdk-1.tgz", tmp_path / "node_modules" / "@scope" / "sdk")

    assert (tmp_path / "node_modules" / "@scope" / "sdk" / "lib" / "a.js").exists()


def test_a_receipt_for_another_version_is_not_current() -> None:
    receipt = Installed(node="node", pins=(Pin("sdk", "1", EMPTY_SHA512),))

    assert not is_current(receipt, (Pin("sdk", "2", EMPTY_SHA512),), 0)
    assert is_current(receipt, (Pin("sdk", "1", EMPTY_SHA512),), 0)


def test_a_torn_receipt_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "installed.json").write_text('{"node": ')

    assert read_receipt(tmp_path) is None
