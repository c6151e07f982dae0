"""The trace file: JSON lines, one record each, first line a header.

Written record by record and flushed, so a killed run keeps everything up to its last event.
A torn last line (the process died while writing) is dropped and reported, never an error.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.events import EVENT_SCHEMA, Event
from guardrails.core.evidence import GateProgress
from guardrails.core.findings import Finding
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.errors import TraceError


class TraceHeader(msgspec.Struct, frozen=True, kw_only=True, tag="trace"):
    """First line of a trace file."""

    schema: int = EVENT_SCHEMA
    run: RunId
    written_by: str = ""


class SchemaOnly(msgspec.Struct, frozen=True):
    """The part of a header that is readable whatever its version."""

    schema: int = 0


Line = TraceHeader | Event | Decision | Finding | GateProgress | RunEnded

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A trace file, read."""

    run: RunId
    records: tuple[Record, ...]
    torn: bool = False
    """True when the file ends in half a line."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The run's events, in order."""
        return tuple(r for r in self.records if isinstance(r, Event))

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions that the live run made."""
        return tuple(r for r in self.records if isinstance(r, Decision))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the live run."""
        return tuple(r for r in self.records if isinstance(r, Finding))

    @property
    def ended(self) -> RunEnded | None:
        """How the live run ended, or None when it was cut off."""
        return next((r for r in reversed(self.records) if isinstance(r, RunEnded)), None)


def encode_line(line: Line) -> bytes:
    """Encode one record as a JSON line, newline included."""
    return _encoder.encode(line) + b"\n"


def read_trace(path: Path) -> list[StoredRun]:
    """Read every run of a trace file, in the order in which they began.

    Raises:
        TraceError: The file cannot be opened, a line other than a torn last one does not parse,
            or a header is of a newer schema.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise TraceError(f"{path}: cannot read the trace: {error.strerror}") from error
    torn = lines[-1] != b""
    records = list(_decode(path, lines[:-1]))
    return _by_run(records, torn=torn)


def _decode(path: Path, lines: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _decoder.decode(line)
        except msgspec.DecodeError as error:
            raise TraceError(f"{path}:{number}: {_why(line, error)}") from error


def _why(line: bytes, error: msgspec.DecodeError) -> str:
    try:
        schema = msgspec.json.decode(line, type=SchemaOnly).schema
    except msgspec.DecodeError:
        schema = 0
    if schema > EVENT_SCHEMA:
        return f"trace schema {schema} is newer than {EVENT_SCHEMA}; update guarded-agent"
    return f"not a trace record: {error}"


def _by_run(lines: Iterable[Line], *, torn: bool) -> list[StoredRun]:
    runs: dict[RunId, list[Record]] = {}
    last: RunId | None = None
    for line in lines:
        match line:
            case TraceHeader():
                runs.setdefault(line.run, [])
                last = line.run
            case _:
                last = line.run
                runs.setdefault(last, []).append(line)
    return [
        StoredRun(run=run, records=tuple(records), torn=torn and run == last)
        for run, records in runs.items()
    ]
