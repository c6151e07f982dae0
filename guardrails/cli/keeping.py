"""`--every` and `--keep`: how often is recorded and how much stays, as people write it."""

import difflib
import re
from collections.abc import Sequence

from guardrails.errors import UsageError
from guardrails.gates.reference import Retention
from guardrails.policy.durations import parse_duration

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s?(B|KB|MB|GB|KiB|MiB|GiB)", re.ASCII)
_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_KEYS = ("all", "hourly", "daily", "size")


def read_retention(assignments: Sequence[str]) -> Retention:
    """Read `all=6h`, `hourly=2d`, `daily=14d` and `size=256MiB`; the last of a key counts.

    Raises:
        UsageError: Another key, or a value that is no duration or no size.
    """
    given = dict(_split(text) for text in assignments)
    default = Retention()
    return Retention(
        all_seconds=_seconds(given, "all", default.all_seconds),
        hourly_seconds=_seconds(given, "hourly", default.hourly_seconds),
        daily_seconds=_seconds(given, "daily", default.daily_seconds),
        max_bytes=parse_size(given["size"]) if "size" in given else default.max_bytes,
    )


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--keep {text}: write KEY=VALUE, such as hourly=2d or size=256MiB")
    if key not in _KEYS:
        close = difflib.get_close_matches(key, _KEYS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(_KEYS)}"
        raise UsageError(f"--keep {text}: no such key; {hint}")
    return key, value


def _seconds(given: dict[str, str], key: str, default: float) -> float:
    if key not in given:
        return default
    try:
        return parse_duration(_zero(given[key]))
    except ValueError as error:
        raise UsageError(f"--keep {key}={given[key]}: {error}") from error


def read_every(text: str) -> float:
    """Read the pause between two looks.

    Raises:
        UsageError: Not a duration, or under a second.
    """
    try:
        seconds = parse_duration(_zero(text))
    except ValueError as error:
        raise UsageError(f"--every {text}: {error}") from error
    if seconds < 1:
        raise UsageError(f"--every {text}: at least 1s; one look lists every object")
    return seconds


def _zero(text: str) -> str | int:
    """Let nothing at all be written without a unit, as in a policy file."""
    return 0 if text.strip() == "0" else text


def parse_size(text: str) -> int:
    """Read a number of bytes.

    Raises:
        UsageError: Not a size, or nothing.

    >>> parse_size("1.5MiB")
    1572864
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _BYTES[found[2]]) if found else 0
    if size <= 0:
        raise UsageError(f"--keep size={text}: not a size; write it like 500KB, 64MiB or 1GB")
    return size
