"""What a child process prints before it ends, for readers whose libraries must not stay in this process."""

from __future__ import annotations

import subprocess
from typing import AnyStr


def printed_by(child: subprocess.Popen[AnyStr] | None, seconds: float) -> AnyStr:
    """All of its standard output; its exit code is known afterwards. Raises OSError where there is no child, and
    subprocess.TimeoutExpired after `seconds`: the child is then killed."""
    if child is None:
        raise OSError("no child could be started")
    with child:
        try:
            printed, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # Before the `with` ends, which waits for the child however long it takes.
            child.kill()
            raise
    return printed
