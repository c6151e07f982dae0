"""How often a cron schedule runs: five fields as Kubernetes reads them, counted over a year."""

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

_MACROS = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = 5
_LEAP_YEAR = 2028
"""So that the 29th of February counts."""


def runs_per_year(schedule: str) -> int | None:
    """Return how often a schedule runs in a leap year, or None when it cannot be read.

    >>> runs_per_year("@daily"), runs_per_year("*/30 8-9 * * mon-fri"), runs_per_year("0 0 31 2 *")
    (366, 1040, 0)
    """
    text = schedule.strip().lower()
    if text.startswith(("tz=", "cron_tz=")):
        text = text.partition(" ")[2]
    fields = _MACROS.get(text, text).split()
    if len(fields) != _FIELDS:
        return None
    try:
        minutes = _values(fields[0], 0, 59)
        hours = _values(fields[1], 0, 23)
        days = _values(fields[2], 1, 31)
        months = _values(fields[3], 1, 12, {n: i for i, n in enumerate(_MONTHS, 1)})
        weekdays = {d % 7 for d in _values(fields[4], 0, 7, {n: i for i, n in enumerate(_DAYS)})}
    except ValueError:
        return None
    either = not (_is_any(fields[2]) or _is_any(fields[4]))
    matching = 0
    for number in range(366):
        day = date(_LEAP_YEAR, 1, 1) + timedelta(days=number)
        in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
        # With both fields set, cron runs on the days that either names.
        fits = (in_month or in_week) if either else (in_month and in_week)
        matching += day.month in months and fits
    return len(minutes) * len(hours) * matching


def _is_any(field: str) -> bool:
    return field.startswith(("*", "?"))


def _values(field: str, low: int, high: int, names: Mapping[str, int] | None = None) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if first in {"*", "?"}:
            start, end = low, high
        else:
            start = _number(first, names)
            end = _number(last, names) if dash else (high if step else start)
        if not low <= start <= end <= high or (step and int(step) < 1):
            raise ValueError(field)
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(text: str, names: Mapping[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)
