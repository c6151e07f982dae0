"""Where the simulated cluster keeps its objects, with real resourceVersion semantics.

One counter orders all writes, a bounded history feeds watches, and a list can be paged against
the state it started from. Objects are replaced, never changed in place, so a snapshot is a list.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from uuid import UUID

import msgspec

from guardrails.core.clock import Clock
from guardrails.testing.sim.kinds import Kind, Kinds, Obj, parts
from guardrails.testing.sim.status import TOO_OLD_CONTINUE, expired

HISTORY = 20_000
"""Changes kept for watches: more than any test makes, bounded for a demo that runs for hours."""
SNAPSHOTS = 64
"""Paged lists kept open at once; older continue tokens answer 410, as after etcd compaction."""

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of Kubernetes' generated names: no vowels, no look-alikes."""

Key = tuple[str, str, str]
"""(kind, namespace, name); namespace is empty for cluster-scoped objects."""


def clone(value: Obj) -> Obj:
    """A deep copy of a JSON object; five times faster than `copy.deepcopy`."""
    return msgspec.json.decode(msgspec.json.encode(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write: what a watch turns into an event."""

    version: int
    kind: str
    old: Obj | None
    new: Obj | None


class Store:
    """All objects of one cluster. Hold `lock` for a read that must not see half a step."""

    def __init__(self, clock: Clock, *, kinds: Kinds, seed: int = 0) -> None:
        self.clock = clock
        self.kinds = kinds
        self.lock = threading.RLock()
        self.random = Random(seed)  # noqa: S311  # names and uids, not secrets
        self.version = 1
        self.compacted = 0
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._touched: dict[str, int] = {}
        self._snapshots: OrderedDict[str, list[Obj]] = OrderedDict()
        self._by_owner: dict[str, tuple[int, dict[str, list[Obj]]]] = {}
        self._ordered: dict[tuple[str, str | None], tuple[int, list[Obj]]] = {}
        self._listeners: set[Callable[[], object]] = set()

    # Reading

    def get(self, kind: str, name: str, *, namespace: str = "") -> Obj | None:
        """The stored object, not to be changed, or None."""
        return self._objects.get(kind, {}).get((namespace, name))

    def objects(self, kind: str, *, namespace: str | None = None) -> list[Obj]:
        """Objects of a kind in key order, of one namespace or of all; not to be changed."""
        with self.lock:
            version = self._touched.get(kind, 0)
            known = self._ordered.get((kind, namespace))
            if known is not None and known[0] == version:
                return known[1]
            table = self._objects.get(kind, {})
            keys = sorted(key for key in table if namespace in (None, key[0]))
            found = [table[key] for key in keys]
            self._ordered[kind, namespace] = (version, found)
            return found

    def owned(self, kind: str) -> dict[str, list[Obj]]:
        """Objects of a kind by the uid of their controller; those without one under `""`."""
        with self.lock:
            version = self._touched.get(kind, 0)
            known = self._by_owner.get(kind)
            if known is not None and known[0] == version:
                return known[1]
            index: dict[str, list[Obj]] = {}
            for obj in self.objects(kind):
                uid = ""
                for owner in parts(obj["metadata"], "ownerReferences"):
                    if owner.get("controller"):
                        uid = owner["uid"]
                index.setdefault(uid, []).append(obj)
            self._by_owner[kind] = (version, index)
            return index

    def touched(self, kinds: Iterable[str]) -> int:
        """The newest version at which any of these kinds changed."""
        return max((self._touched.get(kind, 0) for kind in kinds), default=0)

    def now(self) -> str:
        """The time as Kubernetes writes it."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def now_micro(self) -> str:
        """The time with microseconds, for `MicroTime` fields."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    # Writing

    def put(self, kind: str, obj: Obj) -> Obj:
        """Store a new object or replace one; sets its resourceVersion and returns it."""
        with self.lock:
            meta = obj["metadata"]
            key = (meta.get("namespace", ""), meta["name"])
            table = self._objects.setdefault(kind, {})
            old = table.get(key)
            self.version += 1
            meta["resourceVersion"] = str(self.version)
            table[key] = obj
            self._record(Change(version=self.version, kind=kind, old=old, new=obj))
            return obj

    def remove(self, kind: str, name: str, *, namespace: str = "") -> Obj | None:
        """Drop an object; its last state, as the DELETED event carries it."""
        with self.lock:
            old = self._objects.get(kind, {}).pop((namespace, name), None)
            if old is None:
                return None
            self.version += 1
            last = clone(old)
            last["metadata"]["resourceVersion"] = str(self.version)
            self._record(Change(version=self.version, kind=kind, old=last, new=None))
            return last

    def new_uid(self) -> str:
        """A fresh uid, the same in every run with the same seed."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def new_suffix(self) -> str:
        """Five letters, as `generateName` appends."""
        return "".join(self.random.choices(_SUFFIX, k=5))

    def _record(self, change: Change) -> None:
        if len(self._history) == HISTORY:
            self.compacted = self._history[0].version
        self._history.append(change)
        self._touched[change.kind] = change.version
        for listener in tuple(self._listeners):
            listener()

    # Watching and paging

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` after every write, from the writing thread; returns how to stop."""
        with self.lock:
            self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def changes_since(self, version: int, kind: Kind) -> list[Change]:
        """Changes of one kind after a version.

        Raises:
            StatusError: 410 if that version was compacted away.
        """
        with self.lock:
            if version < self.compacted:
                raise expired(f"too old resource version: {version} ({self.compacted})")
            found: list[Change] = []
            for change in reversed(self._history):
                if change.version <= version:
                    break
                if change.kind == kind.kind:
                    found.append(change)
            return found[::-1]

    def compact(self) -> None:
        """Forget all history: older watches and continue tokens answer 410 from now on."""
        with self.lock:
            self.compacted = self.version
            self._history.clear()
            self._snapshots.clear()

    def keep_page(self, token: str, rest: list[Obj]) -> None:
        """Remember what is left of a paged list."""
        with self.lock:
            self._snapshots[token] = rest
            while len(self._snapshots) > SNAPSHOTS:
                self._snapshots.popitem(last=False)

    def page(self, token: str) -> list[Obj]:
        """What is left of a paged list; asking twice gives the same.

        Raises:
            StatusError: 410 if the token is no longer known.
        """
        with self.lock:
            if token not in self._snapshots:
                raise expired(TOO_OLD_CONTINUE)
            return self._snapshots[token]
