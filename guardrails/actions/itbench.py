"""ITBench's `agent_output.json`: entities, how trouble spread between them, and alerts explained.

An entity that contributed caused the incident or passed it on, so the ones that nothing passed it
to are the root causes. What is written as reasoning and evidence is for people and names nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from guardrails.actions.kinds import kind_of
from guardrails.actions.resourceids import read_resource_id
from guardrails.core.claims import NamedEntity

_FLAG = "contributing_factor"
_Read = tuple[tuple[NamedEntity, ...], tuple[str, ...]]


def is_output(value: object) -> bool:
    """Tell whether a report has the shape: a list `entities` whose items say what contributed."""
    if not isinstance(value, Mapping):
        return False
    items = _rows(cast("Mapping[str, object]", value), "entities")
    return bool(items) and any(_FLAG in row for row in items)


def read_output(value: object) -> _Read:
    """Read an `agent_output.json`.

    Args:
        value: One for which `is_output` holds. More fields than the format has are ignored.

    Returns:
        The entities, root causes marked, and what stands for an entity and cannot be read.
    """
    fields = cast("Mapping[str, object]", value)
    entities: list[NamedEntity] = []
    unread: list[str] = []
    for item in _items(fields, "entities"):
        entity = _entity(item)
        if entity is None:
            unread.append(item if isinstance(item, str) else _as_json(item))
        else:
            entities.append(entity)
    passed_on = set(_passed_on(fields, {_key(e) for e in entities if e.root_cause}))
    if any(e.root_cause and _key(e) not in passed_on for e in entities):
        entities = [_only_passing(e) if _key(e) in passed_on else e for e in entities]
    return tuple(entities), tuple(unread)


def _entity(item: object) -> NamedEntity | None:
    if isinstance(item, str):
        return read_resource_id(item)
    if not isinstance(item, Mapping):
        return None
    row = cast("Mapping[str, object]", item)
    texts = {key: text.strip() for key in _TEXTS if isinstance(text := row.get(key), str)}
    ids = (read_resource_id(texts.get(key, "")) for key in ("name", "id"))
    entity = next((found for found in ids if found is not None), None)
    if entity is None:
        name = texts.get("name") or texts.get("id", "")
        whole = "/".join(part for part in (texts.get("kind") or "Unknown", name) if part)
        entity = read_resource_id(whole) if name and "/" not in name else None
        if entity is not None and not texts.get("kind"):
            entity = msgspec.structs.replace(entity, kind="")
    if entity is None:
        return None
    return msgspec.structs.replace(
        entity,
        kind=entity.kind or kind_of(texts.get("kind", "")),
        namespace=entity.namespace or texts.get("namespace", "").lower(),
        root_cause=row.get(_FLAG) is True,
    )


_TEXTS = ("name", "id", "kind", "namespace")


def _passed_on(
    fields: Mapping[str, object], contributing: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield the contributing entities that another contributing one passed the trouble to."""
    for row in _rows(fields, "propagations"):
        ends = [read_resource_id(e) if isinstance(e := row.get(k), str) else None for k in _ENDS]
        source, target = ends
        if source is None or target is None or _key(source) == _key(target):
            continue
        if {_key(source), _key(target)} <= contributing:
            yield _key(target)


_ENDS = ("source", "target")


def _key(entity: NamedEntity) -> tuple[str, str]:
    return entity.kind, entity.name


def _only_passing(entity: NamedEntity) -> NamedEntity:
    return msgspec.structs.replace(entity, root_cause=False)


def _items(fields: Mapping[str, object], key: str) -> Sequence[object]:
    found = fields.get(key)
    return cast("Sequence[object]", found) if isinstance(found, list | tuple) else ()


def _rows(fields: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    return [
        cast("Mapping[str, object]", item)
        for item in _items(fields, key)
        if isinstance(item, Mapping)
    ]


def _as_json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")
