"""Kinds and names from a manifest that stands in the command line itself.

Only what a target needs is read. A manifest that is not plain YAML gives no targets; the command
keeps its effect either way.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import cast

import yaml

from guardrails.actions.meaning import OPEN
from guardrails.core.toolaction import Target

_LONGEST = 16_384
"""Characters. PyYAML reads that in a sixth of a second. Its faster C loader is no choice here: deep
nesting overflows the stack of the process, where Python's own raises RecursionError."""
_OPEN_IN_YAML = "\ue000"
"""YAML allows no control characters, so the mark of an open piece is another one here."""
_DEEPEST_LIST = 2
"""A `List` within a `List` at most; aliases would let a short text name endlessly many."""
_MOST_TARGETS = 100
"""Objects named from one manifest: enough for any hand-written one."""


def manifest_targets(text: str, *, namespace: str) -> tuple[Target, ...]:
    """Name the objects of a manifest; `namespace` is the command's own, used where none is said."""
    if len(text) > _LONGEST:
        return ()
    try:
        documents = list(yaml.safe_load_all(text.replace(OPEN, _OPEN_IN_YAML)))
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    found = (target for document in documents for target in _targets(document, namespace=namespace))
    return tuple(islice(found, _MOST_TARGETS))


def _targets(document: object, *, namespace: str, depth: int = 0) -> Iterator[Target]:
    if not isinstance(document, Mapping):
        return
    fields = cast("Mapping[object, object]", document)
    kind = fields.get("kind")
    if not isinstance(kind, str):
        return
    items = fields.get("items")
    if kind.endswith("List") and isinstance(items, list):
        for item in cast("list[object]", items if depth < _DEEPEST_LIST else []):
            yield from _targets(item, namespace=namespace, depth=depth + 1)
        return
    yield Target(
        kind=_known(kind).lower(),
        name=_text(fields.get("metadata"), key="name"),
        namespace=_text(fields.get("metadata"), key="namespace") or namespace,
    )


def _text(metadata: object, *, key: str) -> str:
    if not isinstance(metadata, Mapping):
        return ""
    value = cast("Mapping[object, object]", metadata).get(key)
    return _known(value) if isinstance(value, str) else ""


def _known(value: str) -> str:
    return "" if _OPEN_IN_YAML in value else value
