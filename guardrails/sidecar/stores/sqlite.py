"""Runs in a file: for one process, or several on one machine. It survives `kill -9` at any time.

SQLite writes ahead (WAL), so readers wait for nobody. Writes that wait for each other share a
transaction; with `synchronous=FULL` it is on the disk before a decision is told.
"""

import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import (
    ConflictError,
    Record,
    RunRow,
    Stored,
    StoreError,
    changed_meanwhile,
    taken,
    until_next,
)
from guardrails.sidecar.stores.sqlite_writes import GroupedWrites

T = TypeVar("T")

SCHEMA: Final = 1
"""Version of the tables; kept in `user_version`."""
_WAIT_SECONDS: Final = 5.0
"""How long a write waits for those of other processes."""
_CACHE_KIB: Final = 512
"""Pages that a connection holds. Runs are in memory besides; the usual 2 MB would be 64 MB for all
threads of the service."""
_PART: Final = 256
"""Records that are read at a time."""

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, key TEXT NOT NULL, policy TEXT NOT NULL, created REAL NOT NULL,
    changed REAL NOT NULL, seq INTEGER NOT NULL, ended INTEGER NOT NULL,
    snapshot BLOB NOT NULL, upto INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS open_keys ON runs (key) WHERE key <> '' AND ended = 0;
CREATE INDEX IF NOT EXISTS changed_runs ON runs (ended, changed);
CREATE TABLE IF NOT EXISTS records (
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE, seq INTEGER NOT NULL,
    number INTEGER NOT NULL, event BLOB NOT NULL, decision BLOB NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS numbered ON records (run, number) WHERE number > 0;
CREATE TABLE IF NOT EXISTS kept (
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE, name TEXT NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (run, name)
) STRICT;
"""
_SET_VERSION: Final = f"PRAGMA user_version = {SCHEMA}"
_SAID: Final = {
    "SQLITE_FULL": "no room is left on the disk: nothing was written",
    "SQLITE_IOERR": "the disk cannot be written or read (is it full?): nothing was written",
    "SQLITE_NOTADB": "this is no store, or it is damaged: move it away, with its -wal and -shm "
    "files, or restore it from a backup",
    "SQLITE_CORRUPT": "the store is damaged: move it away, with its -wal and -shm files, or "
    "restore it from a backup",
    "SQLITE_CANTOPEN": "it cannot be opened: the folder must be there, and this user must be "
    "able to write it",
    "SQLITE_READONLY": "this user cannot write it",
    "SQLITE_BUSY": f"other processes write to it for longer than {_WAIT_SECONDS:.0f} s",
}
"""What an error means, by how SQLite's name for it begins."""
_FIND: Final = "SELECT run FROM runs WHERE key = ? AND key <> '' AND ended = 0"
_KEPT: Final = "SELECT data FROM kept WHERE run = ? AND name = ?"
_RUNS: Final = "SELECT run, key, policy, created, changed, seq, ended, snapshot, upto FROM runs"


class SqliteRuns:
    """A `RunStore` in a file.

    Args:
        path: The file; it is made if it is not there.
        synchronous: `FULL` to have every decision on the disk, `NORMAL` to lose none by a process
            that is killed, but perhaps some by a machine that loses its power.

    Raises:
        StoreError: The file cannot be used, or is of a newer version.
    """

    name = "sqlite"

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self._path = path
        self._synchronous = synchronous
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._writes = GroupedWrites()
        try:
            self._written(self._make_tables)
        except BaseException:
            self.close()
            raise

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run with its first record."""

        def write(db: sqlite3.Connection) -> None:
            times = (row.created.timestamp(), row.changed.timestamp())
            try:
                db.execute(
                    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, x'', 0)",
                    (row.run, row.key, row.policy, *times, first.seq, row.ended),
                )
            except sqlite3.IntegrityError as error:
                known = db.execute("SELECT 1 FROM runs WHERE run = ?", (row.run,)).fetchone()
                held = None if known else db.execute(_FIND, (row.key,)).fetchone()
                raise taken(row, holder=str(held[0]) if held else "") from error
            self._insert(db, row.run, first)

        self._written(write)

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record behind the last one."""

        def write(db: sqlite3.Connection) -> None:
            found = db.execute(
                "UPDATE runs SET seq = ?, changed = ?, ended = max(ended, ?) "
                "WHERE run = ? AND seq = ?",
                (record.seq, datetime.now(UTC).timestamp(), ended, run, record.seq - 1),
            )
            if found.rowcount != 1:
                raise ConflictError(f"record {record.seq} of run {run} does not follow the last")
            self._insert(db, run, record)

        self._written(write)

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session up to a record."""
        self._written(
            lambda db: db.execute(
                "UPDATE runs SET snapshot = ?, upto = ? WHERE run = ? AND upto < ? AND seq >= ?",
                (data, seq, run, seq, seq),
            )
        )

    def load(self, run: RunId) -> Stored | None:
        """Return a run; None if there is none."""
        with self._errors():
            db = self._connection()
            db.execute("BEGIN")
            try:
                found = db.execute(f"{_RUNS} WHERE run = ?", (run,)).fetchone()
                if found is None:
                    return None
                *row, snapshot, upto = found
                since = self._part(run, upto, limit=-1)
                (number,) = db.execute(
                    "SELECT max(number) FROM records WHERE run = ? AND number > 0", (run,)
                ).fetchone()
            finally:
                db.execute("COMMIT")
        return Stored(row=_row(row), snapshot=snapshot, since=tuple(since), number=number or 0)

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one, in order."""
        return tuple(self._part(run, seq, limit=-1))

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        found = self._one(_FIND, key)
        return None if found is None else RunId(str(found[0]))

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on the caller's fact of that number."""
        found = self._one(
            "SELECT decision FROM records WHERE run = ? AND number = ? AND number > 0", run, number
        )
        return None if found is None else bytes(found[0])

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return the caller's fact of that number, and the guard's before their next one."""
        found = self._one(
            "SELECT seq FROM records WHERE run = ? AND number = ? AND number > 0", run, number
        )
        return () if found is None else until_next(self._from(run, int(found[0]) - 1))

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run, a part at a time."""
        return self._from(run, 0)

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run."""

        def write(db: sqlite3.Connection) -> None:
            if was is not None:
                there = db.execute(_KEPT, (run, name)).fetchone()
                if (b"" if there is None else bytes(there[0])) not in {was, data}:
                    raise changed_meanwhile(run, name)
            found = db.execute(
                "INSERT INTO kept SELECT run, ?, ? FROM runs WHERE run = ? "
                "ON CONFLICT (run, name) DO UPDATE SET data = excluded.data",
                (name, data, run),
            )
            if found.rowcount != 1:
                raise ConflictError(f"there is no run {run}")

        self._written(write)

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run."""
        found = self._one(_KEPT, run, name)
        return b"" if found is None else bytes(found[0])

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs, those changed last first."""
        wanted = (0, 1) if ended is None else (ended, ended)
        with self._errors():
            found = self._connection().execute(
                f"{_RUNS} WHERE ended IN (?, ?) ORDER BY changed DESC LIMIT ?",
                (*wanted, limit),
            )
            return [_row(one[:-2]) for one in found.fetchall()]

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete runs that ended, or were touched last, before a time."""
        times = (ended_before.timestamp(), open_before.timestamp())
        gone = self._written(
            lambda db: db.execute(
                "DELETE FROM runs WHERE (ended = 1 AND changed < ?) OR (ended = 0 AND changed < ?)",
                times,
            )
        )
        return gone.rowcount

    def ping(self) -> None:
        """Raise `StoreError` if the file could not be written now."""
        self._written(lambda db: db.execute(_SET_VERSION))  # a page is written, and nothing changes

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()

    def _make_tables(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise StoreError(
                f"{self._path}: a store of schema {version}; this version knows {SCHEMA}: update"
            )
        for statement in _TABLES.split(";"):
            db.execute(statement)
        if version < SCHEMA:
            db.execute(_SET_VERSION)

    def _insert(self, db: sqlite3.Connection, run: RunId, record: Record) -> None:
        values = (run, record.seq, record.number, record.event, record.decision)
        try:
            db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", values)
        except sqlite3.IntegrityError as error:
            raise ConflictError(f"fact {record.number} of run {run} is there") from error

    def _from(self, run: RunId, seq: int) -> Iterator[Record]:
        while part := self._part(run, seq, limit=_PART):
            yield from part
            seq = part[-1].seq

    def _part(self, run: RunId, seq: int, *, limit: int) -> list[Record]:
        with self._errors():
            found = self._connection().execute(
                "SELECT seq, number, event, decision FROM records "
                "WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
                (run, seq, limit),
            )
            return [
                Record(seq=at, number=number, event=event, decision=decision)
                for at, number, event, decision in found.fetchall()
            ]

    def _one(self, query: str, *values: object) -> Sequence[bytes] | None:
        with self._errors():
            return self._connection().execute(query, values).fetchone()

    def _written(self, write: Callable[[sqlite3.Connection], T]) -> T:
        """Do one write; what fails in it has not happened."""
        done: list[T] = []

        def work(db: sqlite3.Connection) -> None:
            done[:] = [write(db)]

        with self._errors():
            self._writes.do(work, self._connection())
        return done[0]

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection: SQLite's are not for sharing."""
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = sqlite3.connect(
                self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            found.execute("PRAGMA journal_mode = WAL")
            found.execute(f"PRAGMA synchronous = {self._synchronous}")
            found.execute("PRAGMA foreign_keys = ON")
            found.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._own.connection = found
            with self._lock:
                self._opened.append(found)
        return found

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name: str = getattr(error, "sqlite_errorname", "")
            said = next((said for start, said in _SAID.items() if name.startswith(start)), error)
            raise StoreError(f"{self._path}: {said}") from error


def _row(values: Sequence[object]) -> RunRow:
    run, key, policy, created, changed, seq, ended = values
    return RunRow(
        run=RunId(str(run)),
        key=str(key),
        policy=str(policy),
        created=_time(created),
        changed=_time(changed),
        seq=int(str(seq)),
        ended=bool(ended),
    )


def _time(value: object) -> datetime:
    return datetime.fromtimestamp(float(str(value)), UTC)
