"""The stand-in as a child on a port that nobody can take in between."""

from __future__ import annotations

import sys
from pathlib import Path

from costward_cli import child
from costward_cli.sockets import listen


async def start_stand_in(log: Path, args: tuple[str, ...] = ()) -> tuple[child.Child, str]:
    """The child and its URL. It listens from the first moment: the socket is bound here and handed down."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "costward_cli", "stand-in", "--fd", str(listener.fileno()), *args]
        started = await child.start("stand-in", command, log=log, pass_fds=(listener.fileno(),))
    return started, f"http://127.0.0.1:{port}"
