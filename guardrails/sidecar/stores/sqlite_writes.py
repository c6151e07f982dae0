"""Writes to a SQLite file that share a transaction while they wait for the disk.

A transaction waits some milliseconds for the disk, and only one can be under way. So whoever comes
meanwhile queues, and the next transaction takes the whole queue: eight writers wait twice for the
disk, and not eight times. A write that fails is undone alone; it is told when its own fate is on
the disk.
"""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[sqlite3.Connection], None]


@dataclass(slots=True, eq=False)
class _Write:
    work: Work
    done: bool = False
    error: Exception | None = None


class GroupedWrites:
    """Does writes of many threads, one transaction after the other."""

    def __init__(self) -> None:
        self._queue: list[_Write] = []
        self._queueing = threading.Lock()
        self._writing = threading.Lock()

    def do(self, work: Work, db: sqlite3.Connection) -> None:
        """Do a write, and those of others that wait; return when it is committed.

        Args:
            work: The write. Any thread may do it, on its own connection.
            db: This thread's connection, in autocommit.

        Raises:
            Exception: What the write raised, or what the transaction failed with. Then the write
                has not happened.
        """
        write = _Write(work)
        with self._queueing:
            self._queue.append(write)
        with self._writing:
            if not write.done:  # by whoever wrote before us
                with self._queueing:
                    writes, self._queue = self._queue, []
                _commit(db, writes)
        if write.error is not None:
            raise write.error


def _commit(db: sqlite3.Connection, writes: list[_Write]) -> None:
    """Do writes in one transaction. Each is done afterwards, or has its error."""
    try:
        db.execute("BEGIN IMMEDIATE")
        for write in writes:
            _attempt(db, write)
        db.execute("COMMIT")
    except BaseException as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        for write in writes:
            write.error = write.error or _failed(error)
        if not isinstance(error, Exception):
            raise  # the thread is to end; the others were told
    finally:
        for write in writes:
            write.done = True


def _attempt(db: sqlite3.Connection, write: _Write) -> None:
    """Do one write; undo it alone if it fails.

    Raises:
        sqlite3.Error: The whole transaction is lost with it.
    """
    db.execute("SAVEPOINT one")
    try:
        write.work(db)
    except Exception as error:
        if not db.in_transaction:
            raise  # SQLite has undone everything: the disk is full, or fails
        db.execute("ROLLBACK TO one")
        write.error = error
    db.execute("RELEASE one")


def _failed(error: BaseException) -> Exception:
    """Return an error of its own for each thread, as a traceback belongs to one."""
    if isinstance(error, sqlite3.Error):
        copy = type(error)(*error.args)
        copy.sqlite_errorname = getattr(error, "sqlite_errorname", "")
        return copy
    return sqlite3.OperationalError(f"the writer was stopped: {type(error).__name__}")
