"""What every store does: runs as lists of records that only grow, with snapshots to read less.

A record is written only behind the one before it (compare and set on the number of the last), so
two processes that work on one run cannot both succeed: one of them is told, and reads what the
other wrote. Calls block; the service makes them in threads where they go over a network.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from guardrails.core.ids import RunId
from guardrails.errors import ConflictError, StoreError

__all__ = [
    "ConflictError",
    "Record",
    "RunRow",
    "RunStore",
    "StoreError",
    "Stored",
    "taken",
    "until_next",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event of a run, and what was decided."""

    seq: int
    """Of the event; 1 for the first of a run."""
    event: bytes
    """The event as JSON, without secrets."""
    decision: bytes
    """The decision as JSON."""
    number: int = 0
    """The caller's own number for the fact, counted from 1; 0 for facts of the guard itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """What is known of a run without reading its records."""

    run: RunId
    key: str
    """What its caller finds it by; unique among the runs that have not ended. May be empty."""
    policy: str
    """The settings that it is decided by, as JSON."""
    created: datetime
    changed: datetime
    seq: int
    """Of the last record."""
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A run as it is read back."""

    row: RunRow
    snapshot: bytes
    """The session up to some record; empty where none was kept."""
    since: tuple[Record, ...]
    """The records after the snapshot, in order."""
    number: int
    """The last of the caller's numbers; 0 where they stated nothing yet."""


class RunStore(Protocol):
    """Keeps runs. Every method may raise `StoreError`; a store may be used by any thread."""

    @property
    def name(self) -> str:
        """`memory`, `sqlite`, `redis` or `postgresql`."""
        ...

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run with its first record.

        Raises:
            ConflictError: There is such a run, or an open one under its key.
        """
        ...

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record behind the last one.

        Args:
            run: The run.
            record: Its `seq` is one more than the last one's.
            ended: Whether the run is over with it.

        Raises:
            ConflictError: The last record is another, the caller's number was used before, or
                there is no such run.
        """
        ...

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session up to a record, so that less is read. An older one is replaced."""
        ...

    def load(self, run: RunId) -> Stored | None:
        """Return a run; None if there is none."""
        ...

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one, in order."""
        ...

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        ...

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on the caller's fact of that number; None if it is not there."""
        ...

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return the caller's fact of that number, and what the guard added before their next one.

        Returns:
            In order, the caller's own first; empty if it is not there.
        """
        ...

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run, a part at a time."""
        ...

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run; they go with it. What was kept under the name is replaced.

        Args:
            run: The run.
            name: Under which they are found.
            data: The bytes.
            was: What is replaced, as it was read; empty for nothing. Something else than that, or
                than `data`, stays. None replaces anything.

        Raises:
            ConflictError: There is no such run, or somebody else kept something meanwhile.
        """
        ...

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run under a name; empty if nothing is."""
        ...

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs, those changed last first."""
        ...

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete runs that ended, or were touched last, before a time; return how many."""
        ...

    def ping(self) -> None:
        """Raise `StoreError` if the store could not be used now."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


def taken(row: RunRow, *, holder: str) -> ConflictError:
    """Return why a run cannot begin.

    Args:
        row: Of the run.
        holder: The run that is open under its key; empty if it is its id that is taken.
    """
    if holder and holder != row.run:
        return ConflictError(f"run {holder} is open under key {row.key!r}")
    return ConflictError(f"there is a run {row.run} already")


def changed_meanwhile(run: RunId, name: str) -> ConflictError:
    """Return why nothing was kept: it is not what it was."""
    return ConflictError(f"another process changed the {name} of run {run}, or the run is gone")


def until_next(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return records up to before the second that its caller numbered.

    Args:
        records: Those of a run in order, from one that its caller numbered; read no further than
            is needed.
    """
    found: list[Record] = []
    for record in records:
        if found and record.number:
            break
        found.append(record)
    return tuple(found)
