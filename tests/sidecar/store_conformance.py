"""What every store does, as tests that are held against each of them.

A subclass in a test file is collected; it, or its module, has a fixture `store`: an empty one.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import ConflictError, Record, RunRow, RunStore

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
RUN = RunId("r-1")


def row(run: RunId = RUN, *, key: str = "") -> RunRow:
    """Describe a run that begins."""
    return RunRow(run=run, key=key, policy="{}", created=NOW, changed=NOW, seq=1)


def record(seq: int, *, number: int = 0) -> Record:
    """Write a record."""
    return Record(seq=seq, event=b'{"seq":%d}' % seq, decision=b'{"of":%d}' % seq, number=number)


class StoreConformance:
    """Of an empty `store`."""

    def test_records_come_back_in_their_order(self, store: RunStore) -> None:
        """Each as it was written, with the decision under the caller's number."""
        store.create(row(), record(1))
        store.append(RUN, record(2, number=1))
        store.append(RUN, record(3, number=2))
        assert list(store.records(RUN)) == [record(1), record(2, number=1), record(3, number=2)]
        assert store.since(RUN, 2) == (record(3, number=2),)
        assert store.decision(RUN, 1) == b'{"of":2}'
        assert store.decision(RUN, 3) is None
        assert store.decision(RUN, 0) is None

    @pytest.mark.parametrize("size", [0, 1, 1_023, 1_024, 300_000])
    @pytest.mark.parametrize("letter", [b"x", b"{", "é\0".encode()], ids=["x", "brace", "é"])
    def test_bytes_come_back_as_they_were(self, store: RunStore, size: int, letter: bytes) -> None:
        """Of any length and beginning: what a store does with long ones is its own affair."""
        long = Record(seq=2, event=b'{"t":"%s"}' % (b"ab" * size), decision=b"{}", number=1)
        store.create(row(), record(1))
        store.append(RUN, long)
        assert store.since(RUN, 1) == (long,)
        assert store.after(RUN, 1) == (long,)
        store.snapshot(RUN, seq=1, data=letter * size)
        stored = store.load(RUN)
        assert stored is not None
        assert stored.snapshot == letter * size
        assert stored.since == (long,)

    @pytest.mark.parametrize("seq", [1, 3])
    def test_a_record_that_does_not_follow_is_refused(self, store: RunStore, seq: int) -> None:
        """One that is there, and one behind a gap; nothing is written."""
        store.create(row(), record(1))
        with pytest.raises(ConflictError):
            store.append(RUN, record(seq))
        assert list(store.records(RUN)) == [record(1)]

    def test_a_run_that_is_not_there_takes_no_record(self, store: RunStore) -> None:
        """It may have been deleted while somebody worked on it."""
        with pytest.raises(ConflictError):
            store.append(RUN, record(1))
        assert store.load(RUN) is None
        assert store.since(RUN, 0) == ()

    def test_a_run_begins_once(self, store: RunStore) -> None:
        """The first one stays as it is."""
        store.create(row(), record(1, number=7))
        with pytest.raises(ConflictError, match="there is a run r-1 already"):
            store.create(row(), record(1))
        assert list(store.records(RUN)) == [record(1, number=7)]

    def test_one_of_many_that_write_the_same_record_succeeds(self, store: RunStore) -> None:
        """Threads, as many replicas would."""
        store.create(row(), record(1))

        def write(number: int) -> bool:
            try:
                store.append(RUN, record(2, number=number))
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            written = list(threads.map(write, range(1, 17)))
        assert written.count(True) == 1
        assert [one.number for one in store.records(RUN)] == [0, written.index(True) + 1]

    def test_a_key_finds_the_run_that_is_open_under_it(self, store: RunStore) -> None:
        """One at a time; when it has ended, the key is free."""
        store.create(row(key="thread-1"), record(1))
        assert store.find("thread-1") == RUN
        with pytest.raises(ConflictError, match="run r-1 is open under key 'thread-1'"):
            store.create(row(RunId("r-2"), key="thread-1"), record(1))
        assert store.load(RunId("r-2")) is None
        store.append(RUN, record(2), ended=True)
        assert store.find("thread-1") is None
        store.create(row(RunId("r-2"), key="thread-1"), record(1))
        assert store.find("thread-1") == RunId("r-2")

    def test_what_comes_after_a_snapshot_is_read_with_it(self, store: RunStore) -> None:
        """An older snapshot replaces none, and one of the future is none."""
        store.create(row(), record(1))
        store.append(RUN, record(2))
        store.snapshot(RUN, seq=2, data=b"two")
        store.append(RUN, record(3))
        store.snapshot(RUN, seq=1, data=b"one")
        store.snapshot(RUN, seq=9, data=b"nine")
        found = store.load(RUN)
        assert found is not None
        assert (found.snapshot, found.since, found.row.seq) == (b"two", (record(3),), 3)

    def test_runs_are_deleted_when_their_time_is_over(self, store: RunStore) -> None:
        """Those that ended sooner than those that are open; their keys are free then."""
        store.create(row(key="a"), record(1))
        store.create(row(RunId("r-2"), key="b"), record(1))
        store.append(RUN, record(2), ended=True)
        later = datetime.now(UTC) + timedelta(days=1)
        assert store.expire(ended_before=later, open_before=NOW) == 1
        assert store.load(RUN) is None
        assert list(store.records(RUN)) == []
        assert [one.run for one in store.rows()] == ["r-2"]
        assert store.expire(ended_before=later, open_before=later) == 1
        assert store.find("b") is None

    def test_rows_tell_open_runs_from_ended_ones(self, store: RunStore) -> None:
        """Those changed last come first, and no more than were asked for."""
        for name in ("r-1", "r-2", "r-3"):
            store.create(row(RunId(name)), record(1))
        store.append(RunId("r-2"), record(2), ended=True)
        assert [one.run for one in store.rows(ended=True)] == ["r-2"]
        assert {one.run for one in store.rows(ended=False)} == {"r-1", "r-3"}
        assert [one.run for one in store.rows(limit=1)] == ["r-2"]
        store.ping()

    def test_a_number_is_used_once(self, store: RunStore) -> None:
        """Also where the record would follow; nothing is written."""
        store.create(row(), record(1))
        store.append(RUN, record(2, number=1))
        with pytest.raises(ConflictError):
            store.append(RUN, record(3, number=1))
        assert list(store.records(RUN)) == [record(1), record(2, number=1)]
        store.append(RUN, record(3, number=2))

    def test_a_run_knows_the_last_number_of_its_caller(self, store: RunStore) -> None:
        """Also where the guard wrote last, and where a snapshot hides the record."""
        store.create(row(), record(1))
        found = store.load(RUN)
        assert found is not None
        assert found.number == 0
        store.append(RUN, record(2, number=1))
        store.append(RUN, record(3, number=2))
        store.append(RUN, record(4))
        store.snapshot(RUN, seq=4, data=b"four")
        found = store.load(RUN)
        assert found is not None
        assert (found.number, found.since) == (2, ())

    def test_what_the_guard_added_to_a_fact_comes_back_with_it(self, store: RunStore) -> None:
        """Up to before the caller's next one, however much it is; without a fact, nothing."""
        store.create(row(), record(1))
        store.append(RUN, record(2, number=1))
        for seq in range(3, 303):
            store.append(RUN, record(seq))
        store.append(RUN, record(303, number=2))
        assert store.after(RUN, 1) == (record(2, number=1), *(record(n) for n in range(3, 303)))
        assert store.after(RUN, 2) == (record(303, number=2),)
        assert store.after(RUN, 3) == ()
        assert store.after(RUN, 0) == ()
        assert store.after(RunId("r-2"), 1) == ()

    def test_bytes_are_replaced_only_as_they_were_read(self, store: RunStore) -> None:
        """Of two that read the same, the second one is told; who writes again, is not."""
        store.create(row(), record(1))
        with pytest.raises(ConflictError):
            store.keep(RUN, "conversation", b"two", was=b"one")
        assert store.kept(RUN, "conversation") == b""
        store.keep(RUN, "conversation", b"", was=b"one")  # it is so already
        store.keep(RUN, "conversation", b"one", was=b"")
        store.keep(RUN, "conversation", b"one", was=b"")  # the answer of the first was lost
        with pytest.raises(ConflictError):
            store.keep(RUN, "conversation", b"other", was=b"")
        store.keep(RUN, "conversation", b"two", was=b"one")
        with pytest.raises(ConflictError):
            store.keep(RUN, "conversation", b"other", was=b"one")
        assert store.kept(RUN, "conversation") == b"two"
        with pytest.raises(ConflictError):
            store.keep(RunId("r-2"), "conversation", b"lost", was=b"")

    def test_of_many_that_replace_the_same_bytes_one_does(self, store: RunStore) -> None:
        """Whether they were the first, or replace what is there."""
        store.create(row(), record(1))
        was = b""
        for at in range(4):
            names = [f"{at}-{one}".encode() for one in range(6)]

            def attempt(data: bytes, was: bytes = was) -> bool:
                try:
                    store.keep(RUN, "conversation", data, was=was)
                except ConflictError:
                    return False
                return True

            with ThreadPoolExecutor(6) as pool:
                done = list(pool.map(attempt, names))
            assert done.count(True) == 1
            was = names[done.index(True)]
            assert store.kept(RUN, "conversation") == was

    def test_bytes_are_kept_beside_a_run_and_go_with_it(self, store: RunStore) -> None:
        """By name, replaced when they are kept again; a run that is not there keeps nothing."""
        store.create(row(), record(1))
        assert store.kept(RUN, "conversation") == b""
        store.keep(RUN, "conversation", b"one")
        store.keep(RUN, "conversation", bytes(range(256)))
        store.keep(RUN, "other", b"")
        assert store.kept(RUN, "conversation") == bytes(range(256))
        assert store.kept(RUN, "other") == b""
        with pytest.raises(ConflictError):
            store.keep(RunId("r-2"), "conversation", b"lost")
        later = datetime.now(UTC) + timedelta(days=1)
        store.expire(ended_before=later, open_before=later)
        assert store.kept(RUN, "conversation") == b""
        store.create(row(), record(1))
        assert store.kept(RUN, "conversation") == b""
