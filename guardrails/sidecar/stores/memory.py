"""Runs in the memory of one process: for tests, and where a restart may forget."""

import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import (
    ConflictError,
    Record,
    RunRow,
    Stored,
    changed_meanwhile,
    taken,
    until_next,
)

PACKED_FROM: Final = 1_024
"""Bytes from which an event is compressed. Results of tools are nearly all of a run, and a list of
pods shrinks to an eighth in 35 µs."""
_FAST: Final = 1
_PACKED: Final = b"x"
"""What zlib begins with."""


@dataclass(slots=True)
class _Run:
    begun: RunRow
    """As it was when the run began."""
    seq: int
    changed: datetime
    ended: bool
    records: list[Record] = field(default_factory=list[Record])
    snapshot: bytes = b""
    upto: int = 0
    """The record up to which the snapshot goes."""
    numbers: dict[int, Record] = field(default_factory=dict[int, Record])
    """Records by their caller's numbers."""
    number: int = 0
    """The last of them."""
    kept: dict[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def row(self) -> RunRow:
        """What is known of it now; put together when it is asked for, which is rarely."""
        return replace(self.begun, seq=self.seq, changed=self.changed, ended=self.ended)

    def add(self, record: Record) -> None:
        """Put a record behind the last one."""
        event = _packed(record.event)
        record = record if event is record.event else replace(record, event=event)
        self.records.append(record)
        if record.number:
            self.numbers[record.number] = record
            self.number = max(self.number, record.number)

    def after(self, seq: int) -> Iterator[Record]:
        """Yield the records after one, as they were written."""
        for record in islice(self.records, seq, None):
            packed = record.event.startswith(_PACKED)
            yield replace(record, event=_unpacked(record.event)) if packed else record


class MemoryRuns:
    """A `RunStore` without a file."""

    name = "memory"

    def __init__(self) -> None:
        self._runs: dict[RunId, _Run] = {}
        self._keys: dict[str, RunId] = {}
        self._lock = threading.Lock()

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run with its first record."""
        with self._lock:
            if row.run in self._runs:
                raise taken(row, holder="")
            if row.key and row.key in self._keys:
                raise taken(row, holder=self._keys[row.key])
            self._runs[row.run] = _Run(row, row.seq, row.changed, row.ended)
            self._runs[row.run].add(first)
            if row.key:
                self._keys[row.key] = row.run

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record behind the last one."""
        with self._lock:
            found = self._runs.get(run)
            last = found.seq if found is not None else 0
            if found is None or record.seq != last + 1:
                raise ConflictError(f"record {record.seq} of run {run} does not follow {last}")
            if record.number in found.numbers:
                raise ConflictError(f"fact {record.number} of run {run} is there")
            found.add(record)
            found.seq, found.changed = record.seq, _now()
            found.ended = ended or found.ended
            if found.ended and self._keys.get(found.begun.key) == run:
                del self._keys[found.begun.key]

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session up to a record."""
        with self._lock:
            found = self._runs.get(run)
            if found is not None and found.upto < seq <= found.seq:
                found.snapshot, found.upto = data, seq

    def load(self, run: RunId) -> Stored | None:
        """Return a run; None if there is none."""
        with self._lock:
            found = self._runs.get(run)
            if found is None:
                return None
            since = tuple(found.after(found.upto))
            snapshot, number = found.snapshot, found.number
            return Stored(row=found.row, snapshot=snapshot, since=since, number=number)

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one, in order."""
        with self._lock:
            found = self._runs.get(run)
            return () if found is None else tuple(found.after(seq))

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        with self._lock:
            return self._keys.get(key)

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on the caller's fact of that number."""
        with self._lock:
            found = self._runs.get(run)
            record = None if found is None else found.numbers.get(number)
            return None if record is None else record.decision

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return the caller's fact of that number, and the guard's before their next one."""
        with self._lock:
            found = self._runs.get(run)
            first = None if found is None else found.numbers.get(number)
            if found is None or first is None:
                return ()
            return until_next(found.after(first.seq - 1))

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run."""
        yield from self.since(run, 0)

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run."""
        with self._lock:
            found = self._runs.get(run)
            if found is None:
                raise ConflictError(f"there is no run {run}")
            if was is not None and found.kept.get(name, b"") not in {was, data}:
                raise changed_meanwhile(run, name)
            found.kept[name] = data

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run."""
        with self._lock:
            found = self._runs.get(run)
            return b"" if found is None else found.kept.get(name, b"")

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs, those changed last first."""
        with self._lock:
            rows = [one.row for one in self._runs.values()]
        wanted = [row for row in rows if ended is None or row.ended is ended]
        return sorted(wanted, key=lambda row: row.changed, reverse=True)[:limit]

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete runs that ended, or were touched last, before a time."""
        with self._lock:
            gone = [
                one.row
                for one in self._runs.values()
                if one.row.changed < (ended_before if one.row.ended else open_before)
            ]
            for row in gone:
                del self._runs[row.run]
                if self._keys.get(row.key) == row.run:
                    del self._keys[row.key]
        return len(gone)

    def ping(self) -> None:
        """Memory is always there."""

    def close(self) -> None:
        """Let go of nothing: the runs go with the object."""


def _packed(data: bytes) -> bytes:
    # Also what would be taken for packed.
    pack = len(data) >= PACKED_FROM or data.startswith(_PACKED)
    return zlib.compress(data, _FAST) if pack else data


def _unpacked(data: bytes) -> bytes:
    return zlib.decompress(data) if data.startswith(_PACKED) else data


def _now() -> datetime:
    return datetime.now(UTC)
