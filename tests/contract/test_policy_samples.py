"""Every sample policy is read without a problem and taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from costward_contract.codec import decode, encode
from costward_contract.compiler import compile_policies
from costward_contract.parse import parse_documents

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "policies"
SAMPLES = sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_is_accepted(name: str) -> None:
    parsed = parse_documents((FOLDER / name).read_text(), name)
    snapshot, verdicts = compile_policies(parsed.policies)

    assert parsed.problems == ()
    assert [verdict.message for verdict in verdicts if not verdict.accepted] == []
    assert [policy.namespace for policy in snapshot.policies] == ["default"]
    assert decode(encode(snapshot)) == snapshot


def test_the_smallest_has_six_lines() -> None:
    lines = (FOLDER / "six-line.yaml").read_text().splitlines()

    assert len([line for line in lines if line.strip() and not line.startswith("#")]) == 6


def test_all_samples_load_together() -> None:
    parsed = parse_documents("\n---\n".join((FOLDER / name).read_text() for name in SAMPLES))
    snapshot, _ = compile_policies(parsed.policies)

    assert len(snapshot.policies) == len(SAMPLES)
    assert snapshot.policies[0].name == "support-bot"
