"""`costward` and `python -m costward_cli`."""

from __future__ import annotations

import sys

import typer

from costward_cli.main import app
from costward_cli.problems import CliError


def main() -> None:
    try:
        app()
    except CliError as error:
        typer.echo(f"costward: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
