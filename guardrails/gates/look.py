"""One look at the world: every list once, all at the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.answering import NO_CLUSTER, Questions, answers, broken
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.kubernetes.resources import resource_of
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS
from guardrails.gates.snapshot import (
    AlertmanagerState,
    ListKey,
    ObjectList,
    PrometheusState,
    QueryResult,
    ReadStatus,
    Snapshot,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where evidence comes from; None means that it was not given."""

    cluster: ClusterReader | None = None
    prometheus: PrometheusSource | None = None
    alertmanager: AlertmanagerSource | None = None


async def take_look(
    sources: Sources,
    *,
    namespaces: Sequence[str],
    kinds: Sequence[str],
    queries: Sequence[str],
    at: datetime,
    questions: Questions | None = None,
) -> Snapshot:
    """Read everything once and return it as one snapshot.

    Args:
        sources: Where to read.
        namespaces: The scope.
        kinds: Kinds to list in each namespace.
        queries: Instant queries for Prometheus.
        at: The time that the snapshot carries.
        questions: What checks ask beside lists and queries.
    """
    keys = keys_of(kinds, namespaces)
    async with asyncio.TaskGroup() as group:
        lists = [group.create_task(_list(sources.cluster, key)) for key in keys]
        prometheus = group.create_task(_prometheus(sources.prometheus, queries))
        alertmanager = group.create_task(_alertmanager(sources.alertmanager))
        cluster = group.create_task(_identity(sources.cluster))
        answered = group.create_task(answers(sources.cluster, questions or Questions()))
    read = [task.result() for task in lists]
    # Only where nothing was found is it worth a request to tell "empty" from "does not exist".
    unknown = [] if any(_names_namespaces(x) for x in read) else _empty(read, namespaces)
    empty = [ListKey(kind="Namespace", namespace=n, name=n) for n in unknown]
    asked = [await _list(sources.cluster, key) for key in empty]
    return Snapshot(
        at=at,
        cluster=cluster.result(),
        lists=(*read, *asked),
        prometheus=prometheus.result(),
        alertmanager=alertmanager.result(),
        asked=answered.result(),
    )


def keys_of(kinds: Sequence[str], namespaces: Sequence[str]) -> tuple[ListKey, ...]:
    """Return every list to read, once each: kinds without a namespace are one list."""
    return tuple(
        dict.fromkeys(
            ListKey(kind=kind, namespace=namespace if _is_namespaced(kind) else "")
            for namespace in namespaces
            for kind in kinds
        )
    )


def _is_namespaced(kind: str) -> bool:
    resource = resource_of(kind)
    return resource is None or resource.namespaced


async def ask(sources: Sources, look: Snapshot, queries: Sequence[str]) -> Snapshot:
    """Return a look with the answers to instant queries that came up only after it."""
    if sources.prometheus is None or look.prometheus is None or not queries:
        return look
    state = await _prometheus(sources.prometheus, queries)
    answers = state.queries if state is not None else ()
    return msgspec.structs.replace(
        look, prometheus=msgspec.structs.replace(look.prometheus, queries=answers)
    )


def as_granted(look: Snapshot, earlier: Sequence[Snapshot | None]) -> Snapshot:
    """Return a look in which a refusal of what was granted before may be asked again.

    A refused right is not worth a second try, but an API server that is starting refuses rights
    that exist: it answers before its RBAC caches are filled (seen on 1.36, for a second or two).
    """
    granted = {x.key for past in earlier if past is not None for x in past.lists if x.read.ok}
    return msgspec.structs.replace(
        look, lists=tuple(_asked_again(x) if x.key in granted else x for x in look.lists)
    )


_REFUSED = frozenset({ReadStatus.FORBIDDEN, ReadStatus.UNAUTHORIZED})


def _asked_again(found: ObjectList) -> ObjectList:
    if found.read.status not in _REFUSED:
        return found
    again = msgspec.structs.replace(found.read, temporary=True)
    return msgspec.structs.replace(found, read=again)


def _names_namespaces(listed: ObjectList) -> bool:
    return listed.key.kind == "Namespace" and listed.read.ok


def _empty(lists: Sequence[ObjectList], namespaces: Sequence[str]) -> list[str]:
    filled = {
        x.key.namespace
        for x in lists
        if x.key.kind in WORKLOAD_LISTS and (x.objects or not x.read.ok)
    }
    listed = {x.key.namespace for x in lists}
    return [n for n in dict.fromkeys(namespaces) if n in listed and n not in filled]


async def _list(reader: ClusterReader | None, key: ListKey) -> ObjectList:
    if reader is None:
        return ObjectList(key=key, read=NO_CLUSTER)
    try:
        return await reader.list(key)
    except Exception as error:  # noqa: BLE001  # a reader that breaks its word is an unread list
        return ObjectList(key=key, read=broken(error))


async def _identity(reader: ClusterReader | None) -> str:
    if reader is None:
        return ""
    try:
        return await reader.identity()
    except Exception:  # noqa: BLE001  # as above; an unknown identity is written as empty
        return ""


async def _prometheus(
    source: PrometheusSource | None, queries: Sequence[str]
) -> PrometheusState | None:
    if source is None:
        return None
    try:
        return await source.read(queries=queries)
    except Exception as error:  # noqa: BLE001  # as above
        failed = broken(error)
        return PrometheusState(
            alerts_read=failed,
            rules_read=failed,
            queries=tuple(QueryResult(query=q, read=failed) for q in queries),
        )


async def _alertmanager(source: AlertmanagerSource | None) -> AlertmanagerState | None:
    if source is None:
        return None
    try:
        return await source.read()
    except Exception as error:  # noqa: BLE001  # as above
        return AlertmanagerState(alerts_read=broken(error), silences_read=broken(error))
