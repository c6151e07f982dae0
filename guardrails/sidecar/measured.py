"""A store whose calls are timed and whose failures are counted; it stores what another one does."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from guardrails.core.ids import RunId
from guardrails.sidecar.metrics import STORE_OPERATIONS, ServiceMetrics
from guardrails.sidecar.stores.base import (
    ConflictError,
    Record,
    RunRow,
    RunStore,
    Stored,
    StoreError,
)

T = TypeVar("T")


class MeasuredRuns:
    """A `RunStore` around another.

    Args:
        store: What stores.
        metrics: What counts.
    """

    def __init__(self, store: RunStore, metrics: ServiceMetrics) -> None:
        self._store = store
        self._errors = {one: metrics.store_errors.labels(one) for one in STORE_OPERATIONS}
        self._seconds = {one: metrics.store_seconds.labels(one) for one in STORE_OPERATIONS}
        self._conflicts = metrics.store_conflicts

    @property
    def name(self) -> str:
        """The other's."""
        return self._store.name

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run with its first record."""
        self._measured("create", lambda: self._store.create(row, first))

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record behind the last one."""
        self._measured("append", lambda: self._store.append(run, record, ended=ended))

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session up to a record."""
        self._measured("snapshot", lambda: self._store.snapshot(run, seq=seq, data=data))

    def load(self, run: RunId) -> Stored | None:
        """Return a run."""
        return self._measured("load", lambda: self._store.load(run))

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one."""
        return self._measured("since", lambda: self._store.since(run, seq))

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        return self._measured("find", lambda: self._store.find(key))

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on the caller's fact of that number."""
        return self._measured("decision", lambda: self._store.decision(run, number))

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return the caller's fact of that number, and what the guard added."""
        return self._measured("after", lambda: self._store.after(run, number))

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run; only failures are counted, as the reader sets the pace."""
        try:
            yield from self._store.records(run)
        except StoreError:
            self._errors["records"].inc()
            raise

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run."""
        self._measured("keep", lambda: self._store.keep(run, name, data, was=was))

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run."""
        return self._measured("kept", lambda: self._store.kept(run, name))

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs, those changed last first."""
        return self._measured("rows", lambda: self._store.rows(ended=ended, limit=limit))

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete old runs."""
        return self._measured(
            "expire",
            lambda: self._store.expire(ended_before=ended_before, open_before=open_before),
        )

    def ping(self) -> None:
        """Raise `StoreError` if the store could not be used now."""
        self._measured("ping", self._store.ping)

    def close(self) -> None:
        """Let go of connections and files."""
        self._store.close()

    def _measured(self, operation: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        try:
            return work()
        except StoreError:
            self._errors[operation].inc()
            raise
        except ConflictError:
            self._conflicts.labels(operation).inc()
            raise
        finally:
            self._seconds[operation].observe(time.perf_counter() - began)
