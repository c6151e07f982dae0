import io
import itertools
import multiprocessing
import os
import stat
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core.evidence import GateProgress, GateVerdict
from guardrails.core.hooks import HookSet, Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome
from guardrails.core.trace import read_trace
from guardrails.errors import UsageError
from guardrails.telemetry.jsonl import TraceFileHook

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def progress(run: str, looks: int) -> GateProgress:
    return GateProgress(run=RunId(run), at=AT, verdict=GateVerdict.PENDING, looks=looks)


def write_run(path: Path, run: str, count: int) -> None:
    with TraceFileHook(path) as hook:
        for looks in range(count):
            hook.on_record(RunId(run), progress(run, looks))


def looks_of(records: Iterable[Record]) -> list[int]:
    return [r.looks for r in records if isinstance(r, GateProgress)]


def test_every_record_survives(tmp_path: Path, records: list[Record]) -> None:
    """A trace reads back as the records that were written, of every type."""
    path = tmp_path / "run.jsonl"
    with TraceFileHook(path, written_by="test") as hook:
        for record in records:
            hook.on_record(RunId("run-1"), record)
    (stored,) = read_trace(path)
    assert (stored.run, list(stored.records), stored.torn) == ("run-1", records, False)
    assert b'"written_by":"test"' in path.read_bytes().split(b"\n")[0]


def test_each_record_is_in_the_file_at_once(tmp_path: Path, records: list[Record]) -> None:
    """A killed run keeps everything up to its last record."""
    path = tmp_path / "run.jsonl"
    with TraceFileHook(path) as hook:
        for count, record in enumerate(records, start=1):
            hook.on_record(RunId("run-1"), record)
            assert len(read_trace(path)[0].records) == count


def test_a_trace_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Traces hold what tools returned, secrets included."""
    write_run(tmp_path / "run.jsonl", "a", 1)
    assert stat.S_IMODE((tmp_path / "run.jsonl").stat().st_mode) == 0o600


def test_progress_without_a_run_gets_one(tmp_path: Path) -> None:
    """A gate does not know for whom it works; the file must."""
    path = tmp_path / "run.jsonl"
    with TraceFileHook(path) as hook:
        hook.on_record(RunId("a"), progress("", 3))
    assert read_trace(path)[0].run == "a"


def test_several_runs_share_a_file(tmp_path: Path) -> None:
    """Runs that alternate in one file are told apart when it is read."""
    path = tmp_path / "runs.jsonl"
    with TraceFileHook(path) as hook:
        for looks in range(3):
            for run in ("a", "b"):
                hook.on_record(RunId(run), progress(run, looks))
    write_run(path, "c", 2)
    assert {s.run: looks_of(s.records) for s in read_trace(path)} == {
        "a": [0, 1, 2],
        "b": [0, 1, 2],
        "c": [0, 1],
    }


def test_a_long_lived_hook_forgets_ended_runs(tmp_path: Path) -> None:
    """A sidecar's hook writes millions of runs; what it remembers is only those under way."""
    with TraceFileHook(tmp_path / "runs.jsonl") as hook:
        for number in range(5):
            run = RunId(f"r{number}")
            hook.on_record(run, progress(run, 0))
            hook.on_record(run, RunEnded(run=run, at=AT, outcome=Outcome.ABORTED))
        assert not hook._begun


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Runs in parallel threads each keep their records whole and in order."""
    path = tmp_path / "runs.jsonl"
    names = [f"t{number}" for number in range(8)]
    with TraceFileHook(path) as hook:

        def write(run: str) -> None:
            for looks in range(50):
                hook.on_record(RunId(run), progress(run, looks))

        threads = [threading.Thread(target=write, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stored = {s.run: looks_of(s.records) for s in read_trace(path)}
    assert stored == {name: list(range(50)) for name in names}


def test_processes_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Two programs may append to the same file at the same time."""
    path = tmp_path / "runs.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=write_run, args=(path, name, 100)) for name in ("one", "other")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    stored = {s.run: looks_of(s.records) for s in read_trace(path)}
    assert stored == {"one": list(range(100)), "other": list(range(100))}


def write_without_end(path: Path, told: Connection) -> None:
    hook = TraceFileHook(path)
    for looks in itertools.count():
        hook.on_record(RunId("killed"), progress("killed", looks))
        if looks == 50:
            told.send(looks)


def test_a_killed_process_leaves_every_record_that_it_had_written(tmp_path: Path) -> None:
    """SIGKILL gives no time to close anything; the next run appends to the same file."""
    path = tmp_path / "runs.jsonl"
    context = multiprocessing.get_context("spawn")
    listen, tell = context.Pipe(duplex=False)
    worker = context.Process(target=write_without_end, args=(path, tell))
    worker.start()
    try:
        assert listen.poll(60), "the writer never began"
        written = listen.recv()
    finally:
        worker.kill()
        worker.join()
    (stored,) = read_trace(path)
    looks = looks_of(stored.records)
    assert looks == list(range(len(looks)))
    assert len(looks) > written
    write_run(path, "next", 3)
    assert {s.run: s.torn for s in read_trace(path)} == {"killed": False, "next": False}


@settings(max_examples=60)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_file_cut_anywhere_can_be_appended_to(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Wherever a crash cut the file, the next run leaves it readable and nothing is lost."""
    path = tmp_path_factory.mktemp("cut") / "run.jsonl"
    write_run(path, "a", 4)
    before = path.read_bytes()[:cut]
    path.write_bytes(before)
    write_run(path, "b", 1)
    (last,) = [s for s in read_trace(path) if s.run == "b"]
    assert looks_of(last.records) == [0]
    torn = path.with_name("run.jsonl.torn")
    kept = torn.read_bytes().removesuffix(b"\n") if torn.exists() else b""
    whole = path.read_bytes()
    assert whole.startswith(before.removesuffix(kept))
    assert before.endswith(kept)


def test_a_whole_last_line_without_its_newline_stays(tmp_path: Path) -> None:
    """Only the newline was missing, so the record is kept where it is."""
    path = tmp_path / "run.jsonl"
    write_run(path, "a", 2)
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    write_run(path, "b", 1)
    assert {s.run: looks_of(s.records) for s in read_trace(path)} == {"a": [0, 1], "b": [0]}
    assert not path.with_name("run.jsonl.torn").exists()


def test_a_torn_line_longer_than_a_block_is_found(tmp_path: Path) -> None:
    """Half a tool result of 100 kB is moved aside like any other half line."""
    path = tmp_path / "run.jsonl"
    write_run(path, "a", 1)
    tail = b'{"type":"event","x":"' + b"y" * 200_000
    path.write_bytes(path.read_bytes() + tail)
    write_run(path, "b", 1)
    assert path.with_name("run.jsonl.torn").read_bytes() == tail + b"\n"
    assert [s.run for s in read_trace(path)] == ["a", "b"]


@pytest.mark.parametrize("content", [b"my notes", b'{"type":"event"}\n', b"\n"])
def test_another_file_is_not_written_to(tmp_path: Path, content: bytes) -> None:
    """`--trace notes.txt` must not end in harm to the notes."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"notes\.txt: this is no trace file"):
        TraceFileHook(path)
    assert path.read_bytes() == content


def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """Whoever starts a run hears of it before the run, with the reason."""
    with pytest.raises(UsageError, match="cannot write the trace: Is a directory"):
        TraceFileHook(tmp_path)
    with pytest.raises(UsageError, match="cannot write the trace: No such file or directory"):
        TraceFileHook(tmp_path / "none" / "run.jsonl")
    with pytest.raises(UsageError, match=r"cannot write the trace: .*embedded null"):
        TraceFileHook("a\0b")


def test_a_full_disk_leaves_a_readable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails half-way raises, is undone, and is counted by the hook set."""
    path = tmp_path / "run.jsonl"
    with TraceFileHook(path) as hook:
        hooks = HookSet([hook])
        hooks.emit(RunId("a"), progress("a", 0))
        write, calls = os.write, iter([1, 0])

        def fill(descriptor: int, data: bytes) -> int:
            if next(calls):
                return write(descriptor, data[:10])
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fill)
            hooks.emit(RunId("a"), progress("a", 1))
        hooks.emit(RunId("a"), progress("a", 2))
        assert hooks.failures == {"jsonl": 1}
    (stored,) = read_trace(path)
    assert looks_of(stored.records) == [0, 2]


def test_a_header_that_failed_is_written_again(tmp_path: Path) -> None:
    """A run whose first record was lost still gets its header."""
    path = tmp_path / "run.jsonl"
    hook = TraceFileHook(path)
    sink, hook._sink = hook._sink, TraceFileHook(tmp_path / "closed.jsonl")._sink
    hook._sink.close()
    with pytest.raises(ValueError, match="closed"):
        hook.on_record(RunId("a"), progress("a", 0))
    hook._sink = sink
    hook.on_record(RunId("a"), progress("a", 1))
    hook.close()
    hook.close()
    assert path.read_bytes().startswith(b'{"type":"trace"')


def test_an_open_file_stays_its_owners(records: list[Record]) -> None:
    """A binary file is flushed record by record and never closed."""
    file = io.BytesIO()
    with TraceFileHook(file) as hook:
        hook.on_record(RunId("run-1"), records[0])
    assert not file.closed
    assert file.getvalue().count(b"\n") == 2
