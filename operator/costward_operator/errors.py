"""The operator's errors.

* OperatorError
  + SettingsError     a start-up setting is missing or wrong; lists all of them
  + LeaseLostError    this process does not lead any more, and must not write
  + WatchLostError    the watch does not tell what happens; only a new process mends that
  + KubeError         the API server said no, or nothing
    - NotFoundError   404
    - ConflictError   409: somebody else was first
    - GoneError       410: what was asked for is compacted away
    - InvalidError    400, 422: what was sent is not acceptable
    - DeniedError     401, 403: no right to it
    - BusyError       429, 5xx: later, perhaps
    - UnreachableError  no answer
"""

from __future__ import annotations


class OperatorError(Exception):
    """Base of all errors raised on purpose."""


class SettingsError(OperatorError):
    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class LeaseLostError(OperatorError):
    pass


class WatchLostError(OperatorError):
    pass


class KubeError(OperatorError):
    def __init__(self, message: str, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0: there was no answer."""
        self.retry_after_s = retry_after_s
        """How long the server asked to be left alone."""


class NotFoundError(KubeError):
    pass


class ConflictError(KubeError):
    pass


class GoneError(KubeError):
    pass


class InvalidError(KubeError):
    pass


class DeniedError(KubeError):
    pass


class BusyError(KubeError):
    pass


class UnreachableError(KubeError):
    pass


_BY_STATUS: dict[int, type[KubeError]] = {
    400: InvalidError,
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: BusyError,
}


def kube_error(status: int, message: str, retry_after_s: float | None = None) -> KubeError:
    """The error of an HTTP status of 400 or more."""
    return _BY_STATUS.get(status, BusyError if status >= 500 else KubeError)(message, status, retry_after_s)
