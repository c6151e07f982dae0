"""Deltas of fields that nobody here knows: joined as the clients of the formats join them."""

from collections.abc import Mapping
from typing import Any, Final, cast

from guardrails.sidecar.proxy.wire.base import Json

_SET: Final = frozenset({"type", "id", "index", "format", "name", "role"})
"""Fields that name a thing: a second value replaces the first, even where both are text."""


def joined(have: Mapping[str, Any], delta: Mapping[str, Any]) -> Json:
    """Return an object with a delta added.

    Texts grow, lists get longer (members with an `index` are joined in their place), objects are
    joined field by field, and anything else is replaced. A delta of null changes nothing.

    >>> joined({"text": "a", "n": 1}, {"text": "b", "n": 2, "new": [1]})
    {'text': 'ab', 'n': 2, 'new': [1]}
    """
    found = dict(have)
    for key, value in delta.items():
        if value is None:
            found.setdefault(key, None)
        elif isinstance(value, list):
            before: object = found.get(key)
            listed = cast("list[Any]", before) if isinstance(before, list) else []
            found[key] = _longer(listed, cast("list[Any]", value))
        elif isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = joined(found[key], cast("Json", value))
        elif isinstance(value, str) and isinstance(found.get(key), str) and key not in _SET:
            found[key] += value
        else:
            found[key] = value
    return found


def _longer(have: list[Any], delta: list[Any]) -> list[Any]:
    found = list(have)
    for one in delta:
        place = _place(found, one)
        if place is None:
            found.append(one)
        else:
            found[place] = joined(found[place], one)
    return found


def _place(found: list[Any], one: object) -> int | None:
    if not isinstance(one, dict) or "index" not in one:
        return None
    index = cast("Json", one)["index"]
    for at, other in enumerate(found):
        if isinstance(other, dict) and cast("Json", other).get("index") == index:
            return at
    return None
