"""Measured figures of a test run, kept beside the build for whoever writes them into the documentation."""

from __future__ import annotations

import json

from tests.fakes.running_stack import ROOT


def keep(name: str, figures: object) -> None:
    """As build/figures/NAME.json; the last run wins."""
    path = ROOT / "build" / "figures" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
