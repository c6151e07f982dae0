"""What is alike in JSON is said once: parts that stood before, and objects with the same fields."""

from dataclasses import dataclass, field
from typing import Final, cast

import msgspec

from guardrails.hygiene.compression.jsontext import Json, parse, written

SAME: Final = "same as "
_SAME_FROM: Final = 100
"""Characters from which on a part is not said twice; saying where it stood takes half of that."""
_COLUMNS_FROM: Final = 4
"""Elements from which on a list of alike objects is written as columns and rows."""

_TAG: Final = frozenset({"key", "type", "value"})
"""Fields of a tag; an empty value may have been left out."""


@dataclass(slots=True)
class Seen:
    """Says of a part that stood before where it stood: pods of one template are much alike."""

    places: dict[str, str] = field(default_factory=dict[str, str])

    def once(self, value: Json, *, at: str = "") -> Json:
        """Put a reference in the place of what stood before."""
        if not isinstance(value, dict | list) or not value:
            return value
        text = written(value)
        if len(text) > _SAME_FROM:
            before = self.places.setdefault(text, at)
            if before != at:
                return f"{SAME}{before}"
        if isinstance(value, dict):
            return {key: self.once(each, at=f"{at}.{key}") for key, each in value.items()}
        return [self.once(each, at=f"{at}[{n}]") for n, each in enumerate(value)]


def columns(value: Json) -> Json:
    """Write lists of alike objects as columns and rows; what is the same in all is said once."""
    match value:
        case dict():
            inner_map = {key: columns(inner) for key, inner in value.items()}
            return _as_rows(inner_map) or inner_map
        case list():
            inner = [columns(each) for each in value]
            return _as_map(inner) or _as_columns(inner) or inner
        case str() if len(value) > _SAME_FROM and value[0] in "{[":
            decoded = _decoded(value)
            return value if isinstance(decoded, str) else columns(decoded)
        case _:
            return value


def _decoded(text: str) -> Json:
    """Read JSON that was written into a text, as ConfigMaps and annotations have it."""
    try:
        return parse(text)
    except msgspec.DecodeError:
        return text


def _as_map(elements: list[Json]) -> dict[str, Json] | None:
    """Write tags, which Jaeger gives as key, type and value, as a map.

    A span may have a tag twice; if it says something else, both values are told.
    """
    tags: dict[str, list[Json]] = {}
    for each in elements:
        match each:
            case {"key": str(key)} if _TAG.issuperset(each):
                values = tags.setdefault(key, [])
                if (value := each.get("value", "")) not in values:
                    values.append(value)
            case _:
                return None
    return {key: values[0] if len(values) == 1 else values for key, values in tags.items()} or None


def _as_rows(value: dict[str, Json]) -> dict[str, Json] | None:
    """Write a map of alike maps, as services by name, as rows that begin with the key."""
    keyed: list[Json] = [
        {"": key, **inner} for key, inner in value.items() if isinstance(inner, dict)
    ]
    return _as_columns(keyed) if len(keyed) == len(value) else None


def _as_columns(elements: list[Json]) -> dict[str, Json] | None:
    rows = [each for each in elements if isinstance(each, dict)]
    if len(rows) < _COLUMNS_FROM or len(rows) != len(elements):
        return None
    keys = list(rows[0])
    if any(row.keys() != rows[0].keys() for row in rows):
        return None
    same: dict[str, Json] = {
        key: rows[0][key] for key in keys if all(row[key] == rows[0][key] for row in rows)
    }
    varied = [key for key in keys if key not in same]
    if not varied:
        return {"count": len(rows), "each": same}
    written: list[Json] = [
        [row[key] for key in varied] if len(varied) > 1 else row[varied[0]] for row in rows
    ]
    columns = cast("list[Json]", varied)
    return {**({"each": same} if same else {}), "columns": columns, "rows": written}
