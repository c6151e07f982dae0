"""A disk that is full: the store says no, loses nothing it acknowledged, and goes on with room.

On a small file system of its own, so root is needed here, or a user who may mount.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from e2e.sidecar.databases import DURABLE, PASSWORD, PostgresServer, RedisServer
from guardrails.sidecar.stores.base import Record, RunStore, StoreError
from guardrails.sidecar.stores.opening import open_store
from tests.sidecar.store_conformance import RUN, record, row

MEGABYTES = 160
"""PostgreSQL's files, when there is nothing in them, and some of its log."""
BIG = 100_000
"""Bytes of an event that fills a disk soon."""
LEFT = 3_000_000
"""Bytes that are left on the disk."""

Server = RedisServer | PostgresServer


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Build nothing of Kubernetes: no cluster is needed here."""


@pytest.fixture
def disk() -> Iterator[Path]:
    """Mount a small disk."""
    folder = Path(tempfile.mkdtemp(prefix="guarded-agent-disk-"))
    options = f"size={MEGABYTES}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        folder.rmdir()
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@contextlib.contextmanager
def _running(kind: str, disk: Path) -> Generator[tuple[str, Server | None]]:
    """Run what a store needs; give its URL, and the server if there is one."""
    folder = disk / "data"
    folder.mkdir()
    if kind == "sqlite":
        yield f"sqlite:{folder}/runs.db", None
        return
    everysec = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    server: Server
    match kind:
        case "redis":
            server = RedisServer(folder, options=DURABLE)
        case "redis-everysec":
            server = RedisServer(folder, options=everysec)
        case _:
            server = PostgresServer(folder, options=("-c", "max_wal_size=32MB"))
    try:
        server.start()
        yield server.url, server
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["sqlite", "redis", "redis-everysec", "postgresql"])
def test_a_full_disk_loses_nothing_that_was_acknowledged(kind: str, disk: Path) -> None:
    """What was refused is not there; when there is room again, the next record follows."""
    with _running(kind, disk) as (url, server):
        with contextlib.closing(open_store(url)) as store:
            store.create(row(key="k"), record(1))
            filler = _fill(disk)
            acknowledged, said = _write_until_refused(store)
            assert "\n" not in said
            assert PASSWORD not in said
            filler.unlink()
            if server is not None and (kind == "postgresql" or not server.child.running):
                server.stop()  # one that could not write its log ends
                server.start()
        with contextlib.closing(open_store(url)) as store:
            records = list(store.records(RUN))
            # A server may have written the last one, and died before it said so.
            assert acknowledged <= len(records) <= acknowledged + 1
            assert records == [record(1), *(_big(seq) for seq in range(2, len(records) + 1))]
            found = store.load(RUN)
            assert found is not None
            assert (found.row.seq, found.number) == (len(records), len(records))
            store.append(RUN, _big(len(records) + 1), ended=True)
            assert store.find("k") is None


def _fill(disk: Path) -> Path:
    """Leave little room."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    filler.write_bytes(bytes(room.f_bavail * room.f_frsize - LEFT))
    return filler


def _big(seq: int) -> Record:
    return Record(seq=seq, number=seq, event=b"%d " % seq + _NOISE, decision=b"{}")


_NOISE = os.urandom(BIG)


def _write_until_refused(store: RunStore) -> tuple[int, str]:
    """Return the last record that was acknowledged, and why the next was not."""
    for seq in range(2, 2_000):
        try:
            store.append(RUN, _big(seq))
        except StoreError as error:
            return seq - 1, str(error)
    raise AssertionError("the disk was never full")
