"""Compiles a policy file in a child process that prints the snapshot and ends.

Parsing policies needs pydantic and YAML: 13 MB and 0.3 s that every data plane would carry for the few moments in which
a file changes. What stays here is the snapshot, as if the control plane had sent it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from costward_contract.codec import decode, encode
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import Snapshot

from costward_extproc.adapters.child_output import printed_by
from costward_extproc.errors import SettingsError

if TYPE_CHECKING:
    from costward_contract.compiler import Verdict

logger = logging.getLogger(__name__)

CHILD_SECONDS = 30
"""The child takes half a second; a machine so busy that it takes half a minute gets the parser in this process."""

_REJECTED = 2
"""The child's exit code for a file with problems, which it has printed."""


class PolicyFileError(SettingsError):
    """The file cannot be used; `problems` are whole sentences with their places."""


def begin(path: Path) -> subprocess.Popen[bytes] | None:
    """Start compiling; what it gives goes to `load`. None where no child can be started."""
    try:
        return subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE)
    except OSError:
        return None


def load(path: Path, child: subprocess.Popen[bytes] | None = None, seconds: float = CHILD_SECONDS) -> Snapshot:
    """The snapshot of a policy file. Blocks for about half a second, less what `child` has had of it already. Raises
    PolicyFileError with every problem."""
    child = child or begin(path)
    try:
        printed = printed_by(child, seconds)
        if child is not None and child.returncode == _REJECTED:
            raise PolicyFileError(json.loads(printed))
        return decode(printed)
    except (OSError, ValueError, SnapshotError, subprocess.SubprocessError) as error:
        logger.warning("policies are compiled in this process, for the child failed (%s)", type(error).__name__)
        return compile_file(path)


def compile_file(path: Path) -> Snapshot:
    """In this process. Raises PolicyFileError with every problem."""
    from costward_contract.compiler import compile_policies
    from costward_contract.parse import KINDS, parse_documents

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise PolicyFileError([f"{path}: cannot be read: {problem}"]) from problem
    parsed = parse_documents(text, str(path), KINDS)
    if parsed.problems:
        raise PolicyFileError([str(problem) for problem in parsed.problems])
    snapshot, verdicts = compile_policies(parsed.policies, parsed.cluster_policies)
    rejected = [_sentence(path, verdict) for verdict in verdicts if not verdict.accepted]
    if rejected:
        raise PolicyFileError(rejected)
    return snapshot


def _sentence(path: Path, verdict: Verdict) -> str:
    return f"{path}: {verdict.ref}: {verdict.reason}: {verdict.message}"


def _print(path: Path) -> int:
    try:
        printed, code = encode(compile_file(path)), 0
    except PolicyFileError as error:
        printed, code = json.dumps(error.problems).encode(), _REJECTED
    sys.stdout.buffer.write(printed)
    return code


if __name__ == "__main__":
    sys.exit(_print(Path(sys.argv[1])))
