"""Write the table of supported versions into docs/platform-teams.md, or check that it says what the data file says.

`make lint` runs it with `--check`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from costward_contract.versions import supported, table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "platform-teams.md"
BEGIN = "<!-- versions: written by tools/versions_page.py from proto/costward_contract/versions.toml -->\n"
END = "<!-- end of versions -->\n"
_PLACE = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)


def written(page: str) -> str:
    """`page` with the table of now between its two marks. Raises SystemExit where the marks are gone."""
    text, places = _PLACE.subn(lambda _: BEGIN + table(supported()) + END, page)
    if places != 1:
        raise SystemExit(
            f"{PAGE.relative_to(ROOT)}: wants {BEGIN.strip()} and {END.strip()} once each, around the table"
        )
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page is stale")
    check: bool = parser.parse_args().check
    page = PAGE.read_text()
    wanted = written(page)
    if page == wanted:
        return 0
    if check:
        print(f"{PAGE.relative_to(ROOT)}: not what the data says; run tools/versions_page.py", file=sys.stderr)  # noqa: T201
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
