"""Durations as people write them in files: `90s`, `5m`, `1h30m`."""

import re
from typing import Annotated

from annotated_types import Gt
from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", re.ASCII)

LONGEST = 366 * 86_400.0
"""A year, in seconds. Nothing the guard waits for takes longer, and sums with dates stay valid."""


def parse_duration(value: object) -> float:
    """Read a duration.

    Args:
        value: `90s`, `5m`, `1h30m`, `250ms`; `0` is allowed without a unit.

    Returns:
        Seconds.

    Raises:
        ValueError: Not a duration, or longer than a year.

    >>> parse_duration("1h30m")
    5400.0
    """
    if value == 0 and not isinstance(value, bool):
        return 0.0
    text = value.strip() if isinstance(value, str) else ""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{value!r} is not a duration; write it like 90s, 5m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST:
        raise ValueError(f"{value!r} is longer than a year")
    return seconds


def format_duration(seconds: float) -> str:
    """Write seconds as a duration, largest units first.

    >>> format_duration(5400)
    '1h30m'
    """
    whole, parts = round(seconds * 1000), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, whole = divmod(whole, size)
        parts += f"{count}{unit}" if count else ""
    return parts or "0s"


WRITTEN = {"written": True}
"""Validation context of values that a person wrote. There a bare number is refused, because nobody
can tell its unit; in Python it is seconds, as the name of the type says."""


def _read(value: object, info: ValidationInfo) -> float:
    if info.context != WRITTEN and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return parse_duration(value)


_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
_POSITIVE = r"^(?=.*[1-9])([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
_EXAMPLES = ["90s", "5m", "1h30m"]
_write = PlainSerializer(format_duration, return_type=str, when_used="json")

Seconds = Annotated[
    float,
    BeforeValidator(_read),
    _write,
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": _PATTERN}, {"const": 0}],
            "examples": _EXAMPLES,
        }
    ),
]
"""A duration field: written `90s`, held as seconds. None at all is `0s` or `0`."""

PositiveSeconds = Annotated[
    float,
    Gt(0),
    BeforeValidator(_read),
    _write,
    WithJsonSchema({"type": "string", "pattern": _POSITIVE, "examples": _EXAMPLES}),
]
"""A duration that must not be nothing: a limit, or the pause of a loop."""
