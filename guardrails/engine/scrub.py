"""Values without secrets: what is recorded of a run holds none, whoever wrote it down.

A fact is scrubbed before it becomes an event, so everything that is made of events (traces, logs,
reports, stored sessions, words for models and people) has only what is left. Structs are walked by
their fields, whatever their kind, so that a new kind of fact needs no line here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final, NewType, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from guardrails.core.evidence import Evidence
from guardrails.hygiene.recent import Recent
from guardrails.hygiene.redact import may_hold_secrets, redacted

S = TypeVar("S", bound=msgspec.Struct)
V = TypeVar("V")

Redact = Callable[[str], str]
"""Returns a text without its secrets, and the same object if there were none."""

_IDS: Final = frozenset(
    {"id", "question", "choice", "message_id", "uid", "resource_version", "digest", "policy_digest"}
    | {"by", "allowed_by"}
)
"""Fields that name or hash something and are compared as they are. `by` is a person who answers for
a decision: the record is kept to tell who that was, also where it is an e-mail address."""

_OURS: Final = frozenset({"policy", "machine"})
"""Fields that hold JSON of ours, in which `pass` is a verdict and `token` may be a label: there,
names say nothing of what stands behind them."""


def scrubbed(value: S, redact: Redact = redacted) -> S:
    """Return a value without the secrets in its texts; the value itself if there are none.

    Doing it again changes nothing. Names of fields and keys, ids, numbers and times stay.

    Args:
        value: A fact, a report, or any other Struct of `core`.
        redact: How to redact a text; one that remembers what was redacted before costs less.

    >>> from guardrails.core.events import ErrorRaised
    >>> scrubbed(ErrorRaised(error="OSError", message="refused: redis://:hunter2@cache")).message
    'refused: redis://:[redacted:url-password]@cache'
    """
    texts = [getattr(value, name) for name in fields_with_text(type(value))]
    if _shows_a_sign(value, texts):
        return cast("S", _struct(value, redact))
    if isinstance(redact, Recent):
        for text in texts:
            if isinstance(text, str):
                redact.unchanged(text)
    return value


def _shows_a_sign(value: msgspec.Struct, texts: list[object]) -> bool:
    """Look at all texts at once, as JSON: 1 µs for a small fact, a tenth of walking it."""
    try:
        text = msgspec.json.encode(texts).decode()
    except (TypeError, ValueError):  # half a surrogate pair, or what an adapter put where a text is
        return True
    return may_hold_secrets(text) or any(map(_is_named_secret, _evidence_in(value)))


def _evidence_in(value: object) -> Iterable[Evidence]:
    return cast("Iterable[Evidence]", getattr(getattr(value, "report", value), "evidence", ()))


def _is_named_secret(evidence: Evidence) -> bool:
    """Tell whether evidence says in its `field` that what was observed is a secret."""
    return bool(evidence.field) and may_hold_secrets(f"{evidence.field}:")


def _value(value: V, redact: Redact) -> V:
    match value:
        case str():
            # An enumeration is a str too, and its members stay what they are.
            return value if isinstance(value, Enum) else cast("V", redact(value))
        case msgspec.Struct():
            return cast("V", _struct(value, redact))
        case tuple():
            return cast("V", _items(cast("tuple[object, ...]", value), redact))
        case dict():
            return cast("V", _entries(cast("dict[str, object]", value), redact))
        case _:
            return value


def _struct(value: msgspec.Struct, redact: Redact) -> msgspec.Struct:
    changes: dict[str, object] = {}
    for name in fields_with_text(type(value)):
        before = getattr(value, name)
        after = _in_leaves(before, redact) if name in _OURS else _value(before, redact)
        if after is not before:
            changes[name] = after
    if isinstance(value, Evidence) and _is_named_secret(value):
        changes |= _told_by_field(value, redact)
    return msgspec.structs.replace(value, **changes) if changes else value


def _told_by_field(value: Evidence, redact: Redact) -> dict[str, object]:
    """Redact what was seen of a field whose name says that it is a secret."""
    texts = {"observed": value.observed, "expected": value.expected}
    found = {name: _named(value.field, text, redact) for name, text in texts.items() if text}
    return {name: text for name, text in found.items() if text != texts[name]}


def _in_leaves(text: str, redact: Redact) -> str:
    """Redact the strings in a JSON text one by one."""
    if not text or redact(text) is text:
        return text
    before: object = msgspec.json.decode(text)
    after = _leaves(before, redact)
    return text if after == before else msgspec.json.encode(after).decode()


def _leaves(value: object, redact: Redact) -> object:
    match value:
        case str():
            return redact(value)
        case list():
            return [_leaves(one, redact) for one in cast("list[object]", value)]
        case dict():
            entries = cast("dict[str, object]", value)
            return {key: _leaves(one, redact) for key, one in entries.items()}
        case _:
            return value


def _items(value: tuple[object, ...], redact: Redact) -> tuple[object, ...]:
    after = tuple([_value(one, redact) for one in value])
    same = all(one is other for one, other in zip(value, after, strict=True))
    return value if same else after


def _entries(value: dict[str, object], redact: Redact) -> dict[str, object]:
    """Redact the values of a mapping, such as labels; a key may say that its value is a secret."""
    after = {
        key: _named(key, one, redact) if isinstance(one, str) else _value(one, redact)
        for key, one in value.items()
    }
    return value if after == value else after


def _named(name: str, text: str, redact: Redact) -> str:
    """Redact a text that stands behind a name."""
    pair = redact(msgspec.json.encode({name: text}).decode())
    return msgspec.json.decode(pair, type=dict[str, str]).get(name, text)


@cache
def fields_with_text(cls: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields of a Struct that may hold words."""
    hints = get_type_hints(cls)
    return tuple(
        name
        for name in cls.__struct_fields__
        if _holds_text(hints[name]) and not (hints[name] is str and name in _IDS)
    )


def _holds_text(hint: Any) -> bool:  # noqa: ANN401  # whatever an annotation can be
    if hint is str:
        return True
    if isinstance(hint, NewType):
        return False
    if get_origin(hint) is dict:
        return _holds_text(get_args(hint)[1])  # keys stay as they are
    if parts := get_args(hint):
        return any(map(_holds_text, parts))
    if not isinstance(hint, type) or issubclass(hint, (Enum, int, float, datetime, NoneType)):
        return False
    return not issubclass(hint, msgspec.Struct) or bool(fields_with_text(hint))
