"""What the documents say is there: links, make targets, and policies that are accepted as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from costward_contract.compiler import compile_policies
from costward_contract.parse import parse_documents

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(document.read_text()) if name == language]


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_lead_somewhere(name: str) -> None:
    document = ROOT / name
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_named_make_targets_exist(name: str) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE))

    assert named - known == set()


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)

    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_printed_policies_are_accepted(name: str) -> None:
    for block in blocks(ROOT / name, "yaml"):
        if "kind: CostPolicy" not in block:
            continue
        parsed = parse_documents(block, name)
        assert parsed.problems == ()
        assert [verdict.message for verdict in compile_policies(parsed.policies)[1] if not verdict.accepted] == []


def test_the_readme_prints_the_six_line_example() -> None:
    sample = (ROOT / "examples" / "policies" / "six-line.yaml").read_text()
    lines = [line for line in sample.splitlines() if line.strip() and not line.lstrip().startswith("#")]

    assert len(lines) == 6
    assert [block.splitlines() for block in blocks(ROOT / "README.md", "yaml")] == [lines]


def test_each_next_step_of_getting_started_is_accepted_on_its_own() -> None:
    document = (ROOT / "docs" / "getting-started.md").read_text()
    steps = re.findall(r"^\| [^|]+ \| `(\w+: [^`]+)` \|$", document, re.MULTILINE)
    (policy,) = blocks(ROOT / "docs" / "getting-started.md", "yaml")

    assert steps
    for step in steps:
        assert parse_documents(f"{policy}  {step}\n", step).problems == ()
