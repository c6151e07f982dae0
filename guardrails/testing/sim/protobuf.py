"""Reads the few protobuf bodies that kubectl sends where it prefers them to JSON.

`kubectl auth can-i` and `kubectl create` of simple kinds post Kubernetes' protobuf envelope. A
table of field numbers per message, from the API's published .proto files, is all that needs.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.status import bad_request, unsupported_protobuf

MAGIC = b"k8s\x00"
"""What every Kubernetes protobuf body starts with."""

Form = Literal["text", "bytes", "number", "flag"]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    form: "Form | dict[int, _Field]"
    """How to read it; a table of fields for a nested message."""
    shape: Literal["one", "list", "map"] = "one"


_META: dict[int, _Field] = {
    1: _Field("name", "text"),
    2: _Field("generateName", "text"),
    3: _Field("namespace", "text"),
    11: _Field("labels", "text", "map"),
    12: _Field("annotations", "text", "map"),
}
_ATTRIBUTES: dict[int, _Field] = {
    1: _Field("namespace", "text"),
    2: _Field("verb", "text"),
    3: _Field("group", "text"),
    4: _Field("version", "text"),
    5: _Field("resource", "text"),
    6: _Field("subresource", "text"),
    7: _Field("name", "text"),
}
_PATH_ATTRIBUTES: dict[int, _Field] = {1: _Field("path", "text"), 2: _Field("verb", "text")}

_MESSAGES: dict[str, dict[int, _Field]] = {
    "SelfSubjectAccessReview": {
        1: _Field("metadata", _META),
        2: _Field(
            "spec",
            {
                1: _Field("resourceAttributes", _ATTRIBUTES),
                2: _Field("nonResourceAttributes", _PATH_ATTRIBUTES),
            },
        ),
    },
    "SelfSubjectRulesReview": {
        1: _Field("metadata", _META),
        2: _Field("spec", {1: _Field("namespace", "text")}),
    },
    "SelfSubjectReview": {1: _Field("metadata", _META)},
    "Namespace": {1: _Field("metadata", _META)},
    "ServiceAccount": {1: _Field("metadata", _META)},
    "ConfigMap": {
        1: _Field("metadata", _META),
        2: _Field("data", "text", "map"),
        3: _Field("binaryData", "bytes", "map"),
        4: _Field("immutable", "flag"),
    },
    "Secret": {
        1: _Field("metadata", _META),
        2: _Field("data", "bytes", "map"),
        3: _Field("type", "text"),
        4: _Field("stringData", "text", "map"),
        5: _Field("immutable", "flag"),
    },
}
_ENVELOPE: dict[int, _Field] = {
    1: _Field("typeMeta", {1: _Field("apiVersion", "text"), 2: _Field("kind", "text")}),
}
_RAW = 2
"""The envelope's field that holds the object itself."""


def decode(body: bytes) -> Obj:
    """The object of a protobuf body.

    Raises:
        StatusError: 400 if the bytes are no such body, 415 for a kind that is not in the table.
    """
    if not body.startswith(MAGIC):
        raise bad_request("couldn't read the request body: no Kubernetes protobuf envelope")
    try:
        fields = list(_fields(body[len(MAGIC) :]))
        about: Obj = _message(fields, _ENVELOPE).get("typeMeta", {})
        raw = next((value for number, value in fields if number == _RAW), b"")
        kind = str(about.get("kind", ""))
        table = _MESSAGES.get(kind)
        if table is None or not isinstance(raw, bytes):
            raise unsupported_protobuf(kind)
        return {**about, **_message(list(_fields(raw)), table)}
    except (IndexError, UnicodeDecodeError) as error:
        raise bad_request(f"couldn't read the request body: {error}") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:  # a number
                value, at = _varint(data, at)
                yield key >> 3, value
            case 2:  # text, bytes or a message
                length, at = _varint(data, at)
                yield key >> 3, data[at : at + length]
                at += length
            case 1:  # eight bytes fixed
                at += 8
            case 5:  # four bytes fixed
                at += 4
            case wire:
                raise bad_request(f"couldn't read the request body: wire type {wire}")


def _message(fields: list[tuple[int, int | bytes]], table: dict[int, _Field]) -> Obj:
    found: Obj = {}
    for number, value in fields:
        field = table.get(number)
        if field is None:
            continue
        if field.shape == "map" and isinstance(value, bytes):
            entry = dict(_fields(value))
            key = _value("text", entry.get(1, b""))
            found.setdefault(field.name, {})[key] = _value(field.form, entry.get(2, b""))
        elif field.shape == "list":
            found.setdefault(field.name, []).append(_value(field.form, value))
        else:
            found[field.name] = _value(field.form, value)
    # An empty text is how protobuf says that a field is not set.
    return {name: value for name, value in found.items() if value != ""}


def _value(form: "Form | dict[int, _Field]", value: int | bytes) -> object:
    if isinstance(value, int):
        return bool(value) if form == "flag" else value
    match form:
        case "text":
            return value.decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case dict():
            return _message(list(_fields(value)), form)
        case _:
            return 0
