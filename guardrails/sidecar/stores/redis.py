"""Runs in Redis 6 or later, or Valkey: for several replicas that share a server they have already.

All keys carry one hash tag, so that in a cluster they live on one node and a script can write a run
and its indexes at once. How much is lost when the server dies is up to its `appendfsync`; see
docs/reference/stores.md.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from guardrails.core.ids import RunId
from guardrails.sidecar.stores import redis_scripts as scripts
from guardrails.sidecar.stores.base import (
    ConflictError,
    Record,
    RunRow,
    Stored,
    StoreError,
    taken,
    until_next,
)
from guardrails.sidecar.stores.redis_client import RedisClient, Reply
from guardrails.sidecar.stores.urls import StoreUrlError, parse_store_url

PREFIX: Final = "guarded-agent"
SCHEMA: Final = 1
"""Version of the keys; kept beside them."""
_PART: Final = 256
"""Records or runs that are read at a time."""


class RedisRuns:
    """A `RunStore` in Redis or Valkey.

    Args:
        url: `redis://[user:password@]host[:port][/database][?prefix=…]`; `rediss://` for TLS.

    Raises:
        StoreError: It cannot be reached, would lose runs by design, or holds those of a newer
            version.
        UsageError: The client is not installed, or the URL cannot be used.
    """

    name = "redis"

    def __init__(self, url: str) -> None:
        address = parse_store_url(url)
        prefix = address.options.get("prefix", PREFIX)
        if not prefix or set(prefix) & set("{}"):
            raise StoreUrlError(f"{address.shown}: prefix is a name without braces")
        self._where = address.shown
        self._keys = _Keys(prefix)
        self._client = RedisClient(address)
        try:
            self._check_server()
            self._check_schema()
        except BaseException:
            self._client.close()
            raise

    def create(self, row: RunRow, first: Record) -> None:
        """Begin a run with its first record."""
        said = self._client.run(
            scripts.CREATE,
            self._keys.of_writes(row.run),
            row.run,
            row.key,
            row.policy,
            repr(row.created.timestamp()),
            repr(row.changed.timestamp()),
            int(row.ended),
            first.seq,
            first.number,
            first.event,
            first.decision,
            uuid.uuid4().bytes,
        )
        if said != scripts.WRITTEN:
            (holder,) = cast("list[bytes]", said)
            raise taken(row, holder=holder.decode())

    def append(self, run: RunId, record: Record, *, ended: bool = False) -> None:
        """Write one record behind the last one."""
        self._write(
            scripts.APPEND,
            self._keys.of_writes(run),
            run,
            record.seq,
            record.number,
            record.event,
            record.decision,
            int(ended),
            repr(datetime.now(UTC).timestamp()),
            uuid.uuid4().bytes,
            failed=f"record {record.seq} of run {run} does not follow",
        )

    def snapshot(self, run: RunId, *, seq: int, data: bytes) -> None:
        """Keep a session up to a record."""
        self._write(scripts.SNAPSHOT, [self._keys.row(run)], seq, data, failed="no snapshot")

    def load(self, run: RunId) -> Stored | None:
        """Return a run; None if there is none."""
        found = self._client.run(scripts.LOAD, [self._keys.row(run), self._keys.records(run)])
        if found is None:
            return None
        row, since = cast("tuple[list[bytes], list[Reply]]", found)
        *fields, snapshot, number, _ = row
        return Stored(
            row=_row(fields),
            snapshot=snapshot,
            since=tuple(_record(entry) for entry in since),
            number=int(number),
        )

    def since(self, run: RunId, seq: int) -> Sequence[Record]:
        """Return the records after one, in order."""
        return tuple(self._from(run, seq + 1))

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        found = self._client.command("HGET", self._keys.open_keys, key) if key else None
        return RunId(found.decode()) if isinstance(found, bytes) else None

    def decision(self, run: RunId, number: int) -> bytes | None:
        """Return what was decided on the caller's fact of that number."""
        found = self._numbered(run, number)
        return None if found is None else found.decision

    def after(self, run: RunId, number: int) -> Sequence[Record]:
        """Return the caller's fact of that number, and the guard's before their next one."""
        found = self._numbered(run, number)
        return () if found is None else until_next(self._from(run, found.seq))

    def records(self, run: RunId) -> Iterator[Record]:
        """Yield all records of a run, a part at a time."""
        return self._from(run, 1)

    def keep(self, run: RunId, name: str, data: bytes, *, was: bytes | None = None) -> None:
        """Keep bytes beside a run."""
        keys = [self._keys.row(run), self._keys.kept(run)]
        known = "" if was is None else scripts.digest(was)
        self._write(scripts.KEEP, keys, name, data, known, failed=f"run {run} keeps nothing")

    def kept(self, run: RunId, name: str) -> bytes:
        """Return what is kept beside a run."""
        found = self._client.command("HGET", self._keys.kept(run), name)
        return found if isinstance(found, bytes) else b""

    def rows(self, *, ended: bool | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Return runs, those changed last first."""
        sets = {None: (False, True), True: (True,), False: (False,)}[ended]
        found: list[RunRow] = []
        for one in sets:
            runs = self._client.command("ZREVRANGE", self._keys.runs(ended=one), 0, limit - 1)
            names = [self._keys.row(RunId(run.decode())) for run in cast("list[bytes]", runs)]
            for at in range(0, len(names), _PART):
                rows = self._client.run(scripts.ROWS, names[at : at + _PART])
                found += [_row(row) for row in cast("list[list[bytes]]", rows) if row[0]]
        return sorted(found, key=lambda row: row.changed, reverse=True)[:limit]

    def expire(self, *, ended_before: datetime, open_before: datetime) -> int:
        """Delete runs that ended, or were touched last, before a time."""
        gone = 0
        for ended, before in ((True, ended_before), (False, open_before)):
            gone += sum(self._deleted(ended=ended, before=before))
        return gone

    def ping(self) -> None:
        """Raise `StoreError` if Redis could not be written now."""
        self._client.command("SET", self._keys.pinged, repr(time.time()))

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _write(
        self,
        script: scripts.Script,
        keys: Sequence[str],
        *arguments: str | bytes | float,
        failed: str,
    ) -> None:
        said = self._client.run(script, keys, *arguments)
        if said != scripts.WRITTEN:
            why = said.decode() if isinstance(said, bytes) else str(said)
            raise ConflictError(f"{failed}: {why}")

    def _numbered(self, run: RunId, number: int) -> Record | None:
        if number < 1:
            return None
        keys = [self._keys.numbers(run), self._keys.records(run)]
        found = self._client.run(scripts.DECISION, keys, number)
        return None if found is None else _record(found)

    def _from(self, run: RunId, seq: int) -> Iterator[Record]:
        while True:
            found = self._client.run(scripts.RECORDS, [self._keys.records(run)], seq, _PART)
            part = [_record(entry) for entry in cast("list[Reply]", found)]
            yield from part
            if len(part) < _PART:
                return
            seq = part[-1].seq + 1

    def _deleted(self, *, ended: bool, before: datetime) -> Iterator[int]:
        """Delete part by part, and yield how many runs each held; what is touched meanwhile stays.

        Raises:
            StoreError: Redis cannot be reached or refuses.
        """
        time_before = repr(before.timestamp())
        while True:
            found = self._client.command(
                "ZRANGEBYSCORE",
                self._keys.runs(ended=ended),
                "-inf",
                f"({time_before}",
                "LIMIT",
                0,
                _PART,
            )
            runs = [RunId(run.decode()) for run in cast("list[bytes]", found)]
            for run in runs:
                keys = self._keys.of_deletes(run)
                done = self._client.run(scripts.DELETE, keys, run, int(ended), time_before)
                yield cast("int", done)
            if len(runs) < _PART:
                return

    def _check_server(self) -> None:
        """Refuse a server that cannot be written, or deletes keys when it is full.

        Raises:
            StoreError: It is one of these.
        """
        found = self._client.info(self._keys.open_keys)
        if found.get("role") == "slave":
            raise StoreError(
                f"{self._where} is a replica, which cannot be written: name the primary"
            )
        policy = found.get("maxmemory_policy", "")
        if policy.startswith("allkeys"):
            raise StoreError(
                f"{self._where} deletes keys when it is full (maxmemory-policy {policy}), and runs "
                "with them: set maxmemory-policy noeviction"
            )

    def _check_schema(self) -> None:
        found = self._client.command("GET", self._keys.schema)
        if found is None:  # only then, so that a server that is full can be opened, and emptied
            self._client.command("SET", self._keys.schema, SCHEMA, "NX")
            found = self._client.command("GET", self._keys.schema)
        version = int(found) if isinstance(found, bytes) else SCHEMA
        if version > SCHEMA:
            raise StoreError(
                f"{self._where}: a store of schema {version}; this version knows {SCHEMA}: update"
            )


class _Keys:
    """The names of keys. One hash tag holds them together on one node of a cluster."""

    def __init__(self, prefix: str) -> None:
        self._base = f"{{{prefix}}}"
        self.open_keys = f"{self._base}:keys"
        self.pinged = f"{self._base}:pinged"
        self.schema = f"{self._base}:schema"

    def runs(self, *, ended: bool) -> str:
        """Runs by the time of their last change."""
        return f"{self._base}:{'ended' if ended else 'open'}"

    def row(self, run: RunId) -> str:
        return f"{self._base}:run:{run}"

    def records(self, run: RunId) -> str:
        return f"{self._base}:records:{run}"

    def numbers(self, run: RunId) -> str:
        return f"{self._base}:numbers:{run}"

    def kept(self, run: RunId) -> str:
        return f"{self._base}:kept:{run}"

    def of_writes(self, run: RunId) -> list[str]:
        return [self.row(run), self.records(run), self.numbers(run), *self._indexes()]

    def of_deletes(self, run: RunId) -> list[str]:
        of_run = [self.row(run), self.records(run), self.numbers(run), self.kept(run)]
        return [*of_run, *self._indexes()]

    def _indexes(self) -> list[str]:
        return [self.open_keys, self.runs(ended=False), self.runs(ended=True)]


def _record(entry: Reply) -> Record:
    ident, fields = cast("tuple[bytes, list[bytes]]", entry)
    _, number, _, event, _, decision, *_ = fields
    return Record(
        seq=int(ident.partition(b"-")[0]), number=int(number), event=event, decision=decision
    )


def _row(values: Sequence[bytes]) -> RunRow:
    run, key, policy, created, changed, seq, ended = values
    return RunRow(
        run=RunId(run.decode()),
        key=key.decode(),
        policy=policy.decode(),
        created=_time(created),
        changed=_time(changed),
        seq=int(seq),
        ended=ended == b"1",
    )


def _time(value: bytes) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)
