"""Every input that ever broke a reader is read again, and so are the shapes that inputs are made from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.target import CORPUS, Target
from tests.fuzz.targets import TARGETS


def _kept() -> Iterator[object]:
    for target in TARGETS:
        for name, data in target.corpus():
            yield pytest.param(target, data, id=f"{target.name}-{name}")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_seeds(target: Target) -> None:
    assert target.seeds
    for data in target.seeds:
        target.check(data)


@pytest.mark.parametrize(("target", "data"), list(_kept()))
def test_what_once_failed(target: Target, data: bytes) -> None:
    target.check(data)


def test_the_corpus_has_no_folder_that_nothing_reads() -> None:
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= {target.name for target in TARGETS}
