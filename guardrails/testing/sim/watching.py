"""The watch verb: a stream of events from a resourceVersion on.

Follows the real protocol: initial ADDED events when no version is given, selector transitions as
ADDED and DELETED, bookmarks when asked, `timeoutSeconds`, and an ERROR event with 410.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import msgspec

from guardrails.testing.sim.kinds import Kind, Obj
from guardrails.testing.sim.status import StatusError
from guardrails.testing.sim.store import Change, Store

BOOKMARK_SECONDS = 10.0
"""Between bookmarks on a quiet watch; the real server takes a minute, tests will not."""
LONGEST_WATCH = 1800.0
"""A watch without `timeoutSeconds` ends after this, as on the real server (30 to 60 minutes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchQuery:
    """What a client watches."""

    kind: Kind
    namespace: str | None
    selects: Callable[[Obj], bool]
    since: str
    """The resourceVersion asked for; empty or `0` starts with the present state."""
    bookmarks: bool
    initial_events: bool
    timeout: float | None
    render: Callable[[Obj], Obj]


def _event(kind: str, obj: Obj) -> bytes:
    return msgspec.json.encode({"type": kind, "object": obj}) + b"\n"


def _bookmark(query: WatchQuery, version: int, *, initial_end: bool = False) -> bytes:
    meta: Obj = {"resourceVersion": str(version), "creationTimestamp": None}
    if initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    kind = query.kind
    return _event("BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta})


def _seen(query: WatchQuery, obj: Obj | None) -> bool:
    if obj is None:
        return False
    if query.namespace is not None and obj["metadata"].get("namespace") != query.namespace:
        return False
    return query.selects(obj)


def _translate(query: WatchQuery, change: Change) -> bytes | None:
    before, after = _seen(query, change.old), _seen(query, change.new)
    if after and change.new is not None:
        return _event("MODIFIED" if before else "ADDED", query.render(change.new))
    if before and change.old is not None:
        meta = {**change.old["metadata"], "resourceVersion": str(change.version)}
        return _event("DELETED", query.render({**change.old, "metadata": meta}))
    return None


async def watch(store: Store, query: WatchQuery) -> AsyncGenerator[bytes]:
    """Yield the watch's lines until it times out."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    unlisten = store.listen(lambda: loop.call_soon_threadsafe(woken.set))
    end = loop.time() + (LONGEST_WATCH if query.timeout is None else query.timeout)
    try:
        with store.lock:
            version = store.version
            fresh = query.since in ("", "0") or query.initial_events
            objects = store.objects(query.kind.kind, namespace=query.namespace) if fresh else []
        if not fresh:
            version = int(query.since)
        for obj in objects:
            if query.selects(obj):
                yield _event("ADDED", query.render(obj))
        if query.initial_events:
            yield _bookmark(query, version, initial_end=True)
        while True:
            woken.clear()
            try:
                with store.lock:
                    changes = store.changes_since(version, query.kind)
                    version = max(version, store.version)
            except StatusError as error:
                yield _event("ERROR", error.body)
                return
            for change in changes:
                line = _translate(query, change)
                if line is not None:
                    yield line
            left = end - loop.time()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(woken.wait(), min(left, BOOKMARK_SECONDS))
            except TimeoutError:
                if query.bookmarks:
                    yield _bookmark(query, version)
    finally:
        unlisten()
