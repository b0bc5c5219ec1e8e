"""Days on which the desk is open."""

from datetime import date, timedelta

CLOSED_WEEKDAYS = {6}  # Sunday


def is_open(day):
    return day.weekday() not in CLOSED_WEEKDAYS


def next_open_day(day):
    """The day itself if the desk is open, else the first open day after it."""
    while not is_open(day):
        day += timedelta(days=1)
    return day


def days_between(start, end):
    """Days from start to end; 0 when end is not after start."""
    return max(0, (end - start).days)


def parse_day(text):
    """Read a day as 2024-05-31."""
    year, month, day = (int(part) for part in text.split("-"))
    return date(year, month, day)
