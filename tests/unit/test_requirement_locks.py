"""The locks pin every package by version and hash, and agree with pyproject.toml and with each other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.txt"))
EXTRA_OF = {"dev.txt": "dev", "cli.txt": "local", "extproc.txt": "extproc"}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?=\s|$)")
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.!+-]+)")


def entries(lock: str) -> list[str]:
    """The lock's requirements, each with its hashes on one line; no comments."""
    text = re.sub(r"^\s*#.*\n?", "", (REQUIREMENTS / lock).read_text(), flags=re.MULTILINE)
    return [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]


def pins(lock: str) -> set[tuple[str, str]]:
    """Name and version; a name stands twice where two Python versions need different releases."""
    return {(canonicalize_name(m["name"]), m["version"]) for e in entries(lock) if (m := PIN.match(e))}


def declared(extra: str) -> Iterator[Requirement]:
    """The direct requirements of an extra, with the project's own and those of the extras that it includes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in (*project["dependencies"], *project["optional-dependencies"][extra]):
        requirement = Requirement(text)
        if requirement.name != project["name"]:
            yield requirement
        for included in requirement.extras if requirement.name == project["name"] else ():
            yield from declared(included)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(lock: str) -> None:
    unpinned = [entry[:60] for entry in entries(lock) if not (PIN.match(entry) and HASH.search(entry))]

    assert entries(lock)
    assert unpinned == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index_or_a_folder(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()

    assert re.findall(r"\S*://\S*|\bfile:\S*|^-\S+.*|(?<=\s)/\w\S*", text, flags=re.MULTILINE) == []


@pytest.mark.parametrize("lock", EXTRA_OF)
def test_a_lock_holds_what_pyproject_asks_for(lock: str) -> None:
    locked = pins(lock)
    stale = [
        str(requirement)
        for requirement in declared(EXTRA_OF[lock])
        if not any(
            name == canonicalize_name(requirement.name) and requirement.specifier.contains(version, prereleases=True)
            for name, version in locked
        )
    ]

    assert stale == [], "run `make lock`"


@pytest.mark.parametrize("lock", ["cli.txt", "extproc.txt"])
def test_what_is_shipped_is_what_was_tested(lock: str) -> None:
    assert pins(lock) - pins("dev.txt") == set(), "run `make lock UPGRADE=1`"
