"""The trace file sink: every record of every run, one JSON line each, safe against a crash.

A record is one write to an append-only descriptor, so a killed process leaves at most half a line,
at the end. `guardrails.core.trace` reads such a file; this hook also leaves it so after the next
run: half a line is moved aside, never buried in the middle and never thrown away.
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import msgspec

from guardrails.core.evidence import GateProgress
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.trace import TraceHeader, encode_line
from guardrails.telemetry.appendfile import AppendedFile


class _Sink(Protocol):
    def write_line(self, line: bytes, /) -> None: ...

    def close(self) -> None: ...


class TraceFileHook:
    """Writes runs to a trace file. Any number of runs, threads and processes may share one file."""

    name = "jsonl"

    def __init__(self, target: Path | str | BinaryIO, *, written_by: str = "") -> None:
        """Open the file for appending, or take an open binary file.

        Args:
            target: A path, made if it does not exist and readable by its owner alone, because
                traces hold what tools returned; or a binary file, which stays the caller's.
            written_by: Who writes, for the header: program and version.

        Raises:
            UsageError: The path cannot be opened for writing, or holds something else than a trace.
        """
        is_path = isinstance(target, (str, Path))
        self._sink: _Sink = AppendedFile(Path(target)) if is_path else _Stream(target)
        self._written_by = written_by
        self._lock = threading.Lock()
        self._begun: set[RunId] = set()

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Append one record, and before a run's first one its header.

        Raises:
            OSError: The record could not be written whole; nothing of it is left in the file.
            ValueError: The hook is closed.
        """
        line = encode_line(_with_run(run, record))
        with self._lock:
            if run not in self._begun:
                line = encode_line(TraceHeader(run=run, written_by=self._written_by)) + line
            self._sink.write_line(line)
            if isinstance(record, RunEnded):
                self._begun.discard(run)  # the last record: a long-lived hook must not remember all
            else:
                self._begun.add(run)

    def close(self) -> None:
        """Close the file, if this hook opened it. Closing twice does nothing."""
        with self._lock:
            self._sink.close()

    def __enter__(self) -> Self:
        """Return the hook itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def _with_run(run: RunId, record: Record) -> Record:
    """Name the run in a progress record that a gate made without knowing it."""
    if isinstance(record, GateProgress) and not record.run:
        return msgspec.structs.replace(record, run=run)
    return record


class _Stream:
    """A binary file that somebody else opened."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write_line(self, line: bytes, /) -> None:
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Leave it open: it is not ours."""
