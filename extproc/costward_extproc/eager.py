"""Running a coroutine up to its first wait, at once.

Most operations of an exchange are answered from memory. A time-out and a turn of the event loop for each of them would
cost more than the answer; only what truly waits needs either.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Started(Generic[T]):
    """A coroutine that was begun: done already, or to be awaited (once) for its rest."""

    __slots__ = ("_coroutine", "_waits_for", "is_done", "value")

    value: T
    """The result; there only if `is_done`."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        """Raises whatever the coroutine raises before it waits."""
        self._coroutine = coroutine
        self.is_done = False
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as returned:
            self.value = returned.value
            self.is_done = True

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:
                    # A cancellation, above all: it belongs to the coroutine, which may want to clean up.
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(sent)
        except StopIteration as returned:
            value: T = returned.value
            return value
