"""The part of JSON Schema that tools use, and whether a call's arguments fit it.

Keywords: type, properties, required, enum, const, items, anyOf, oneOf, allOf, $ref,
additionalProperties. Others are passed over, because the tool checks them itself; here only slips
count that are plain before it runs.
"""

import math
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import cast

import msgspec

from guardrails.actions.nearest import nearest

Schema = Mapping[str, object]
"""A JSON Schema, decoded."""

_DEEPEST = 24
"""Levels that are checked. Schemas may refer to themselves."""
_OF_CHOICE = 3
"""Levels that `anyOf` and its like count for: one that holds itself twice would double the work at
each, and so does it eight times."""
_WHOLE = re.compile(r"\s*[+-]?\d+(?:\.0*)?\s*", re.ASCII)
_LOGICAL = frozenset("true false yes no on off t f y n 1 0".split())  # noqa: SIM905  # as words
"""What pydantic reads as true or false."""


class SlipKind(StrEnum):
    """How arguments miss their schema."""

    UNKNOWN = "unknown"
    """An argument that the tool does not have."""
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_ALLOWED = "not_allowed"
    """A value outside an enumeration."""


class Slip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place where arguments miss their schema."""

    kind: SlipKind
    where: str
    """Path of the argument: `spec.replicas`, `names[0]`."""
    expected: str = ""
    """Type or values, as `form_of` says them."""
    value: object = None
    nearest: str = ""


def slip_in(value: object, schema: Schema) -> Slip | None:
    """Return the first place where a call's arguments miss the schema of its tool.

    Numbers, booleans and lists written as text pass, since frameworks read them, and so does null
    for an argument that may be left out. An unknown argument counts unless `additionalProperties`
    allows it: frameworks drop it in silence, and the model believes that it was heard. Below the
    top it counts only where `additionalProperties` forbids it.
    """
    return _object(value, schema, root=schema, where="", depth=0)


def form_of(schema: Schema, *, root: Schema, depth: int = 0) -> str:
    """Say what a schema takes: `text`, `whole number`, `list of text`, `one of json, yaml`.

    >>> form_of({"type": "array", "items": {"type": "string"}}, root={})
    'list of text'
    """
    schema = _followed(schema, root)
    values = _allowed(schema)
    if values is not None:
        shown = ", ".join(_spelled(value) for value in values[:_MOST_VALUES])
        more = ", …" if len(values) > _MOST_VALUES else ""
        return f"one of {shown}{more}"
    options = [
        form_of(each, root=root, depth=depth + _OF_CHOICE) for each in _options(schema, depth)
    ]
    if options:
        return " or ".join(dict.fromkeys(option for option in options if option != "null"))
    types = [kind for kind in _types(schema) if kind != "null"]
    if types == ["array"] and depth < _DEEPEST:
        inner = form_of(_schema(schema.get("items")), root=root, depth=depth + 1)
        return "list" if inner == "any value" else f"list of {inner}"
    nothing = "null" if _types(schema) else "any value"
    return " or ".join(_TYPE_WORDS.get(kind, kind) for kind in types) or nothing


_MOST_VALUES = 12
"""Values of an enumeration that are shown."""
_TYPE_WORDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
}


def properties_of(schema: Schema, *, root: Schema, depth: int = 0) -> dict[str, Schema]:
    """Return the named properties of an object's schema, those of `allOf` included."""
    schema = _followed(schema, root)
    found: dict[str, Schema] = {}
    for part in _parts(schema, depth):
        found |= properties_of(part, root=root, depth=depth + _OF_CHOICE)
    for name, each in _schema(schema.get("properties")).items():
        found[name] = _schema(each)
    return found


def required_of(schema: Schema, *, root: Schema, depth: int = 0) -> tuple[str, ...]:
    """Return the names that an object must have."""
    schema = _followed(schema, root)
    names = schema.get("required")
    own = cast("list[object]", names) if isinstance(names, list) else []
    found = [name for name in own if isinstance(name, str)]
    for part in _parts(schema, depth):
        found += required_of(part, root=root, depth=depth + _OF_CHOICE)
    return tuple(found)


def _object(value: object, schema: Schema, *, root: Schema, where: str, depth: int) -> Slip | None:
    """Check the members of an object; anything else has been told by its type."""
    if not isinstance(value, Mapping):
        return None
    fields = cast("Mapping[str, object]", value)
    schema = _followed(schema, root)
    known = properties_of(schema, root=root)
    extra = schema.get("additionalProperties")
    patterns = "patternProperties" in schema
    closed = extra is False or (extra is None and depth == 0 and bool(known))
    for name, inner in fields.items():
        if name not in known and closed and not patterns:
            like = nearest(name, [each for each in known if each not in fields]) or ""
            path = _joined(where, name)
            return Slip(kind=SlipKind.UNKNOWN, where=path, value=inner, nearest=like)
    required = required_of(schema, root=root)
    for name in required:
        if name not in fields:
            form = form_of(known.get(name, {}), root=root)
            return Slip(kind=SlipKind.MISSING, where=_joined(where, name), expected=form)
    for name, inner in fields.items():
        of_it = known.get(name, _schema(extra))
        if inner is None and name not in required:
            continue
        slip = _value(inner, of_it, root=root, where=_joined(where, name), depth=depth + 1)
        if slip is not None:
            return slip
    return None


def _value(value: object, schema: Schema, *, root: Schema, where: str, depth: int) -> Slip | None:
    if depth > _DEEPEST:
        return None
    schema = _followed(schema, root)
    options = _options(schema, depth)
    if options:
        deeper = depth + _OF_CHOICE
        slips = [_value(value, each, root=root, where=where, depth=deeper) for each in options]
        if not any(slip is None for slip in slips):
            return _of_options(slips, form=form_of(schema, root=root), value=value, where=where)
    for part in _parts(schema, depth):
        slip = _value(value, part, root=root, where=where, depth=depth + _OF_CHOICE)
        if slip is not None:
            return slip
    allowed = _allowed(schema)
    if allowed is not None and not any(_equal(value, each) for each in allowed):
        return Slip(
            kind=SlipKind.NOT_ALLOWED,
            where=where,
            expected=form_of(schema, root=root),
            value=value,
            nearest=nearest(str(value), [each for each in allowed if isinstance(each, str)]) or "",
        )
    types = _types(schema)
    read = next((found for kind in types if (found := _as(kind, value)) is not None), None)
    if types and read is None:
        form = form_of(schema, root=root)
        return Slip(kind=SlipKind.WRONG_TYPE, where=where, expected=form, value=value)
    inner = value if read is None else read[0]
    if isinstance(inner, list):
        return _in_list(cast("list[object]", inner), schema, root=root, where=where, depth=depth)
    return _object(inner, schema, root=root, where=where, depth=depth)


def _in_list(
    values: list[object], schema: Schema, *, root: Schema, where: str, depth: int
) -> Slip | None:
    items = _schema(schema.get("items"))
    slips = (
        _value(value, items, root=root, where=f"{where}[{place}]", depth=depth + 1)
        for place, value in enumerate(values)
    )
    return next((slip for slip in slips if slip is not None), None)


def _of_options(slips: list[Slip | None], *, form: str, value: object, where: str) -> Slip:
    """Tell of the option that came nearest: the one whose type was right."""
    for slip in slips:
        if slip is not None and (slip.where != where or slip.kind is SlipKind.NOT_ALLOWED):
            return slip
    return Slip(kind=SlipKind.WRONG_TYPE, where=where, expected=form, value=value)


def _as(kind: str, value: object) -> tuple[object] | None:
    """Read a value as a type, as leniently as frameworks do."""
    text = value.strip() if isinstance(value, str) else None
    match kind:
        case "string":
            fits = text is not None
        case "integer":
            whole = isinstance(value, float) and value.is_integer()
            fits = isinstance(value, int) or whole or bool(text and _WHOLE.fullmatch(text))
        case "number":
            fits = isinstance(value, int | float) or (text is not None and _is_number(text))
        case "boolean":
            fits = value in {0, 1} if isinstance(value, int) else str(text).lower() in _LOGICAL
        case "null":
            fits = value is None
        case "array" | "object":
            wanted = list if kind == "array" else dict
            inner = _decoded(text) if text is not None else value
            return (cast("object", inner),) if isinstance(inner, wanted) else None
        case _:
            fits = True
    return (value,) if fits else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _equal(value: object, allowed: object) -> bool:
    """Compare with a value of an enumeration; a number or boolean may be written as text."""
    if isinstance(value, str) and isinstance(allowed, bool | int | float):
        return value.strip().lower() == str(allowed).lower()
    return isinstance(value, bool) == isinstance(allowed, bool) and value == allowed


def _spelled(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _joined(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _allowed(schema: Schema) -> list[object] | None:
    values = schema.get("enum")
    if isinstance(values, list):
        return cast("list[object]", values)
    return [schema["const"]] if "const" in schema else None


def _types(schema: Schema) -> list[str]:
    kind = schema.get("type")
    several = cast("list[object]", kind) if isinstance(kind, list) else [kind]
    return [each for each in several if isinstance(each, str)]


def _options(schema: Schema, depth: int) -> list[Schema]:
    if depth > _DEEPEST:
        return []
    return [*_listed(schema.get("anyOf")), *_listed(schema.get("oneOf"))]


def _parts(schema: Schema, depth: int) -> list[Schema]:
    """Return what a value must fit besides."""
    return [*_listed(schema.get("allOf"))] if depth <= _DEEPEST else []


def _listed(value: object) -> Iterator[Schema]:
    for each in cast("list[object]", value) if isinstance(value, list) else []:
        yield _schema(each)


def _schema(value: object) -> Schema:
    """Read what should be a schema; true and false take everything here."""
    return cast("Schema", value) if isinstance(value, Mapping) else {}


def _followed(schema: Schema, root: Schema) -> Schema:
    """Follow a reference within the document; one that leads nowhere takes everything."""
    for _ in range(_DEEPEST):
        path = schema.get("$ref")
        if not isinstance(path, str):
            return schema
        place: object = root if path.startswith("#") else {}
        for part in path.lstrip("#").strip("/").split("/") if path.strip("#/") else []:
            key = part.replace("~1", "/").replace("~0", "~")
            place = _schema(place).get(key)
        schema = _schema(place)
    return {}
