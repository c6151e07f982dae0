"""A store in a file outlives what happens to processes and disks."""

import contextlib
import os
import resource
import sqlite3
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from guardrails.core.ids import RunId
from guardrails.sidecar.stores import sqlite
from guardrails.sidecar.stores.base import ConflictError, StoreError
from guardrails.sidecar.stores.sqlite import SCHEMA, SqliteRuns
from tests.sidecar.store_conformance import RUN, record, row
from tests.sidecar.store_writer import check_nothing_is_lost, killed_after

BIG = os.urandom(64 * 1024)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "runs.db"


def test_a_process_that_is_killed_loses_and_doubles_nothing(path: Path) -> None:
    """At one record after the other, each time in the same file, which goes on."""
    had = 0
    for lines in (1, 2, 3, 5, 8, 40):
        acknowledged = killed_after(f"sqlite:{path}", RUN, lines)
        assert acknowledged[0] == max(had, 1)
        store = SqliteRuns(path)
        had = check_nothing_is_lost(store, RUN, acknowledged)
        store.close()


@contextmanager
def _full(size: int) -> Generator[None]:
    """Let no file grow beyond a size, as a full disk would."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def _append(store: SqliteRuns, seqs: range) -> None:
    for seq in seqs:
        store.append(RUN, record(seq, number=seq))


def _ping(store: SqliteRuns, *, times: int) -> None:
    for _ in range(times):
        store.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="limits differ elsewhere")
def test_a_full_disk_refuses_and_a_freed_one_goes_on(path: Path) -> None:
    """Nothing is half written, what was there is read, and the next record follows."""
    store = SqliteRuns(path)
    store.create(row(key="k"), record(1))
    size = path.with_name("runs.db-wal").stat().st_size + len(BIG) // 2
    with _full(size):
        with pytest.raises(StoreError, match="nothing was written"):
            store.keep(RUN, "conversation", BIG)
        with pytest.raises(StoreError, match="nothing was written"):
            _append(store, range(2, 1_000))
        with pytest.raises(StoreError):  # a page or two may fit still
            _ping(store, times=100)
        written = list(store.records(RUN))
        assert written == [record(1), *(record(n, number=n) for n in range(2, len(written) + 1))]
        found = store.load(RUN)
        assert found is not None
        assert found.row.seq == found.number == len(written)
    store.ping()
    following = len(written) + 1
    store.append(RUN, record(following, number=following))
    store.keep(RUN, "conversation", BIG)
    store.close()
    again = SqliteRuns(path)
    assert len(list(again.records(RUN))) == following
    assert again.kept(RUN, "conversation") == BIG
    again.close()


def test_a_file_that_is_no_store_is_not_touched(path: Path) -> None:
    """It may be something that somebody needs."""
    path.write_bytes(BIG)
    with pytest.raises(StoreError, match="no store, or it is damaged: move it away"):
        SqliteRuns(path)
    assert path.read_bytes() == BIG


def test_a_damaged_file_says_so(path: Path) -> None:
    """A part of its middle is overwritten; the error comes when it is read."""
    store = SqliteRuns(path)
    store.create(row(), record(1))
    _append(store, range(2, 300))
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StoreError, match="damaged: move it away"):
        SqliteRuns(path).load(RUN)


def test_a_store_of_a_newer_version_is_not_opened(path: Path) -> None:
    """Its tables may mean something else."""
    SqliteRuns(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    with pytest.raises(StoreError, match=f"schema {SCHEMA + 1}.* update"):
        SqliteRuns(path)


def test_a_folder_that_is_not_there_is_said_to_be_missing(path: Path) -> None:
    """With what has to be so."""
    with pytest.raises(StoreError, match="the folder must be there"):
        SqliteRuns(path / "runs.db")


def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    """Replicas on one machine start together."""
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(lambda _: SqliteRuns(path), range(16)))
    stores[0].create(row(), record(1))
    assert all(list(store.records(RUN)) == [record(1)] for store in stores)
    for store in stores:
        store.close()


def test_writes_that_share_a_transaction_fail_alone(path: Path) -> None:
    """Of many that wait, those that conflict are told; all others are written, in every run."""
    store = SqliteRuns(path)
    for each in range(4):
        store.create(row(RunId(f"r-{each}")), record(1))

    def write(at: int) -> int:
        won = 0
        for seq in range(2, 42):
            with contextlib.suppress(ConflictError):
                store.append(RunId(f"r-{at % 4}"), record(seq, number=seq))
                won += 1
        return won

    with ThreadPoolExecutor(8) as threads:
        won = sum(threads.map(write, range(8)))
    seqs = [[one.seq for one in store.records(RunId(f"r-{each}"))] for each in range(4)]
    assert seqs == [list(range(1, len(part) + 1)) for part in seqs]
    assert won == sum(len(part) - 1 for part in seqs)
    store.close()


def test_another_process_that_writes_for_too_long_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread that waited is told, and nothing of theirs is written."""
    monkeypatch.setattr(sqlite, "_WAIT_SECONDS", 0.1)
    store = SqliteRuns(path)
    store.create(row(), record(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def write(at: int) -> str:
        with pytest.raises(StoreError) as caught:
            store.keep(RUN, str(at), b"x")
        return str(caught.value)

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(write, range(8)))
    other.execute("ROLLBACK")
    other.close()
    assert all("other processes write to it" in one for one in said)
    assert {store.kept(RUN, str(at)) for at in range(8)} == {b""}
    store.keep(RUN, "0", b"x")
    store.close()


def test_a_store_that_was_closed_says_so(path: Path) -> None:
    """Also to threads that had a connection."""
    store = SqliteRuns(path)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.ping()
