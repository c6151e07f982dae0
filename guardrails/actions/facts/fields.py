"""Decoded JSON and YAML, read without trust: what has another form than expected is not there."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

Fields = Mapping[str, object]
EMPTY: Final[Fields] = {}


def part(fields: Fields, key: str) -> Fields:
    """Return an object inside; an empty one if there is none."""
    found = fields.get(key)
    return cast("Fields", found) if isinstance(found, dict) else EMPTY


def rows(fields: Fields, key: str) -> Sequence[Fields]:
    """Return the objects of a list inside."""
    found = fields.get(key)
    if not isinstance(found, list):
        return ()
    items = cast("list[object]", found)
    return [cast("Fields", item) for item in items if isinstance(item, dict)]


def text(fields: Fields, key: str) -> str:
    """Return a text inside; an empty one if there is none."""
    found = fields.get(key)
    return found if isinstance(found, str) else ""


def number(fields: Fields, key: str) -> int | None:
    """Return a whole number inside."""
    found = fields.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def images(spec: Fields) -> str:
    """List the images of a pod's containers."""
    return ",".join(image for row in rows(spec, "containers") if (image := text(row, "image")))
