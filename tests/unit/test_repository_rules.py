"""The repository's own rules: what must never be checked in, whoever does it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NAMESPACE_FOLDERS = ("extproc", "operator", "proto", "charts", "tests")
MAX_FILE_BYTES = 1_500_000
"""Larger files make every clone slow for ever; models and data are built or fetched, not committed."""
MAX_MODULE_LINES = 400
"""Beyond this a module does two jobs."""

# Put together from parts, so that this file does not hold what it looks for.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("golang", "org"),
        ("maven", "org"),
        ("debian", "org"),
    )
)
MACHINE_FOLDERS = tuple(
    folder
    for folder in (f"{ROOT}/", f"{Path.home()}/", "/".join(("", "work", "")), "/".join(("", "root", "")))
    if folder.strip("/")
)
MODULE_NAMES = re.compile(r"(?:^|/)go\.(?:mod|sum):\d+$")
"""Where a host is the beginning of a Go module's name, and says nothing of where it is fetched from."""
UNFINISHED = tuple("".join(parts) for parts in (("TO", "DO"), ("FIX", "ME"), ("NotImplemented", "Error")))
FOREIGN_LOCKS = {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "uv.lock", "poetry.lock"}


def listed() -> tuple[Path, ...]:
    """Every file that is tracked, or would be by `git add .`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(path for name in sorted(set(names)) if name and (path := ROOT / name).is_file())


FILES = listed()


def lines_of_text(files: Iterator[Path]) -> Iterator[tuple[str, str]]:
    """`file:line` and the line, of every file that is text."""
    for path in files:
        raw = path.read_bytes()
        if b"\0" in raw:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def places(words: re.Pattern[str], suffix: str = "") -> list[str]:
    return [place for place, line in lines_of_text(p for p in FILES if p.name.endswith(suffix)) if words.search(line)]


@pytest.mark.parametrize("folder", NAMESPACE_FOLDERS)
def test_a_source_folder_is_no_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists(), (
        f"{folder}/__init__.py makes a top-level package: operator/ would hide the standard library's operator"
    )


def test_python_started_in_the_root_has_its_own_operator_module() -> None:
    code = "import operator; operator.itemgetter"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_no_file_names_a_package_registry() -> None:
    host = re.compile(r"\b(?:" + "|".join(map(re.escape, REGISTRY_HOSTS)) + r")\b")

    assert [place for place in places(host) if not MODULE_NAMES.search(place)] == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert places(re.compile(r"(?<![\w.}-])(?:" + "|".join(map(re.escape, MACHINE_FOLDERS)) + ")")) == []


def test_no_lock_of_another_tool_is_tracked() -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES if path.name in FOREIGN_LOCKS] == []


def test_no_file_is_too_large_to_clone() -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES if path.stat().st_size > MAX_FILE_BYTES] == []


def test_no_module_does_two_jobs() -> None:
    modules = [path for path in FILES if path.suffix == ".py" and "_pb2" not in path.name]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_no_module_is_left_unfinished() -> None:
    found = places(re.compile(r"\b(?:" + "|".join(UNFINISHED) + r")\b"), suffix=".py")
    # A generated base class says what its subclasses must write.
    assert [place for place in found if "_pb2_grpc.py:" not in place] == []
