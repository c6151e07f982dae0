"""Whose a run is: kept in the run's key, so that it is written with the run or not at all.

Each caller has keys of its own: two agents that use one key have two runs, and neither finds, or
stands in the way of, the other's.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from guardrails.core.ids import RunId
from guardrails.errors import UsageError
from guardrails.sidecar.auth.roles import Caller, Role
from guardrails.sidecar.behind import StoreBehind
from guardrails.sidecar.stores.base import Record, RunRow, RunStore, Stored

asking: ContextVar[Caller | None] = ContextVar("asking", default=None)
"""Who sent the request that is being worked on; None for the service's own work."""

REMEMBERED: Final = 8_192
"""Runs whose owner is remembered; others are read from the store once more."""
SEARCHED: Final = 10_000
"""Open runs that are looked through for somebody who may see those of others."""
_MARK: Final = "\x1f"
"""Between owner and key. No name or key that is printable has it."""


class OwnedRuns(StoreBehind):
    """A store that notes who began a run, and shows agents their own.

    Args:
        store: Where runs are kept.
        admit: Asked before a run of an owner begins; raises when there are too many.
        left: Told when a run of an owner is over.
    """

    def __init__(
        self,
        store: RunStore,
        *,
        admit: Callable[[str], None] = lambda _: None,
        left: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(store)
        self._admit = admit
        self._left = left
        self._owners: OrderedDict[RunId, str] = OrderedDict()
        self._lock = threading.Lock()

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run of whoever asks."""
        if not row.key.isprintable():
            raise UsageError("a key is printable text")
        caller = asking.get()
        owner = caller.name if caller is not None else ""
        self._admit(owner)
        written = row if caller is None else replace(row, key=_marked(owner, row.key, row.run))
        self._store.create(written, first)
        self._remember(row.run, owner)

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record."""
        self._store.append(run, record, ended=ended)
        if ended:
            self._left(self._owners.get(run, ""))

    def load(self, run: RunId) -> Stored | None:
        """Return a run, under the key that its caller gave it."""
        found = self._store.load(run)
        if found is None:
            return None
        self._remember(run, owner_in(found.row.key))
        return replace(found, row=_plain(found.row))

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key of the caller's; for others than agents, of anybody's."""
        caller = asking.get()
        if caller is None or not key:
            return self._store.find(key)
        own = self._store.find(_marked(caller.name, key, RunId("")))
        if own is not None or caller.role is Role.AGENT:
            return own
        open_ = self._store.rows(ended=False, limit=SEARCHED)
        return next((row.run for row in open_ if key_in(row.key) == key), None)

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs; to agents their own, among the newest."""
        caller = asking.get()
        if caller is None or caller.role is not Role.AGENT:
            return [_plain(row) for row in self._store.rows(ended=ended, limit=limit)]
        found = self._store.rows(ended=ended, limit=max(limit, SEARCHED))
        return [_plain(row) for row in found if owner_in(row.key) == caller.name][:limit]

    def remembered(self, run: RunId) -> str | None:
        """Return who began a run, if that is known without asking the store."""
        with self._lock:
            return self._owners.get(run)

    def owner_of(self, run: RunId) -> str | None:
        """Return who began a run: empty when nobody was asked for a name, None when there is none.

        Raises:
            StoreError: The store cannot be used.
        """
        known = self.remembered(run)
        if known is not None:
            return known
        found = self._store.load(run)
        return None if found is None else self._remember(run, owner_in(found.row.key))

    def _remember(self, run: RunId, owner: str) -> str:
        with self._lock:
            self._owners[run] = owner
            self._owners.move_to_end(run)
            while len(self._owners) > REMEMBERED:
                self._owners.popitem(last=False)
        return owner


def _marked(owner: str, key: str, run: RunId) -> str:
    # A run without a key has an owner all the same; its own id keeps its mark apart from others.
    return f"{_MARK}{owner}{_MARK}{key}" if key else f"{_MARK}{owner}{_MARK}{_MARK}{run}"


def owner_in(stored: str) -> str:
    """Return whose a run is by its stored key; empty for one that nobody owns."""
    return stored[1:].partition(_MARK)[0] if stored.startswith(_MARK) else ""


def key_in(stored: str) -> str:
    """Return the key that its caller gave a run, by its stored one."""
    if not stored.startswith(_MARK):
        return stored
    key = stored[1:].partition(_MARK)[2]
    return "" if key.startswith(_MARK) else key


def _plain(row: RunRow) -> RunRow:
    return replace(row, key=key_in(row.key))
