"""What the CLI tells a person who asked for something that cannot be done."""

from __future__ import annotations


class CliError(Exception):
    """What went wrong, where, and how to mend it. Shown without a traceback."""

    def __init__(self, problem: str, *, mend: str) -> None:
        super().__init__(f"{problem}\n  how to mend: {mend}")
        self.problem = problem
        self.mend = mend
