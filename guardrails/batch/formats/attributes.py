"""Attributes of spans: OTLP's typed lists, nested objects, and lists spread over numbered names."""

from collections.abc import Sequence
from typing import Any, cast

from guardrails.batch.formats.values import Json, is_list, is_object, items, obj, objects, word


def attributes_of(value: object) -> dict[str, Any]:
    """Return attributes by their dotted names, from OTLP's list or from an object."""
    if is_list(value):
        return {word(one.get("key")): _any(one.get("value")) for one in objects(value)}
    found: dict[str, Any] = {}
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        prefix, inner = stack.pop()
        if is_object(inner):
            for key, one in obj(inner).items():
                stack.append((f"{prefix}.{key}" if prefix else key, one))
        else:
            found[prefix] = inner
    return found


def _any(value: object) -> Any:  # noqa: ANN401  # OTLP's AnyValue
    found = obj(value)
    for key in ("stringValue", "intValue", "doubleValue", "boolValue", "string_value", "int_value"):
        if key in found:
            return found[key]
    if "arrayValue" in found:
        return [_any(item) for item in items(obj(found["arrayValue"]).get("values"))]
    if "kvlistValue" in found:
        pairs = objects(obj(found["kvlistValue"]).get("values"))
        return {word(pair.get("key")): _any(pair.get("value")) for pair in pairs}
    return None


def numbered(given: Json, stem: str) -> Sequence[object]:
    """Return the list that is spread over attributes: `llm.input_messages.0.message.role`."""
    found = given.get(stem)
    if is_list(found):
        return items(found)
    tree: dict[str, Any] = {}
    start = f"{stem}."
    for key, value in given.items():
        if key.startswith(start):
            _grow(tree, key[len(start) :].split("."), value)
    return items(_as_list(tree))


def _grow(tree: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Put a value where its path leads; a path that ends inside another value is left out."""
    at = tree
    for step in path[:-1]:
        inner = at.setdefault(step, dict[str, Any]())
        if not isinstance(inner, dict):
            return
        at = cast("dict[str, Any]", inner)
    at[path[-1]] = value


def _as_list(value: object) -> object:
    """Turn objects whose keys count from 0 into lists, all the way down."""
    if is_object(value):
        found = obj(value)
        if found and all(key.isdigit() for key in found):
            return [_as_list(found[key]) for key in sorted(found, key=int)]
        return {key: _as_list(inner) for key, inner in found.items()}
    return [_as_list(item) for item in items(value)] if is_list(value) else value
