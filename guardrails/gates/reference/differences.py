"""How the cluster differs from what it was, field by field, for whoever reads a report.

It tells what is declared: neither identity and status, nor labels of an object, and of a Secret
nothing at all. Checks decide by what was lost; here stands also what was mended, added or
replaced.
"""

from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec

from guardrails.core.evidence import (
    ChangeKind,
    ClusterChanges,
    FieldChange,
    ObjectChange,
    ObjectRef,
    ReferenceSource,
)
from guardrails.gates.checks import Reference, refer
from guardrails.gates.kubernetes.namespaces import labels_of
from guardrails.gates.reads import clipped
from guardrails.gates.reference.changes import both, declared_fields
from guardrails.gates.snapshot import Snapshot

OBJECTS: Final = 100
"""Changed objects that a report holds; with `FIELDS` and `TEXT` it grows by 300 kB at most."""
FIELDS: Final = 10
"""Changed fields of one object that a report holds."""
TEXT: Final = 120
"""Characters of a value that a report holds; whole words, as half a secret is no longer one."""


def changes_since(
    reference: Reference, look: Snapshot, namespaces: Iterable[str]
) -> ClusterChanges | None:
    """Return how namespaces differ from the reference, or from the start of the run.

    A partial reference does not tell what there was beside it, so the start stands in for it.

    Returns:
        None where there is neither a whole reference nor a start.
    """
    whole = None if reference.partial else reference.snapshot
    past = whole if whole is not None else reference.start
    if past is None:
        return None
    found = [change for one in namespaces for change in _between(past, look, one)]
    return ClusterChanges(
        since=past.at,
        against=reference.info.source if whole is not None else ReferenceSource.RUN_START,
        objects=tuple(found[:OBJECTS]),
        more_objects=max(0, len(found) - OBJECTS),
    )


def _between(past: Snapshot, look: Snapshot, namespace: str) -> Iterator[ObjectChange]:
    yield from _labels(past, look, namespace)
    for _, was, now in both(look, past, namespace):
        if now is None and was is not None:
            yield ObjectChange(subject=refer(was), kind=ChangeKind.DELETED)
        elif was is None and now is not None:
            yield ObjectChange(subject=refer(now), kind=ChangeKind.ADDED)
        elif was is not None and now is not None:
            fields = [
                change
                for name in declared_fields(now)
                for change in _fields(name, getattr(was, name), getattr(now, name))
            ]
            if fields:
                yield _changed(refer(now), fields)


def _labels(past: Snapshot, look: Snapshot, namespace: str) -> Iterator[ObjectChange]:
    before, after = labels_of(past, namespace), labels_of(look, namespace)
    if before is None or after is None or before == after:
        return
    fields = list(_walk("metadata.labels", before, after))
    yield _changed(ObjectRef(kind="Namespace", name=namespace), fields)


def _changed(subject: ObjectRef, fields: list[FieldChange]) -> ObjectChange:
    return ObjectChange(
        subject=subject,
        kind=ChangeKind.CHANGED,
        fields=tuple(fields[:FIELDS]),
        more_fields=max(0, len(fields) - FIELDS),
    )


def _fields(name: str, was: object, now: object) -> Iterator[FieldChange]:
    if was != now:
        # Most objects are as they were, and need no copy.
        yield from _walk(_written(name), msgspec.to_builtins(was), msgspec.to_builtins(now))


def _written(name: str) -> str:
    """Write a field as Kubernetes does: `binary_data` is `binaryData` there."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _walk(path: str, was: object, now: object) -> Iterator[FieldChange]:
    """Yield where two values differ, as deep as both have something there."""
    if was == now:
        return
    before, after = _by_key(was), _by_key(now)
    if before is None or after is None:
        yield FieldChange(field=path, before=_text(was), after=_text(now))
        return
    for key in sorted(before.keys() | after.keys()):
        dotted = isinstance(now, dict) and key.isidentifier()
        below = f"{path}.{key}" if dotted else f"{path}[{key}]"
        yield from _walk(below, before.get(key), after.get(key))


def _by_key(value: object) -> dict[str, object] | None:
    """Return the entries of an object, or of a list whose entries have names of their own."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if not isinstance(value, tuple):
        return None
    entries = [_by_key(one) or {} for one in cast("tuple[object, ...]", value)]
    named = {str(one["name"]): cast("object", one) for one in entries if "name" in one}
    return named if len(named) == len(entries) else None


def _text(value: object) -> str:
    """Return a value in a line, of a long one whole words; nothing for none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        value = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    kept = clipped(value, TEXT)
    return kept if kept == value else f"{kept} …".lstrip()
