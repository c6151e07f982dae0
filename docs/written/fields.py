"""Tables of the fields of a JSON Schema: one heading for each object or set of words in it.

The sentence below a field in its class is not part of what msgspec makes of the class, so it is
read from the source.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import pairwise

import msgspec
from msgspec import UNSET, UnsetType

from docs.written.markdown import anchor, cell, code, header, row


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """What a table says of a JSON Schema."""

    ref: str = msgspec.field(default="", name="$ref")
    description: str = ""
    type: str | list[str] = ""
    format: str = ""
    enum: list[str | int | bool | None] = []
    const: str | int | bool | None = None
    default: object | UnsetType = UNSET
    any_of: "list[Shape]" = []
    one_of: "list[Shape]" = []
    items: "Shape | bool" = True
    additional_properties: "Shape | bool" = True
    properties: "dict[str, Shape]" = {}
    required: list[str] = []


def shape(schema: object) -> Shape:
    """Read a schema.

    Raises:
        msgspec.ValidationError: It uses something that the tables would not show right.
    """
    return msgspec.convert(schema, Shape)


def tables(definitions: Mapping[str, Shape], *, level: int = 3) -> str:
    """Return a section for each definition, in the order given."""
    return "\n".join(_section(name, one, level) for name, one in definitions.items())


def kind(one: Shape) -> str:
    """Return the type that a schema asks for, with links to other definitions, as Markdown."""
    if one.ref:
        name = one.ref.rsplit("/", 1)[-1]
        return f"[{name}](#{anchor(name)})"
    if many := one.any_of or one.one_of:
        return " or ".join(dict.fromkeys(kind(inner) for inner in many))
    if one.enum or one.const is not None:
        return ", ".join(code(_shown(word)) for word in one.enum or [one.const])
    return _plain_kind(one)


def _plain_kind(one: Shape) -> str:
    if isinstance(one.type, list):
        return " or ".join(one.type)
    if one.type == "array" and isinstance(one.items, Shape):
        return f"list of {kind(one.items)}"
    if one.type == "object" and isinstance(one.additional_properties, Shape):
        return f"map of {kind(one.additional_properties)}"
    return (f"{one.type} ({one.format})" if one.format else one.type) or "anything"


def _section(name: str, one: Shape, level: int) -> str:
    lines = [f"{'#' * level} {name}", ""]
    if one.description:
        lines += [_prose(one.description), ""]
    written_out = next((inner for inner in one.any_of if inner.properties), None)
    if written_out is not None:
        lines += ["A text, or an object of:", ""]
        one = written_out
    if not one.properties:
        return "\n".join([*lines, *_words(name, one), ""])
    notes = _notes_of(name, frozenset(one.properties))
    lines.append(header("field", "type", "default", "meaning"))
    for key, inner in one.properties.items():
        default = "required" if key in one.required else _default(inner)
        meaning = cell(inner.description or notes.get(key, ""))
        lines.append(row(code(key), kind(inner), default, meaning))
    return "\n".join([*lines, ""])


def _words(name: str, one: Shape) -> list[str]:
    """Return the words of a closed set, with what is said of each."""
    if not one.enum:
        return [f"{kind(one)}."]
    known = frozenset(str(word) for word in one.enum)
    notes = _notes_of(name, known)
    return [f"- {code(word)}{_after(notes.get(word, ''))}" for word in sorted(known)]


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _default(one: Shape) -> str:
    return "" if one.default is UNSET else code(_shown(one.default))


def _prose(text: str) -> str:
    """Keep the paragraphs of a docstring that are prose: its argument list is the table."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    kept = [" ".join(one.split()) for one in paragraphs if not one.startswith(_LISTS)]
    return "\n\n".join(kept)


READERS = ("guardrails.top.", "guardrails.sidecar.client.")
"""Rooms that read what others write: their classes have the same names, and say less. They may be
loaded or not."""
_LISTS = ("Args:", "Attributes:", "Raises:", "Returns:", "Example")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _notes_of(name: str, keys: frozenset[str]) -> Mapping[str, str]:
    """Return the sentences below the fields of the class that a definition was made of."""
    found: list[Mapping[str, str]] = [{}]
    for cls in _classes().get(name, ()):
        own = _keys(cls)
        if own <= keys and len(keys - own) <= 1:  # a tag is a key, and no field
            found.append(dict(_notes(cls)))
    return max(found, key=len)


def _classes() -> Mapping[str, tuple[type[object], ...]]:
    """Return the loaded classes of the project that schemas are made of, by name."""
    found: dict[str, tuple[type[object], ...]] = {}
    roots: tuple[type[object], ...] = (msgspec.Struct, Enum)
    for root in roots:
        for cls in _below(root):
            found[cls.__name__] = (*found.get(cls.__name__, ()), cls)
    return found


def _below(cls: type[object]) -> Iterator[type[object]]:
    for one in cls.__subclasses__():
        if one.__module__.startswith("guardrails.") and not one.__module__.startswith(READERS):
            yield one
        yield from _below(one)


def _keys(cls: type[object]) -> frozenset[str]:
    if issubclass(cls, Enum):
        return frozenset(str(one.value) for one in cls)
    if issubclass(cls, msgspec.Struct):
        return frozenset(cls.__struct_encode_fields__)
    raise TypeError(f"{cls} is neither an enum nor a struct")


def _notes(cls: type[object]) -> Iterator[tuple[str, str]]:
    """Yield each field, or word of a set, that has a sentence below it."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{cls} is not written as a class")
    for field, after in pairwise(body.body):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())
            case (
                ast.Assign(value=ast.Constant(value=str(word))),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield word, " ".join(text.split())
            case _:
                continue
