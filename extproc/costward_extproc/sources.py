"""Where a data plane's policies come from: the control plane where one is named, else a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from subprocess import Popen

from costward_extproc import ports
from costward_extproc.adapters.file_snapshots import FileSnapshots
from costward_extproc.adapters.stream_snapshots import Pulses, StreamSnapshots
from costward_extproc.settings import Settings

Source = FileSnapshots | StreamSnapshots

LAST_GOOD = "snapshot.bin"
"""In the state folder."""


def snapshots_of(
    settings: Settings,
    compiler: Popen[bytes] | None,
    pulses: Pulses,
    on_rejected: Callable[[], None],
) -> Source:
    """The source that the settings name; it has what was in force before. `compiler`: the file's reader, where it was
    started before; `pulses`: what the control plane is told now and then. Blocks. Raises PolicyFileError."""
    last_good = settings.state_dir / LAST_GOOD
    if settings.control_plane is not None:
        source = settings.control_plane
        if settings.worker is not None:
            # Each worker follows by itself, and the control plane tells them apart by this.
            source = replace(source, node=f"{source.node}/{settings.worker}")
        return StreamSnapshots(source, last_good, version("costward"), pulses, on_rejected)
    if settings.policy_file is None:
        raise AssertionError("settings without any source of policies are refused")
    return FileSnapshots(settings.policy_file, last_good, on_rejected, compiler)


async def first_of(snapshots: ports.Snapshots) -> None:
    """Returns once a snapshot is in force."""
    async for _ in snapshots.watch():
        return
