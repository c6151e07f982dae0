"""Runs in PostgreSQL: for replicas that must not lose a decision when a machine dies.

A record is written, and its run moved on, by one statement, so there is nothing between the two. It
is answered when it is on the disk, unless the server's `synchronous_commit` says otherwise.
"""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from psycopg import sql
from psycopg.errors import UniqueViolation

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
from guardrails.sidecar.stores.postgres_connections import Connection, Connections
from guardrails.sidecar.stores.postgres_tables import prepare_tables
from guardrails.sidecar.stores.urls import StoreUrlError, parse_store_url

USUAL_SCHEMA: Final = "guarded_agent"
_LONGEST_NAME: Final = 63
"""Bytes of a name; PostgreSQL cuts off what is longer."""
_PART: Final = 256
"""Records that are read, or runs that are deleted, at a time."""

_ROW: Final = "run, key, policy, created, changed, seq, ended"

_Values = tuple[object, ...]


class PostgresRuns:
    """A `RunStore` in PostgreSQL.

    Args:
        url: `postgresql://[user[:password]@]host[:port]/database[?schema=…]`, with further options
            of libpq such as `sslmode`.

    Raises:
        StoreError: It cannot be reached or written, or holds tables of a newer version.
        StoreUrlError: The URL cannot be used.
    """

    name = "postgresql"

    def __init__(self, url: str) -> None:
        address = parse_store_url(url)
        schema = address.options.get("schema", USUAL_SCHEMA)
        if not schema or "\0" in schema or len(schema.encode()) > _LONGEST_NAME:
            raise StoreUrlError(f"{address.shown}: schema is a name of 1 to {_LONGEST_NAME} bytes")
        self._db = Connections(address)
        self._sql = _Statements(schema)
        try:
            self._db.do(lambda db: prepare_tables(db, schema, shown=address.shown))
        except BaseException:
            self._db.close()
            raise

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run with its first record."""
        token = uuid.uuid4()
        values = {
            "run": row.run,
            "key": row.key,
            "policy": row.policy,
            "created": row.created,
            "changed": row.changed,
            "ended": row.ended,
            **_values(first, token),
        }

        def write(db: Connection) -> None:
            try:
                db.execute(self._sql.create, values)
            except UniqueViolation as error:
                if not self._wrote(db, row.run, first.seq, token):
                    raise taken(row, holder=self._holder(db, row)) from error

        self._db.do(write)

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record behind the last one."""
        token = uuid.uuid4()
        values = {
            "run": run,
            "changed": datetime.now(UTC),
            "ended": ended,
            "last": record.seq - 1,
            **_values(record, token),
        }

        def write(db: Connection) -> None:
            try:
                moved = db.execute(self._sql.append, values).rowcount == 1
            except UniqueViolation as error:
                raise ConflictError(f"fact {record.number} of run {run} is there") from error
            if not moved and not self._wrote(db, run, record.seq, token):
                raise ConflictError(f"record {record.seq} of run {run} does not follow the last")

        self._db.do(write)

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session up to a record."""
        values = {"run": run, "upto": seq, "data": data}
        self._db.do(lambda db: db.execute(self._sql.snapshot, values))

    def load(self, run: RunId) -> Stored | None:
        """Return a run; None if there is none."""
        found = self._one(self._sql.load, run)
        if found is None:
            return None
        *row, snapshot, number, seqs, numbers, events, decisions = found
        columns = cast(
            "tuple[list[int], list[int], list[bytes], list[bytes]]",
            (seqs, numbers, events, decisions),
        )
        return Stored(
            row=_row(tuple(row)),
            snapshot=cast("bytes", snapshot),
            since=tuple(_record(one) for one in zip(*columns, strict=True)),
            number=cast("int", number),
        )

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one, in order."""
        return tuple(self._from(run, seq + 1))

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        found = self._one(self._sql.find, key) if key else None
        return None if found is None else RunId(str(found[0]))

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on the caller's fact of that number."""
        found = self._one(self._sql.numbered, run, number)
        return None if found is None else cast("bytes", found[1])

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return the caller's fact of that number, and the guard's before their next one."""
        found = self._one(self._sql.numbered, run, number)
        return () if found is None else until_next(self._from(run, cast("int", found[0])))

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run, a part at a time."""
        return self._from(run, 1)

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run."""
        values: dict[str, object] = {"run": run, "name": name, "data": data}
        if was is not None:
            fits = [hashlib.sha256(one).digest() for one in (was, data)]
            # Nothing that is there is as good as empty bytes that are.
            values |= {"begins": not (was and data), "fits": fits}

        def write(db: Connection) -> None:
            query = self._sql.keep if was is None else self._sql.keep_if
            if db.execute(query, values).rowcount != 1:
                if was is None:
                    raise ConflictError(f"there is no run {run}")
                raise changed_meanwhile(run, name)

        self._db.do(write)

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run."""
        found = self._one(self._sql.kept, run, name)
        return b"" if found is None else cast("bytes", found[0])

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs, those changed last first."""
        wanted = [False, True] if ended is None else [ended]
        return [_row(one) for one in self._all(self._sql.rows, wanted, limit)]

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete runs that ended, or were touched last, before a time."""
        gone = 0
        for ended, before in ((True, ended_before), (False, open_before)):
            while part := self._db.do(
                lambda db, values=(ended, before, _PART): (
                    db.execute(self._sql.expire, values).rowcount
                )
            ):
                gone += part
        return gone

    def ping(self) -> None:
        """Raise `StoreError` if PostgreSQL could not be written now."""
        self._db.do(lambda db: db.execute(self._sql.ping))

    def close(self) -> None:
        """Close every connection."""
        self._db.close()

    def _holder(self, db: Connection, row: RunRow) -> str:
        known = db.execute(self._sql.known, (row.run,)).fetchone()
        held = None if known else db.execute(self._sql.find, (row.key,)).fetchone()
        return str(held[0]) if held else ""

    def _wrote(self, db: Connection, run: RunId, seq: int, token: uuid.UUID) -> bool:
        """Tell whether a record is ours: it was written, and the answer was lost."""
        return db.execute(self._sql.wrote, (run, seq, token)).fetchone() is not None

    def _from(self, run: RunId, seq: int) -> Iterator[Record]:
        while True:
            part = [_record(one) for one in self._all(self._sql.records, run, seq, _PART)]
            yield from part
            if len(part) < _PART:
                return
            seq = part[-1].seq + 1

    def _one(self, query: bytes, *values: object) -> _Values | None:
        return self._db.do(lambda db: db.execute(query, values, binary=True).fetchone())

    def _all(self, query: bytes, *values: object) -> list[_Values]:
        found: list[_Values] = []
        found += self._db.do(lambda db: db.execute(query, values, binary=True).fetchall())
        return found


class _Statements:
    """What is sent, with the schema put in."""

    def __init__(self, schema: str) -> None:
        def statement(query: sql.SQL) -> bytes:
            return query.format(s=sql.Identifier(schema), row=sql.SQL(_ROW)).as_bytes(None)

        self.create = statement(_CREATE)
        self.append = statement(_APPEND)
        self.wrote = statement(
            sql.SQL("SELECT 1 FROM {s}.records WHERE run = %s AND seq = %s AND token = %s")
        )
        self.known = statement(sql.SQL("SELECT 1 FROM {s}.runs WHERE run = %s"))
        self.snapshot = statement(_SNAPSHOT)
        self.load = statement(_LOAD)
        self.records = statement(
            sql.SQL(
                "SELECT seq, number, event, decision FROM {s}.records "
                "WHERE run = %s AND seq >= %s ORDER BY seq LIMIT %s"
            )
        )
        self.find = statement(
            sql.SQL("SELECT run FROM {s}.runs WHERE key = %s AND key <> '' AND NOT ended")
        )
        self.numbered = statement(
            sql.SQL(
                "SELECT seq, decision FROM {s}.records "
                "WHERE run = %s AND number = %s AND number > 0"
            )
        )
        self.keep = statement(_KEEP)
        self.keep_if = statement(_KEEP_IF)
        self.kept = statement(sql.SQL("SELECT data FROM {s}.kept WHERE run = %s AND name = %s"))
        self.rows = statement(
            sql.SQL(
                "SELECT {row} FROM {s}.runs WHERE ended = ANY(%s) ORDER BY changed DESC LIMIT %s"
            )
        )
        self.expire = statement(_EXPIRE)
        self.ping = statement(sql.SQL("UPDATE {s}.store SET pinged = now()"))


_CREATE: Final = sql.SQL("""
WITH begun AS (
    INSERT INTO {s}.runs (run, key, policy, created, changed, seq, number, ended)
    VALUES (%(run)s, %(key)s, %(policy)s, %(created)s, %(changed)s, %(seq)s, %(number)s, %(ended)s)
    RETURNING run
)
INSERT INTO {s}.records (run, seq, number, event, decision, token)
SELECT run, %(seq)s, %(number)s, %(event)s, %(decision)s, %(token)s FROM begun
""")
_APPEND: Final = sql.SQL("""
WITH moved AS (
    UPDATE {s}.runs SET seq = %(seq)s, changed = %(changed)s, ended = ended OR %(ended)s,
        number = greatest(number, %(number)s)
    WHERE run = %(run)s AND seq = %(last)s RETURNING run
)
INSERT INTO {s}.records (run, seq, number, event, decision, token)
SELECT run, %(seq)s, %(number)s, %(event)s, %(decision)s, %(token)s FROM moved
""")
_SNAPSHOT: Final = sql.SQL("""
UPDATE {s}.runs SET snapshot = %(data)s, upto = %(upto)s
WHERE run = %(run)s AND upto < %(upto)s AND seq >= %(upto)s
""")
_LOAD: Final = sql.SQL("""
SELECT {row}, snapshot, number, r.seqs, r.numbers, r.events, r.decisions
FROM {s}.runs AS runs, LATERAL (
    SELECT
        coalesce(array_agg(records.seq ORDER BY records.seq), '{{}}') AS seqs,
        coalesce(array_agg(records.number ORDER BY records.seq), '{{}}') AS numbers,
        coalesce(array_agg(event ORDER BY records.seq), '{{}}') AS events,
        coalesce(array_agg(decision ORDER BY records.seq), '{{}}') AS decisions
    FROM {s}.records AS records
    WHERE records.run = runs.run AND records.seq > runs.upto
) AS r
WHERE run = %s
""")
_KEEP: Final = sql.SQL("""
INSERT INTO {s}.kept (run, name, data)
SELECT run, %(name)s, %(data)s FROM {s}.runs WHERE run = %(run)s
ON CONFLICT (run, name) DO UPDATE SET data = excluded.data
""")
_KEEP_IF: Final = sql.SQL("""
INSERT INTO {s}.kept AS kept (run, name, data)
SELECT run, %(name)s, %(data)s FROM {s}.runs WHERE run = %(run)s AND (
    %(begins)s OR EXISTS (SELECT 1 FROM {s}.kept WHERE run = %(run)s AND name = %(name)s)
)
ON CONFLICT (run, name) DO UPDATE SET data = excluded.data
WHERE sha256(kept.data) = ANY(%(fits)s::bytea[])
""")
_EXPIRE: Final = sql.SQL("""
DELETE FROM {s}.runs WHERE run IN (
    SELECT run FROM {s}.runs WHERE ended = %s AND changed < %s
    ORDER BY changed LIMIT %s FOR UPDATE SKIP LOCKED
)
""")


def _values(record: Record, token: uuid.UUID) -> dict[str, object]:
    return {
        "seq": record.seq,
        "number": record.number,
        "event": record.event,
        "decision": record.decision,
        "token": token,
    }


def _record(values: Sequence[object]) -> Record:
    seq, number, event, decision = cast("tuple[int, int, bytes, bytes]", values)
    return Record(seq=seq, number=number, event=event, decision=decision)


def _row(values: _Values) -> RunRow:
    run, key, policy, created, changed, seq, ended = cast(
        "tuple[str, str, str, datetime, datetime, int, bool]", values
    )
    return RunRow(
        run=RunId(run),
        key=key,
        policy=policy,
        created=created.astimezone(UTC),
        changed=changed.astimezone(UTC),
        seq=seq,
        ended=ended,
    )
