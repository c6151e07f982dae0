"""Connections to PostgreSQL: no more than so many, made again when the server was away.

Work that a connection broke under is done once more on a new one: writes know when they have been
there before. A server that does not answer in time is not asked again.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from guardrails.sidecar.stores.base import ConflictError, StoreError
from guardrails.sidecar.stores.urls import StoreUrl, StoreUrlError

T = TypeVar("T")
Connection = psycopg.Connection[TupleRow]

TIMEOUT_SECONDS: Final = 5.0
"""How long a statement may take: a write is one row, and waits for one other writer at most."""
_GRACE_SECONDS: Final = 2.0
"""How much later we give up than the server does, which says why."""
CONNECTIONS: Final = 16
"""At most, in each process; PostgreSQL has 100 for everybody, unless it was told otherwise."""
OPTIONS: Final = frozenset({"schema", "timeout", "connections"})
"""What the query of the URL may say besides libpq's parameters."""

_ALIVE: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""How a server that is gone without a word is noticed within half a minute; milliseconds in the
last, seconds in the others."""

_SAID: Final = {
    "25006": "is a standby, which cannot be written: name the primary, or several hosts and "
    "target_session_attrs=read-write",
    "53100": "has no room on its disk: nothing was written",
    "53200": "has no memory left",
    "53300": "has no connection left: raise max_connections, or lower ?connections=",
    "55P03": "waited too long for another writer",
    "57014": "did not finish in time, and wrote nothing (raise ?timeout= if it is just slow)",
    "57P01": "is being stopped",
    "57P02": "has crashed, and will answer when it is up again",
    "57P03": "is starting or stopping",
    "42501": "does not let this user do what a store needs: GRANT CREATE ON DATABASE, or make the "
    "schema for them",
}
"""What an error means, by its SQLSTATE."""


class _SlowError(psycopg.OperationalError):
    """The server said nothing for longer than it may."""


class _BrokenError(psycopg.OperationalError):
    """The connection broke, and nobody knows what was done before it did."""


class _Bounded(psycopg.Connection[TupleRow]):
    """A connection whose answers are waited for so long and no longer."""

    seconds: float = TIMEOUT_SECONDS

    def wait(
        self,
        gen: PQGen[T],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> T:
        limit = self.seconds + _GRACE_SECONDS if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            self.close()  # an answer may still come, and would be taken for the next one's
            raise _SlowError(
                "did not answer in time; what was being written is known when the run is read again"
            ) from error


class Connections:
    """A bounded number of connections, given to one thread at a time.

    Args:
        url: Where to; what is no option of ours is libpq's.

    Raises:
        StoreUrlError: The URL cannot be used.
    """

    def __init__(self, url: StoreUrl) -> None:
        self._url = url
        self._seconds = url.number("timeout", TIMEOUT_SECONDS)
        ours = {name: value for name, value in _ALIVE.items() if name not in url.options}
        if "application_name" not in url.options:
            ours["application_name"] = "guarded-agent"
        if url.password:
            ours["password"] = url.password
        try:
            self._conninfo = make_conninfo(url.dsn(leave_out=OPTIONS), **ours)
        except psycopg.ProgrammingError as error:
            raise StoreUrlError(f"{url.shown}: {self._text(error)}") from error
        self._most = max(1, int(url.number("connections", CONNECTIONS)))
        self._free = threading.BoundedSemaphore(self._most)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def do(self, work: Callable[[Connection], T]) -> T:
        """Do work on a connection, and once more if that broke.

        Raises:
            ConflictError: Another writer was quicker.
            StoreError: The server cannot be reached or refuses.
        """
        try:
            try:
                return self._tried(work)
            except _BrokenError:
                self._drop_idle()  # they broke with it
            return self._tried(work)
        except (
            psycopg.IntegrityError,
            psycopg.errors.SerializationFailure,
            psycopg.errors.DeadlockDetected,
        ) as error:
            raise ConflictError(f"somebody else was quicker: {self._text(error)}") from error
        except psycopg.Error as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Close every connection; those in use when they are given back."""
        self._closed = True
        self._drop_idle()

    def _tried(self, work: Callable[[Connection], T]) -> T:
        with self._one() as db:
            try:
                return work(db)
            except psycopg.OperationalError as error:
                if db.broken:
                    raise _BrokenError(str(error)) from error
                raise

    @contextmanager
    def _one(self) -> Generator[Connection]:
        if self._closed:
            raise StoreError(f"{self._url.shown}: the store is closed")
        if not self._free.acquire(timeout=self._seconds):
            raise StoreError(
                f"{self._url.shown} is slower than it is asked: all {self._most} connections are "
                "busy"
            )
        try:
            with self._lock:
                db = self._idle.pop() if self._idle else None
            if db is None:
                db = self._connected()
            try:
                yield db
            finally:
                self._give_back(db)
        finally:
            self._free.release()

    def _connected(self) -> Connection:
        try:
            db = _Bounded.connect(self._conninfo, autocommit=True)
        except psycopg.Error as error:
            raise self._refused(error) from error
        db.seconds = self._seconds
        milliseconds = str(int(self._seconds * 1_000))
        try:
            db.execute("SELECT set_config('statement_timeout', %s, false)", (milliseconds,))
        except BaseException:
            db.close()
            raise
        return db

    def _give_back(self, db: Connection) -> None:
        usable = db.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if db.closed or not usable or self._closed:
            db.close()
            return
        with self._lock:
            self._idle.append(db)

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _refused(self, error: psycopg.Error) -> StoreError:
        state = error.sqlstate
        if isinstance(error, _BrokenError) and isinstance(error.__cause__, psycopg.Error):
            state = error.__cause__.sqlstate
        said = _SAID.get(state or "")
        if said is None and isinstance(error, _SlowError):
            said = str(error)
        return StoreError(f"{self._url.shown} {said or f'cannot be used: {self._text(error)}'}")

    def _text(self, error: Exception) -> str:
        return self._url.hide(" ".join(str(error).split()))
