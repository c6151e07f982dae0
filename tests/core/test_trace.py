"""The trace file survives what happens to files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from guardrails.core.decisions import Decision
from guardrails.core.events import Event, ModelReplied, RunStarted
from guardrails.core.evidence import GateProgress, GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.hooks import RunEnded
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.core.mast import FailureMode
from guardrails.core.outcome import Outcome
from guardrails.core.trace import Line, TraceHeader, encode_line, read_trace
from guardrails.errors import TraceError

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = RunId("r1")
HEADER = TraceHeader(run=RUN)
RECORDS = (
    Event(run=RUN, seq=1, at=AT, fact=RunStarted(incident=Incident(task="t"), adapter="cli")),
    Decision(run=RUN, seq=1),
    Event(run=RUN, seq=2, at=AT, step=1, fact=ModelReplied(text="hello")),
    Finding(run=RUN, seq=2, mode=FailureMode.STEP_REPETITION, detector="StepRepetition"),
    Decision(run=RUN, seq=2),
    GateProgress(run=RUN, at=AT, verdict=GateVerdict.PENDING, waiting_for=("a rollout",)),
    RunEnded(run=RUN, at=AT, outcome=Outcome.RESOLVED),
)


def write(path: Path, *lines: Line, tail: bytes = b"") -> Path:
    path.write_bytes(b"".join(map(encode_line, lines)) + tail)
    return path


def test_every_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """Each kind of record survives the way through the file."""
    (stored,) = read_trace(write(tmp_path / "t.jsonl", HEADER, *RECORDS))
    assert stored.records == RECORDS
    assert [e.seq for e in stored.events] == [1, 2]
    assert stored.ended is not None
    assert stored.ended.outcome is Outcome.RESOLVED
    assert not stored.torn


def test_a_torn_last_line_is_dropped_and_reported(tmp_path: Path) -> None:
    """A process killed in the middle of a write loses that record only."""
    path = write(tmp_path / "t.jsonl", HEADER, *RECORDS[:3], tail=b'{"type":"event","ru')
    (stored,) = read_trace(path)
    assert stored.records == RECORDS[:3]
    assert stored.torn
    assert stored.ended is None


def test_a_broken_line_names_file_and_line(tmp_path: Path) -> None:
    """Damage in the middle is an error that says where."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(encode_line(HEADER) + b"not json\n" + encode_line(RECORDS[0]))
    with pytest.raises(TraceError, match=r"t\.jsonl:2: not a trace record"):
        read_trace(path)


def test_a_newer_schema_says_so(tmp_path: Path) -> None:
    """A file of a later version asks for an update instead of guessing."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"type":"trace_v9","schema":9,"run":"r"}\n')
    with pytest.raises(TraceError, match="schema 9 is newer"):
        read_trace(path)


def test_a_missing_file_is_a_trace_error(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(TraceError, match=r"none\.jsonl: cannot read the trace"):
        read_trace(tmp_path / "none.jsonl")


def test_interleaved_runs_are_told_apart(tmp_path: Path) -> None:
    """Two runs may share a file; each gets its own records, in order."""
    other = RunId("r2")
    theirs = Event(run=other, seq=1, at=AT, fact=ModelReplied(text="x"))
    path = write(
        tmp_path / "t.jsonl", HEADER, RECORDS[0], TraceHeader(run=other), theirs, RECORDS[2]
    )
    first, second = read_trace(path)
    assert first.records == (RECORDS[0], RECORDS[2])
    assert second.records == (theirs,)


def test_a_last_line_that_only_lacks_its_newline_is_whole(tmp_path: Path) -> None:
    """A process killed between the last brace and the newline has lost nothing."""
    path = write(tmp_path / "t.jsonl", HEADER, *RECORDS[:2])
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    (stored,) = read_trace(path)
    assert stored.records == RECORDS[:2]
    assert not stored.torn


def test_bytes_that_are_no_text_are_a_broken_line(tmp_path: Path) -> None:
    """Damage of any kind names file and line."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(encode_line(HEADER) + b'{"type":"\xff"}\n')
    with pytest.raises(TraceError, match=r"t\.jsonl:2: not a trace record"):
        read_trace(path)
