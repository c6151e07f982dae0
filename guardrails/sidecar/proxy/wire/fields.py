"""Reading fields of JSON that others wrote: each of the type that is asked for, or empty."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, cast

import msgspec

from guardrails.sidecar.proxy.wire.base import NOTHING, Before, Json, WireError

MAPPING: Final = (dict, Mapping)
SEQUENCE: Final = (list, Sequence)
"""What JSON is made of comes first: to ask an abstract class takes five times as long."""
_NAMES: Final = frozenset({"role", "type", "id", "call_id", "tool_call_id", "tool_use_id"})
_PARTS: Final = frozenset({"content", "summary", "output", "tool_calls"})


def field(value: Mapping[str, Any], name: str) -> str:
    """Return a text field; empty if it is missing or no text."""
    found: object = value.get(name)
    return found if isinstance(found, str) else ""


def number(value: Mapping[str, Any], name: str) -> int:
    """Return a whole number; 0 if it is missing or none."""
    found: object = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0
    return int(found)


def an_object(value: object) -> Json:
    """Return an object; an empty one for anything else."""
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, MAPPING) else {}


def objects(value: object) -> list[Json]:
    """Return the objects of a list; none for anything else."""
    if not isinstance(value, SEQUENCE) or isinstance(value, str | bytes):
        return []
    listed = cast("Sequence[object]", value)
    return [dict(cast("Mapping[str, Any]", one)) for one in listed if isinstance(one, MAPPING)]


def conversation(
    value: object, name: str, *, roles: bool = False, before: Before = NOTHING
) -> tuple[Json, ...]:
    """Return the members of a conversation, or the parts of a reply.

    Args:
        value: What stands in the field.
        name: The field's name, for errors.
        roles: Whether each member must name a role.
        before: Members that were looked at before, and need no second look.

    Raises:
        WireError: It is no list of objects, or an object is not built as every format builds them.
    """
    if not isinstance(value, SEQUENCE) or isinstance(value, str | bytes):
        raise WireError(f"`{name}` must be a list.")
    listed = cast("Sequence[object]", value)
    same = before.shared(listed)
    for at, one in enumerate(islice(listed, same, None), same):
        if not isinstance(one, MAPPING):
            raise WireError(f"`{name}[{at}]` must be an object.")
        member = cast("Mapping[str, Any]", one)
        if roles and not isinstance(member.get("role"), str):
            raise WireError(f"`{name}[{at}].role` must be a text.")
        sound(member, f"{name}[{at}]")
    return tuple(objects(listed))


def sound(value: Mapping[str, Any], where: str) -> None:
    """Check what every format has in common: names are texts, and parts are objects.

    Raises:
        WireError: It is not so; says where.
    """
    for key, found in value.items():  # most have three fields, of the ten that are looked at
        if key in _NAMES:
            if found is not None and not isinstance(found, str):
                raise WireError(f"`{where}.{key}` must be a text.")
        elif key in _PARTS:
            _sound_parts(found, f"{where}.{key}")


def _sound_parts(parts: object, where: str) -> None:
    if parts is None or isinstance(parts, str | Mapping):
        return
    if not isinstance(parts, SEQUENCE):
        raise WireError(f"`{where}` must be a text or a list.")
    for at, part in enumerate(cast("Sequence[object]", parts)):
        if isinstance(part, MAPPING):
            sound(cast("Mapping[str, Any]", part), f"{where}[{at}]")
        elif not isinstance(part, str):
            raise WireError(f"`{where}[{at}]` must be an object.")


def without(value: Mapping[str, Any], *names: str) -> Json:
    """Return an object less some of its fields."""
    return {key: one for key, one in value.items() if key not in names}


def as_json(value: object) -> str:
    """Return JSON text."""
    return msgspec.json.encode(value).decode()


def from_json(text: str) -> object:
    """Read JSON text.

    Raises:
        ValueError: It is none.
    """
    read: object = msgspec.json.decode(text.encode())
    return read


def told(body: Mapping[str, Any]) -> str:
    """Return what an error body of any provider says, in one line."""
    error: object = body.get("error")
    fields = an_object(error)
    text = field(fields, "message") or (error if isinstance(error, str) else "")
    return " ".join((text or field(body, "message") or as_json(dict(body))).split())
