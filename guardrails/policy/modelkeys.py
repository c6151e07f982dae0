"""Which keys a model allows, and where: read off the pydantic models, for messages to people."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from guardrails.policy.document import KeyPath


def keys_at(model: type[BaseModel], path: KeyPath) -> Sequence[str]:
    """List the keys that are allowed at a path."""
    types: list[object] = [model]
    for part in path:
        types = [inner for outer in types for inner in _step(outer, part)]
    return [key for kind in types for key, _ in _fields(kind)]


def homes_of(model: type[BaseModel], key: str) -> Sequence[str]:
    """List where a key is allowed: dotted, `NAME` and `[N]` standing for what people choose.

    The top of the file is the empty text.
    """
    return list(dict.fromkeys(home for home, known in _walk(model, "") if known == key))


def _walk(kind: object, home: str) -> Iterator[tuple[str, str]]:
    for key, field in _fields(kind):
        yield home, key
        for member in _members(field):
            yield from _walk_into(member, f"{home}.{key}".removeprefix("."))


def _walk_into(kind: object, home: str) -> Iterator[tuple[str, str]]:
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        for member in _members(arguments[1]):
            yield from _walk(member, f"{home}.NAME")
    elif get_origin(kind) in {tuple, list}:
        for member in _members(arguments[0]):
            yield from _walk(member, f"{home}[N]")
    else:
        yield from _walk(kind, home)


def _fields(kind: object) -> Iterator[tuple[str, object]]:
    """Give the keys of a model with their types; nothing for what is no model."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield field.alias or name, field.annotation


def _step(kind: object, part: str | int) -> list[object]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [inner for key, field in _fields(kind) if key == part for inner in _members(field)]
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return _members(arguments[1])
    if get_origin(kind) in {tuple, list}:
        return _members(arguments[0])
    return []


def _members(kind: object) -> list[object]:
    """Look through `X | Y` and `Annotated[X, …]`."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [inner for member in get_args(kind) for inner in _members(member)]
    return [kind]
