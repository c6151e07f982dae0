"""The objects that an agent's final words or report name, and which of them it calls the cause.

Reports are the fields that submit tools use, and the lists of ITBench's `agent_output.json`. What
stands where an object is expected and names none is kept as unread: nothing is dropped in silence.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import msgspec

from guardrails.actions import itbench
from guardrails.actions.kinds import kind_of
from guardrails.actions.prose import LONGEST_TEXT, entities_in_prose
from guardrails.actions.resourceids import NAME, is_kind, read_resource_id
from guardrails.core.claims import NamedEntity

MOST_ENTITIES = 100
"""A diagnosis that names more names nothing; agents in the ITBench traces name at most five."""
_DEEPEST = 8
"""Levels of a report that are searched; ITBench's has three."""
_LONGEST_UNREAD = 120
"""Characters kept of what could not be read."""

_CAUSE_KEYS = re.compile(
    r"root_?causes?|culprits?|faulty?|faults?|faulty_\w+|localization|root_?cause_\w+|primary_cause"
    r"|contributing_factors?|causes?",
    re.IGNORECASE,
)
_CAUSE_FLAGS = ("contributing_factor", "root_cause", "is_root_cause", "rootcause", "primary")
_LIST_KEYS = re.compile(
    r"entit(?:y|ies)|resources?|affected\w*|components?|localization|faulty_\w+|objects?|workloads?"
    r"|impacted\w*|root_?causes?|root_?cause_\w+|services?|pods?|deployments?|nodes?|statefulsets?"
    r"|daemonsets?|causes?|culprits?|contributing_factors?",
    re.IGNORECASE,
)
_WORDS_KEYS = re.compile(
    r"root_?causes?|faults?|primary_cause|causes?|contributing_factors?|root_?cause_\w+|affected\w*"
    r"|impacted\w*",
    re.IGNORECASE,
)
"""Keys under which people write sentences as often as names; one without names is no loss."""
_PROSE = frozenset({"reasoning", "evidence", "description", "explanation", "reason", "analysis"})
_BARE_NAME = re.compile(NAME, re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a claim names."""

    entities: tuple[NamedEntity, ...] = ()
    unread: tuple[str, ...] = ()
    """What stands where an object is expected, and cannot be read as one; clipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in a report a value stands."""

    key: str = ""
    cause: bool = False
    namespace: str = ""
    depth: int = 0


def entities_in_text(text: str) -> Found:
    """Find the objects that a text names."""
    rest = (f"{len(text) - LONGEST_TEXT} characters beyond the first {LONGEST_TEXT}",)
    return _merged(entities_in_prose(text), unread=rest if len(text) > LONGEST_TEXT else ())


def entities_in_structure(value: object) -> Found:
    """Find the objects that a report names."""
    if itbench.is_output(value):
        listed, unreadable = itbench.read_output(value)
        return _merged(iter(listed), unread=unreadable)
    names = isinstance(value, Sequence) and not isinstance(value, str)
    key = "localization" if names else ""  # a bare list is an answer to "where is the fault?"
    unread: list[str] = []
    entities = list(_in_value(cast("object", value), _Place(key=key), unread))
    return _merged(iter(entities), unread=unread)


def _merged(found: Iterator[NamedEntity], *, unread: Sequence[str]) -> Found:
    """Name each object once; it is a cause if it was called one anywhere."""
    kept: dict[tuple[str, str, str], NamedEntity] = {}
    more = 0
    for entity in found:
        key = (entity.kind, entity.name, entity.namespace)
        if key not in kept and len(kept) >= MOST_ENTITIES:
            more += 1
        elif key not in kept or entity.root_cause:
            kept[key] = entity
    placed = {(e.kind, e.name): key for key, e in kept.items() if e.namespace}
    for key, entity in list(kept.items()):
        twin = placed.get((entity.kind, entity.name))
        if not entity.namespace and twin is not None:
            blamed = entity.root_cause or kept[twin].root_cause
            kept[twin] = msgspec.structs.replace(kept[twin], root_cause=blamed)
            del kept[key]
    rest = (f"{more} more names",) if more else ()
    clipped = (_clipped(word) for word in unread)
    return Found(
        entities=tuple(kept.values()),
        unread=(*dict.fromkeys(clipped), *rest)[:MOST_ENTITIES],
    )


def _clipped(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_UNREAD else f"{flat[: _LONGEST_UNREAD - 1]}…"


def _in_value(value: object, place: _Place, unread: list[str]) -> Iterator[NamedEntity]:
    if place.depth > _DEEPEST:
        unread.append(f"what lies deeper than {_DEEPEST} levels under {place.key}")
        return
    place = replace(place, cause=place.cause or _CAUSE_KEYS.fullmatch(place.key) is not None)
    inner = replace(place, depth=place.depth + 1)
    if isinstance(value, str):
        yield from _in_string(value, place, unread)
    elif isinstance(value, Mapping):
        yield from _in_mapping(cast("Mapping[object, object]", value), inner, unread)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for item in cast("Sequence[object]", value):
            yield from _in_value(item, inner, unread)


def _in_string(text: str, place: _Place, unread: list[str]) -> Iterator[NamedEntity]:
    """Read a string field: names in its words, or a bare name under a key that lists names."""
    found = list(entities_in_prose(text, cause=place.cause))
    if found:
        yield from found
        return
    expected = _LIST_KEYS.fullmatch(place.key) is not None
    if expected and (entity := _named(text, kind=_kind_of_key(place.key), place=place)) is not None:
        yield entity
    elif expected and text.strip() and not _WORDS_KEYS.fullmatch(place.key):
        unread.append(text)


def _named(text: str, *, kind: str, place: _Place) -> NamedEntity | None:
    """Read a whole text as one name."""
    whole = read_resource_id(text)
    if whole is not None:
        namespace = whole.namespace or place.namespace
        return msgspec.structs.replace(whole, namespace=namespace, root_cause=place.cause)
    above, slash, name = text.strip().rpartition("/")
    if not _BARE_NAME.fullmatch(name) or (slash and not _BARE_NAME.fullmatch(above)):
        return None
    return NamedEntity(
        name=name.lower(),
        kind=kind,
        namespace=(above or place.namespace).lower(),
        root_cause=place.cause,
    )


def _kind_of_key(key: str) -> str:
    """Return the kind that a key speaks of: `deployments`, `faulty_service`, `root_cause_pod`."""
    word = key.lower().rpartition("_")[2]
    return kind_of(word) if is_kind(word) else ""


def _in_mapping(
    fields: Mapping[object, object], place: _Place, unread: list[str]
) -> Iterator[NamedEntity]:
    plain = {str(key).lower(): value for key, value in fields.items()}
    own = plain.get("namespace")
    place = replace(place, namespace=own if isinstance(own, str) else place.namespace)
    flags = [plain[flag] for flag in _CAUSE_FLAGS if isinstance(plain.get(flag), bool)]
    if flags:
        place = replace(place, cause=any(flags))
    kind = _first_text(plain, "kind", "resource_type", "resourcetype", "type")
    kind = kind_of(kind) if is_kind(kind) or "kind" in plain else ""
    skipped = {"namespace", "kind", "type", "resource_type", "resourcetype"}
    name = _first_text(plain, "name", "resource_name", "id")
    expected = bool(kind or flags) or _LIST_KEYS.fullmatch(place.key) is not None
    if name.strip() and expected:
        entity = _named(name, kind=kind, place=place)
        if entity is None:
            unread.append(name)
        else:
            yield entity
        # What is said of it names others in passing, and blames none of them.
        skipped |= {"name", "resource_name", "id", *_PROSE}
    for label, item in plain.items():
        if label in skipped:
            continue
        alone = isinstance(item, str) and is_kind(label) and _BARE_NAME.fullmatch(item.strip())
        if alone and not name:
            entity = _named(cast("str", item), kind=kind_of(label), place=place)
            yield from (entity,) if entity is not None else ()
        else:
            yield from _in_value(item, replace(place, key=label), unread)


def _first_text(plain: Mapping[str, object], *keys: str) -> str:
    for key in keys:
        value = plain.get(key)
        if isinstance(value, str):
            return value
    return ""
