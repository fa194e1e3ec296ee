"""`costward-extproc`: the data plane's process. Configured by environment variables only (see settings.py)."""

from __future__ import annotations

import logging
import os
import sys

import uvloop

from costward_extproc import memory
from costward_extproc.adapters import price_catalogue
from costward_extproc.errors import SettingsError
from costward_extproc.settings import Settings


def main() -> None:
    """Standard output carries decision lines alone; logs go to standard error."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    memory.bound_arenas()
    # Questions, answers and the socket that could store them are this user's alone.
    os.umask(0o077)
    try:
        settings = Settings.from_env(os.environ)
        prices = price_catalogue.begin()
        # Only now: our own imports take as long as reading the prices does, and go on beside it.
        from costward_extproc.app import run

        uvloop.run(run(settings, prices))
    except SettingsError as error:
        for problem in error.problems:
            logging.getLogger("costward").error("%s", problem)
        sys.exit(2)


if __name__ == "__main__":
    main()
