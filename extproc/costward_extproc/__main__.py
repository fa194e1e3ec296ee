"""`costward-extproc`: the data plane's process. Configured by environment variables only (`--help` lists them)."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from costward_extproc import memory, tether
from costward_extproc.errors import SettingsError
from costward_extproc.settings import Settings

_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def main() -> None:
    """Standard output carries decision lines alone; logs go to standard error."""
    if sys.argv[1:]:
        _explain(sys.argv[1:])
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


def _explain(words: list[str]) -> NoReturn:
    """What there is to say by --help and --version, and that there are no other words."""
    import argparse
    from importlib.metadata import version

    from costward_extproc.settings import variables

    lines = [f"  {each.name} ({each.default})\n      {each.meaning}" for each in variables()]
    parser = argparse.ArgumentParser(
        prog="costward-extproc",
        description="Costward's data plane: an Envoy ext_proc service. All settings are environment variables.",
        epilog="\n".join(["environment variables (and their defaults):", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"costward-extproc {version('costward')}")
    parser.parse_args(words)
    parser.error("there is nothing to do by these words alone; settings are environment variables")


def _supervise(settings: Settings) -> int:
    """Without a worker's imports: a supervisor is small."""
    from costward_extproc import supervisor

    return supervisor.run(settings, os.environ)


def _serve(settings: Settings) -> int:
    from costward_extproc.adapters import policy_compiler, price_catalogue

    memory.bound_arenas()
    if settings.supervisor is not None:
        tether.end_with(settings.supervisor)
    policies = policy_compiler.begin(settings.policy_file) if settings.policy_file else None
    prices = price_catalogue.begin()
    # Only now: our own imports take as long as reading policies and prices does, and go on beside it.
    import uvloop

    from costward_extproc.app import run

    uvloop.run(run(settings, prices, policies))
    return 0


if __name__ == "__main__":
    main()
