"""Calendar windows of caps: when the count that `now` belongs to began and when it starts anew.

Days, weeks and months turn at local midnight of the cap's time zone, through summer time and skipped dates. Minutes
and hours turn with UTC, so that each has its full length when clocks are put back; in zones at half an hour the cap's
hour therefore turns at half past.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from costward_contract.snapshot import Window

_SECONDS: dict[Window, int] = {"Minute": 60, "Hour": 3_600}

Span = tuple[int, int | None]


def window_of(window: Window, now: float, tz: str = "UTC") -> Span:
    """Unix seconds `(start, end)` with start <= now < end; a lifetime is `(0, None)`.

    Raises zoneinfo.ZoneInfoNotFoundError for an unknown `tz`, and ValueError or OverflowError outside years 2 to 9998.
    """
    if window == "Lifetime":
        return 0, None
    if length := _SECONDS.get(window):
        start = int(now // length) * length
        return start, start + length
    start, end = _around(window, int(now // _BUCKET), tz)
    if start <= now < end:
        return start, end
    return _calendar(window, now, tz)


_BUCKET = 900
"""Seconds that share one cached answer: all zones of today turn at multiples of a quarter of an hour; where one does
not, the answer is checked and computed anew."""


@lru_cache(maxsize=256)
def _around(window: Window, bucket: int, tz: str) -> tuple[int, int]:
    return _calendar(window, float(bucket * _BUCKET), tz)


def _calendar(window: Window, now: float, tz: str) -> tuple[int, int]:
    zone = ZoneInfo(tz)
    first, following, preceding = _TURNS[window]
    day = first(datetime.fromtimestamp(now, zone).date())
    # A clock put back across midnight shows a date twice: the boundaries decide, not the date on the clock.
    while _midnight(day, zone) > now:
        day = preceding(day)
    while _midnight(following(day), zone) <= now:
        day = following(day)
    return _midnight(day, zone), _midnight(following(day), zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of the day; where clocks skip midnight, the instant of the jump."""
    return int(datetime.combine(day, time(), zone).timestamp())


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _previous_month(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


_Step = Callable[[date], date]
_TURNS: dict[Window, tuple[_Step, _Step, _Step]] = {
    "Day": (lambda d: d, lambda d: d + timedelta(days=1), lambda d: d - timedelta(days=1)),
    "Week": (
        lambda d: d - timedelta(days=d.weekday()),
        lambda d: d + timedelta(days=7),
        lambda d: d - timedelta(days=7),
    ),
    "Month": (lambda d: d.replace(day=1), _next_month, _previous_month),
}
"""For each window: the first day of the one that a date is in, of the next, of the one before."""
