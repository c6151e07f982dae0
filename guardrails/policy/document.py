"""A file that a person wrote, read but not yet understood: its values, and where each stands."""

from collections.abc import Mapping
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Where a value sits: keys and list positions from the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key or list item stands, and how its value was written."""

    line: int
    text: str = ""
    """The scalar as written; empty for lists and mappings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file, read, before anything is known of its meaning."""

    source: str
    """The file as the user named it."""
    data: Mapping[str, object]
    places: Mapping[KeyPath, Place]

    def line(self, path: KeyPath) -> int:
        """Return the line of the value, or of the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        place = self.places.get(path)
        return place.line if place else 1

    def at(self, path: KeyPath) -> str:
        """Return `FILE:LINE` of the value."""
        return f"{self.source}:{self.line(path)}"


def dotted(path: KeyPath) -> str:
    """Write a path as people do.

    >>> dotted(("alerts", 0, "labels"))
    'alerts[0].labels'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def kind_of(value: object) -> str:
    """Name the kind of a value in the words of the file.

    >>> kind_of(["a"])
    'a list'
    """
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return "a yes/no value"
        case int() | float():
            return "a number"
        case _:
            return "text"
