"""What the type of a body does not say by itself: fields that it lacks, and which hold times.

`forbid_unknown_fields` is set where we define a body, but not on the values of the engine: a trace
of a newer version has to be read. What a caller sends now is held to the fields that there are.
"""

from collections.abc import Callable, Mapping
from typing import Final, cast

from msgspec import inspect

Unknown = Callable[[object, str], str]
"""Returns where an unknown field is, as `$.path.field`; empty if there is none."""


def unknown_fields(kind: type) -> Unknown:
    """Return a function that looks through JSON values which decode as `kind`.

    >>> import msgspec
    >>> class Dot(msgspec.Struct):
    ...     x: int = 0
    >>> unknown_fields(Dot)({"x": 1, "y": 2}, "$")
    '$.y'
    """
    return _of(inspect.type_info(kind), {})


def times_in(kind: type) -> frozenset[tuple[str, str]]:
    """Return the fields that hold a time, as names of struct and field, at any depth.

    >>> from guardrails.core.incident import Incident
    >>> sorted(times_in(Incident))
    [('AlertMatcher', 'starts_at')]
    """
    found: set[tuple[str, str]] = set()
    seen: set[type] = set()
    todo: list[inspect.Type] = [inspect.type_info(kind)]
    while todo:
        match todo.pop():
            case inspect.Metadata(type=inner):
                todo.append(inner)
            case inspect.UnionType(types=types):
                todo += types
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                todo.append(item)
            case inspect.StructType(cls=cls, fields=fields) if cls not in seen:
                seen.add(cls)
                todo += (field.type for field in fields)
                times = (field for field in fields if _may_be_time(field.type))
                found.update((cls.__name__, field.encode_name) for field in times)
            case _:
                continue
    return frozenset(found)


def _may_be_time(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(_may_be_time(one) for one in kind.types)
    return isinstance(kind, inspect.DateTimeType)


def _of(kind: inspect.Type, known: dict[type, Unknown]) -> Unknown:
    match kind:
        case inspect.Metadata(type=inner):
            return _of(inner, known)
        case inspect.StructType():
            return _of_struct(kind, known)
        case inspect.UnionType(types=types):
            return _of_union(types, known)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return _of_items(_of(item, known))
        case _:
            return _nothing


def _of_struct(kind: inspect.StructType, known: dict[type, Unknown]) -> Unknown:
    if kind.cls in known:
        return known[kind.cls]
    fields: dict[str, Unknown] = {}

    def look(value: object, at: str) -> str:
        if not isinstance(value, dict):
            return ""
        for name, inner in cast("Mapping[str, object]", value).items():
            looked = fields.get(name)
            if looked is None:
                return f"{at}.{name}"
            if looked is not _nothing and (found := looked(inner, f"{at}.{name}")):
                return found
        return ""

    known[kind.cls] = look
    fields.update((one.encode_name, _of(one.type, known)) for one in kind.fields)
    if kind.tag_field is not None:
        fields[kind.tag_field] = _nothing
    return look


def _of_union(types: tuple[inspect.Type, ...], known: dict[type, Unknown]) -> Unknown:
    tagged = {
        one.tag: _of_struct(one, known) for one in types if isinstance(one, inspect.StructType)
    }
    others = [_of(one, known) for one in types if not isinstance(one, inspect.StructType)]
    looks = [one for one in others if one is not _nothing]
    if not tagged:
        return _nothing if not looks else looks[0]
    if len(tagged) == 1 and not looks:
        return next(iter(tagged.values()))

    def look(value: object, at: str) -> str:
        if not isinstance(value, dict):
            return looks[0](value, at) if looks else ""
        tag = cast("Mapping[str, object]", value).get(_TAG)
        chosen = tagged.get(tag) if isinstance(tag, str) else None
        return chosen(cast("object", value), at) if chosen is not None else ""

    return look


def _of_items(item: Unknown) -> Unknown:
    if item is _nothing:
        return _nothing

    def look(value: object, at: str) -> str:
        if not isinstance(value, list):
            return ""
        for number, one in enumerate(cast("list[object]", value)):
            if found := item(one, f"{at}[{number}]"):
                return found
        return ""

    return look


def _nothing(value: object, at: str) -> str:
    """Have nothing to say: the value has no fields of ours."""
    del value, at
    return ""


_TAG: Final = "type"
"""What tells the kinds of a union apart, everywhere here."""
