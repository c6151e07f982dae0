"""A picture of before where nobody recorded one: revisions, last-applied, and manifests.

It is partial: it holds the objects that it knows, without status, and says nothing of others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from guardrails.core.evidence import ReferenceSource
from guardrails.gates.kubernetes.objects import Deployment, KubeObject, StatefulSet
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.reference.history import remembered
from guardrails.gates.reference.manifests import Declared
from guardrails.gates.snapshot import ListKey, ObjectList, Snapshot

Key = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What could be found out."""

    snapshot: Snapshot
    source: ReferenceSource
    detail: str


def fall_back(
    *,
    namespaces: Sequence[str],
    start: Snapshot | None,
    before: datetime | None,
    manifests: Sequence[Declared] = (),
) -> Fallback | None:
    """Put together what the cluster remembers, and what manifests add.

    Args:
        namespaces: The scope.
        start: What the run found; revisions and notes are in it.
        before: The time to remember; None when nothing says when the incident began.
        manifests: Declared objects; they fill in what history does not know.

    Returns:
        None when nothing is known.
    """
    found: dict[Key, KubeObject] = {}
    told: defaultdict[str, int] = defaultdict(int)
    if start is not None and before is not None:
        for memory in remembered(start, namespaces, before=before):
            found[_key(memory.item)] = memory.item
            told[memory.source] += 1
    history = bool(found)
    for declared in _placed(manifests, namespaces, start):
        key = _key(declared)
        known = found.get(key)
        if known is None:
            told["manifests"] += 1
        found[key] = declared if known is None else _filled(known, declared)
    if not found:
        return None
    return Fallback(
        snapshot=_snapshot(found.values(), before or _NO_TIME),
        source=ReferenceSource.HISTORY if history else ReferenceSource.MANIFESTS,
        detail=_told(told, before),
    )


def _filled(known: KubeObject, declared: KubeObject) -> KubeObject:
    """Take from a manifest the number of replicas, which no revision holds."""
    if not isinstance(known, _SCALED) or not isinstance(declared, _SCALED):
        return known
    if known.spec.replicas is not None:
        return known
    spec = msgspec.structs.replace(known.spec, replicas=declared.spec.replicas)
    return msgspec.structs.replace(known, spec=spec)


def _placed(
    manifests: Sequence[Declared], namespaces: Sequence[str], start: Snapshot | None
) -> Iterator[KubeObject]:
    """Yield what is declared for the scope; without a namespace it is for where it is found."""
    for declared in manifests:
        item = declared.item
        resource = RESOURCES[type(item).__name__]
        if not resource.namespaced:
            continue  # Nodes and classes are not of the scope, and nobody declares them here.
        named = item.metadata.namespace
        for namespace in [named] if named else _homes(item, namespaces, start):
            if namespace in namespaces:
                metadata = msgspec.structs.replace(item.metadata, namespace=namespace)
                yield msgspec.structs.replace(item, metadata=metadata)


def _homes(item: KubeObject, namespaces: Sequence[str], start: Snapshot | None) -> Iterable[str]:
    if len(namespaces) == 1 or start is None:
        return namespaces[:1]
    return [
        namespace
        for namespace in namespaces
        if any(x.metadata.name == item.metadata.name for x in start.objects(type(item), namespace))
    ]


def _snapshot(items: Iterable[KubeObject], at: datetime) -> Snapshot:
    lists: defaultdict[ListKey, list[KubeObject]] = defaultdict(list)
    for item in items:
        key = ListKey(kind=type(item).__name__, namespace=item.metadata.namespace)
        lists[key].append(item)
    return Snapshot(
        at=at,
        lists=tuple(ObjectList(key=key, objects=tuple(held)) for key, held in lists.items()),
    )


def _told(told: dict[str, int], before: datetime | None) -> str:
    words = [f"{source} of {count} objects" for source, count in told.items()]
    since = f", as of {before:%Y-%m-%d %H:%M:%S}" if before and len(told.keys() - _TIMELESS) else ""
    return " and ".join(words) + since


_SCALED = (Deployment, StatefulSet)
_TIMELESS = frozenset({"manifests", "last-applied"})
_NO_TIME = datetime.fromtimestamp(0, UTC)


def _key(item: KubeObject) -> Key:
    return type(item).__name__, item.metadata.namespace, item.metadata.name
