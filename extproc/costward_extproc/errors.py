"""The data plane's errors.

* CostwardError
  + SettingsError     a start-up setting is missing or wrong; lists all of them
  + PortFailure       an adapter could not do what was asked; the core decides what that means
    - StoreFailure    SQLite said no
    - EmbedderFailure the model could not run
"""

from __future__ import annotations


class CostwardError(Exception):
    """Base of all errors raised on purpose."""


class SettingsError(CostwardError):
    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class PortFailure(CostwardError):
    """An adapter's failure, with a word for the metric label and no user data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreFailure(PortFailure):
    pass


class EmbedderFailure(PortFailure):
    pass
