"""A store behind another: what a wrapper does not change goes straight to the store."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import Record, RunRow, RunStore, Stored


class StoreBehind:
    """A `RunStore` that hands everything on."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    @property
    def name(self) -> str:
        """Name of the store behind."""
        return self._store.name

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run."""
        self._store.create(row, first)

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record."""
        self._store.append(run, record, ended=ended)

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session."""
        self._store.snapshot(run, seq=seq, data=data)

    def load(self, run: RunId) -> Stored | None:
        """Return a run."""
        return self._store.load(run)

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one."""
        return self._store.since(run, seq)

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        return self._store.find(key)

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on a fact."""
        return self._store.decision(run, number)

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return a fact and what followed it."""
        return self._store.after(run, number)

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run."""
        return self._store.records(run)

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run."""
        self._store.keep(run, name, data, was=was)

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run."""
        return self._store.kept(run, name)

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs."""
        return self._store.rows(ended=ended, limit=limit)

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete old runs."""
        return self._store.expire(ended_before=ended_before, open_before=open_before)

    def ping(self) -> None:
        """Raise if the store cannot be used."""
        self._store.ping()

    def close(self) -> None:
        """Let go of everything."""
        self._store.close()
