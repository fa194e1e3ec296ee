"""Write the chart's CRDs from the policy model, or check that the committed ones still say what it says.

`make lint` runs it with `--check`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml
from costward_contract.crd import crds, file_name

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "charts" / "costward" / "files" / "crds"
HEADER = "# Written by tools/crds.py from the policy model: change that, and run it.\n"


class _Plain(yaml.SafeDumper):
    """Without anchors: what is used twice is written twice, as other tools for CRDs expect."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def wanted() -> dict[Path, str]:
    """Every file that belongs into the folder, with its text."""
    return {
        FOLDER / file_name(crd): HEADER + yaml.dump(crd, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
        for crd in crds()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a committed file is stale")
    check: bool = parser.parse_args().check
    files = wanted()
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text() != text]
    stray = sorted(path for path in FOLDER.glob("*") if path not in files)
    for path in [*stale, *stray] if check else ():
        print(f"{path.relative_to(ROOT)}: not what the policy model says; run tools/crds.py", file=sys.stderr)  # noqa: T201
    if check:
        return 1 if stale or stray else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stray:
        path.unlink()
    for path in stale:
        path.write_text(files[path])
        print(f"wrote {path.relative_to(ROOT)}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
