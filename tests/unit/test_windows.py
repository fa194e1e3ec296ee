"""Every instant belongs to exactly one window, whatever the clocks of its zone do."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from costward_contract.snapshot import Window
from costward_extproc.core.windows import window_of
from hypothesis import given
from hypothesis import strategies as st

# Summer time at midnight (Sao Paulo, Havana, Beirut), by half an hour (Lord Howe), one minute past midnight (St Johns),
# a skipped date (Apia), seconds in the offset (Monrovia until 1972), quarter hours (Kathmandu, Chatham).
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Pacific/Chatham",
]
INSTANTS = st.floats(min_value=0, max_value=4e9, allow_nan=False)
WINDOWS = st.sampled_from(["Minute", "Hour", "Day", "Week", "Month"])
LONGEST: dict[Window, int] = {"Minute": 60, "Hour": 3_600, "Day": 49 * 3_600, "Week": 8 * 86_400, "Month": 32 * 86_400}


def at(text: str, tz: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()


@given(window=WINDOWS, now=INSTANTS, tz=st.sampled_from(ZONES), inside=st.floats(0, 1, exclude_max=True))
def test_windows_are_a_partition_of_time(window: Window, now: float, tz: str, inside: float) -> None:
    start, end = window_of(window, now, tz)
    assert end is not None
    assert start <= now < end
    assert end - start <= LONGEST[window]
    other = min(start + int(inside * (end - start)), end - 1)
    assert window_of(window, other, tz) == (start, end)
    assert window_of(window, end, tz)[0] == end
    assert window_of(window, start - 1, tz)[1] == start


@pytest.mark.parametrize("tz", ZONES)
def test_windows_meet_at_every_change_of_the_clocks(tz: str) -> None:
    zone = ZoneInfo(tz)
    offset = None
    for hour in range(0, 1_800_000_000, 3_600 * 6):
        present = datetime.fromtimestamp(hour, zone).utcoffset()
        if present != offset and offset is not None:
            for now in range(hour - 3_600 * 30, hour + 3_600 * 30, 600):
                start, end = window_of("Day", now, tz)
                assert end is not None
                assert start <= now < end
                assert window_of("Day", end - 1, tz) == (start, end)
                assert window_of("Day", end, tz)[0] == end
        offset = present


@pytest.mark.parametrize(
    ("window", "now", "tz", "start", "end"),
    [
        ("Day", "2025-03-30T12:00", "Europe/Berlin", "2025-03-30", "2025-03-31"),
        ("Week", "2025-03-30T12:00", "Europe/Berlin", "2025-03-24", "2025-03-31"),
        ("Month", "2024-02-29T23:59", "America/New_York", "2024-02-01", "2024-03-01"),
        ("Month", "2024-12-31T23:59", "Asia/Kathmandu", "2024-12-01", "2025-01-01"),
        ("Week", "2024-12-31T00:00", "UTC", "2024-12-30", "2025-01-06"),
    ],
)
def test_calendar_windows_turn_at_local_midnight(window: Window, now: str, tz: str, start: str, end: str) -> None:
    assert window_of(window, at(now, tz), tz) == (at(start, tz), at(end, tz))


@pytest.mark.parametrize(("date", "hours"), [("2025-03-30T12:00", 23), ("2025-10-26T12:00", 25)])
def test_a_day_of_changed_clocks_has_23_or_25_hours(date: str, hours: int) -> None:
    start, end = window_of("Day", at(date, "Europe/Berlin"), "Europe/Berlin")
    assert end is not None
    assert end - start == hours * 3_600


def test_an_hour_is_an_hour_when_clocks_are_put_back() -> None:
    twice = at("2025-10-26T02:30", "Europe/Berlin")
    assert window_of("Hour", twice, "Europe/Berlin") != window_of("Hour", twice + 3_600, "Europe/Berlin")


def test_a_skipped_date_leaves_no_gap() -> None:
    last_before = at("2011-12-29T23:59:59", "Pacific/Apia")
    start, end = window_of("Day", last_before, "Pacific/Apia")
    assert (start, end) == (at("2011-12-29", "Pacific/Apia"), at("2011-12-31", "Pacific/Apia"))


def test_a_midnight_inside_a_jump_of_the_clocks_leaves_no_gap() -> None:
    """In Toronto, clocks went from 23:30 to 0:30: the first half hour on the clock of the new day has no midnight."""
    jump = at("1919-03-30T23:30", "America/Toronto")
    for now in range(int(jump) - 7_200, int(jump) + 7_200, 300):
        start, end = window_of("Day", now, "America/Toronto")
        assert end is not None
        assert start <= now < end
        assert window_of("Day", end - 1, "America/Toronto") == (start, end)


def test_a_lifetime_never_ends() -> None:
    assert window_of("Lifetime", 1.7e9, "Europe/Berlin") == (0, None)
