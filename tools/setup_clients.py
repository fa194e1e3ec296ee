"""Install LangChain and LiteLLM, which the tests call Costward with, into an environment of their own: build/clients.

They bring a hundred packages, and some ask for other versions than ours: beside the project's packages they would
decide what we are tested with. Pinned with hashes in requirements/clients.txt. Run by `make setup`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "clients.txt"
TARGET = ROOT / "build" / "clients"
PYTHON = TARGET / "bin" / "python"


def main() -> int:
    uv = str(Path(sys.executable).with_name("uv"))
    print("setup: LangChain and LiteLLM for the tests in build/clients")  # noqa: T201
    shutil.rmtree(TARGET, ignore_errors=True)
    make = [uv, "venv", "--quiet", "--python", sys.executable, str(TARGET)]
    fill = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes", "-r", str(LOCK)]
    environment = {**os.environ, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "copy")}
    for command in (make, fill):
        if (code := subprocess.run(command, env=environment, check=False).returncode) != 0:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
