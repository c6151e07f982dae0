"""What a JSON value holds where nobody promised its shape: the edge of every reader.

A field that is missing, or of another kind than was expected, reads as empty. So a reader never
fails over one odd field, and says nothing that the file does not say.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard, cast

import msgspec

Json = Mapping[str, Any]
"""A JSON object."""


def is_object(value: object) -> TypeGuard[Json]:
    """Tell whether a value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Tell whether a value is a list."""
    return isinstance(value, list)


NOTHING: Final[Json] = {}
_SECONDS_UNTIL = 1e11
"""Numbers below are seconds since 1970, up to the year 5138; above they are finer units."""
_NAMED = 8
"""Keys that a message names: enough to know a format by."""
_FINER = (1e3, 1e6, 1e9)
"""Milli-, micro- and nanoseconds, as exporters of traces write them."""


def obj(value: object) -> Json:
    """Return the object that a value is; an empty one for anything else."""
    return value if is_object(value) else NOTHING


def items(value: object) -> Sequence[object]:
    """Return the list that a value is; an empty one for anything else."""
    return value if is_list(value) else ()


def objects(value: object) -> Sequence[Json]:
    """Return the objects of a list; other items are left out."""
    return [item for item in items(value) if is_object(item)]


def word(value: object) -> str:
    """Return a text or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    return str(value)


def first(value: Json, *keys: str) -> str:
    """Return the first of some fields that holds a word."""
    return next((found for key in keys if (found := word(value.get(key)))), "")


def text(value: object) -> str:
    """Return any value as text: a text as it is, anything else as JSON, nothing as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def lines(value: object) -> str:
    """Return a text that may be stored as the list of its lines."""
    if is_list(value):
        return "\n".join(text(item) for item in cast("list[object]", value))
    return text(value)


def whole(value: object) -> int | None:
    """Return a whole number, also one that is written as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def parsed(value: object) -> object:
    """Return what a text of JSON holds; any other value, and other texts, as they are."""
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return value
    try:
        return cast("object", msgspec.json.decode(value))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def when(value: object) -> datetime | None:
    """Return a time: ISO 8601, or a number of seconds or finer units since 1970.

    >>> when("2026-01-01T10:00:00Z") == when(1767261600) == when("1767261600000000000")
    True
    """
    if isinstance(value, str) and not value.isdigit():
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    number = whole(value)
    if number is None or number <= 0:
        return None
    scale = next((by for by in (1.0, *_FINER) if number / by < _SECONDS_UNTIL), None)
    return datetime.fromtimestamp(number / scale, UTC) if scale is not None else None


def noted(**notes: object) -> dict[str, str]:
    """Return notes of a run; those that say nothing are left out."""
    return {key: word(value) for key, value in notes.items() if word(value)}


def keys_of(value: object) -> str:
    """Say what a value looks like, for a message: the keys of an object, or its kind."""
    if is_object(value):
        names = [str(key)[:40] for key in cast("Iterable[object]", value)]
        more = ", …" if len(names) > _NAMED else ""
        return f"an object with {', '.join(names[:_NAMED]) or 'no keys'}{more}"
    if is_list(value):
        return f"a list of {len(cast('list[object]', value))}"
    if isinstance(value, str):
        return "a text"
    return (
        "null" if value is None else f"a {'truth value' if isinstance(value, bool) else 'number'}"
    )
