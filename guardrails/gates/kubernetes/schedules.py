"""How far apart the runs of a schedule lie at most, for schedules that run every hour or more.

Others depend on a time zone that only the controller knows when none is written down, and on
calendars; whether such a run was missed is not told from here.
"""

import re
from datetime import timedelta

MINUTES = 60
_EVERY = frozenset({"*", "?", "*/1", "0-23", "0-23/1"})
_PART = re.compile(r"(?P<low>\*|\d+)(?:-(?P<high>\d+))?(?:/(?P<step>\d+))?")


def longest_gap(schedule: str) -> timedelta | None:
    """Return the longest time between two runs, or None for schedules that skip hours.

    >>> longest_gap("*/15 * * * *"), longest_gap("5,10 * * * *"), longest_gap("0 3 * * *")
    (datetime.timedelta(seconds=900), datetime.timedelta(seconds=3300), None)
    """
    if schedule.strip() == "@hourly":
        return timedelta(hours=1)
    minute, *others = schedule.split() or [""]
    if len(others) != _FIELDS - 1 or not _EVERY.issuperset(others):
        return None
    due = sorted(_minutes(minute))
    if not due:
        return None
    following = [*due[1:], due[0] + MINUTES]
    return timedelta(minutes=max(b - a for a, b in zip(due, following, strict=True)))


_FIELDS = 5


def _minutes(field: str) -> set[int]:
    """Return the minutes of a field; none when a part cannot be read."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return set()
        step = int(match["step"] or 1)
        low = 0 if match["low"] == "*" else int(match["low"])
        # A step without an upper end goes on to the last minute.
        open_ended = match["low"] == "*" or match["step"] is not None
        high = int(match["high"] or (MINUTES - 1 if open_ended else low))
        if not step or high >= MINUTES:
            return set()
        found.update(range(low, high + 1, step))
    return found
