"""Where a data plane's policies come from: the control plane where one is named, else a file."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from subprocess import Popen

from costward_contract.v1 import delivery_pb2 as wire

from costward_extproc import ports
from costward_extproc.adapters.file_snapshots import FileSnapshots
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_extproc.settings import Settings

Source = FileSnapshots | StreamSnapshots

LAST_GOOD = "snapshot.bin"
"""In the state folder."""


def snapshots_of(
    settings: Settings,
    compiler: Popen[bytes] | None,
    pulse: Callable[[], wire.Pulse],
    on_rejected: Callable[[], None],
) -> Source:
    """The source that the settings name; it has what was in force before. `compiler`: the file's reader, where it was
    started before; `pulse`: what the control plane is told now and then. Blocks. Raises PolicyFileError."""
    last_good = settings.state_dir / LAST_GOOD
    if settings.control_plane is not None:
        return StreamSnapshots(settings.control_plane, last_good, version("costward"), pulse, on_rejected)
    if settings.policy_file is None:
        raise AssertionError("settings without any source of policies are refused")
    return FileSnapshots(settings.policy_file, last_good, on_rejected, compiler)


async def first_of(snapshots: ports.Snapshots) -> None:
    """Returns once a snapshot is in force."""
    async for _ in snapshots.watch():
        return
