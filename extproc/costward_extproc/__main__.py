"""`costward-extproc`: the data plane's process. Configured by environment variables only (see settings.py)."""

from __future__ import annotations

import logging
import os
import sys

from costward_extproc import memory, tether
from costward_extproc.errors import SettingsError
from costward_extproc.settings import Settings

_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def main() -> None:
    """Standard output carries decision lines alone; logs go to standard error."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=_FORMAT)
    # Questions, answers and the socket that could store them are this user's alone.
    os.umask(0o077)
    try:
        settings = Settings.from_env(os.environ)
        sys.exit(_supervise(settings) if settings.workers > 1 and settings.worker is None else _serve(settings))
    except SettingsError as error:
        for problem in error.problems:
            logging.getLogger("costward").error("%s", problem)
        sys.exit(2)


def _supervise(settings: Settings) -> int:
    """Without a worker's imports: a supervisor is small."""
    from costward_extproc import supervisor

    return supervisor.run(settings, os.environ)


def _serve(settings: Settings) -> int:
    from costward_extproc.adapters import policy_compiler, price_catalogue

    memory.bound_arenas()
    if settings.supervisor is not None:
        tether.end_with(settings.supervisor)
    policies = policy_compiler.begin(settings.policy_file)
    prices = price_catalogue.begin()
    # Only now: our own imports take as long as reading policies and prices does, and go on beside it.
    import uvloop

    from costward_extproc.app import run

    uvloop.run(run(settings, prices, policies))
    return 0


if __name__ == "__main__":
    main()
