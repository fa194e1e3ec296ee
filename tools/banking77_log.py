"""A request log of labelled bank questions for `costward replay`, from the banking77 stream (PolyAI, CC BY 4.0).

The rows are shuffled by the seed and taken without replacement, so a question repeats only where people really asked
it twice in other words. Two questions have the same label where their intent is the same.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--count", type=int, default=2_000, help="requests (default: %(default)s)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of the shuffled rows first")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffle (default: %(default)s)")
    given = parser.parse_args()
    rows = shuffled(_source(), given.seed)
    chosen = rows[given.skip : given.skip + given.count]
    if len(chosen) < given.count:
        sys.exit(f"there are {len(rows)} rows: {given.skip} skipped leave {len(chosen)}, not {given.count}")
    given.out.write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    print(f"{given.out}: {len(chosen)} requests with {len({row['label'] for row in chosen})} labels")  # noqa: T201


def shuffled(path: Path, seed: int) -> Sequence[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [{"text": row["text"], "label": row["intent"]} for row in map(json.loads, lines)]
    random.Random(seed).shuffle(rows)
    return rows


def _source() -> Path:
    data = Path(os.environ.get("COSTWARD_DATA") or ROOT.parent / "shared" / "data")
    path = data / "semcache" / "banking77.jsonl.gz"
    if not path.is_file():
        sys.exit(f"{path} is not there: set COSTWARD_DATA to the directory above semcache/banking77.jsonl.gz")
    return path


if __name__ == "__main__":
    main()
