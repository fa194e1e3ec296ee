"""Generate the Python code of the contract's .proto files, or check that the committed code still matches them.

Run by `make proto`; `make lint` runs it with `--check`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO_ROOT = ROOT / "proto"
SCHEMAS = "costward_contract/v1/*.proto"


def has_service(schema: Path) -> bool:
    return re.search(r"^service\s", schema.read_text(), re.MULTILINE) is not None


def generate(schemas: list[Path], out: Path) -> None:
    """Compile `schemas` into `out`, which becomes laid out as proto/ is. Raises CalledProcessError."""
    plain = [f"--python_out={out}", f"--pyi_out={out}"]
    for schema in schemas:
        # A schema without a service would only get an empty stub that imports grpc into the pure contract.
        plugins = [*plain, f"--grpc_python_out={out}"] if has_service(schema) else plain
        name = schema.relative_to(PROTO_ROOT).as_posix()
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO_ROOT}", *plugins, name], check=True)


def drift(out: Path) -> list[str]:
    """The generated files whose committed copy is missing or different, relative to proto/."""
    names = sorted(path.relative_to(out) for path in out.rglob("*_pb2*") if path.is_file())
    return [str(name) for name in names if not is_same(out / name, PROTO_ROOT / name)]


def is_same(made: Path, committed: Path) -> bool:
    return committed.is_file() and made.read_bytes() == committed.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where committed code is stale")
    check: bool = parser.parse_args().check
    schemas = sorted(PROTO_ROOT.glob(SCHEMAS))
    with tempfile.TemporaryDirectory() as folder:
        generate(schemas, Path(folder))
        stale = drift(Path(folder))
        if check:
            for name in stale:
                print(f"proto/{name}: does not match its .proto; run `make proto`", file=sys.stderr)  # noqa: T201
            return 1 if stale else 0
        for name in stale:
            (PROTO_ROOT / name).write_bytes((Path(folder) / name).read_bytes())
            print(f"wrote proto/{name}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
