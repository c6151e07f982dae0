"""The trace file: JSON lines, one record each, first line a header.

Written record by record and flushed, so a killed run keeps everything up to its last event.
A torn last line (the process died while writing) is dropped and reported, never an error.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.events import EVENT_SCHEMA, Event, GateReported, WatchReported
from guardrails.core.evidence import REPORT_SCHEMA, GateProgress
from guardrails.core.findings import Finding, FindingWithdrawn, Found, standing
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.versions import newer_version, update_needed, version_field
from guardrails.errors import TraceError


class TraceHeader(msgspec.Struct, frozen=True, kw_only=True, tag="trace"):
    """First line of a trace file."""

    schema: int = version_field(EVENT_SCHEMA)
    run: RunId
    written_by: str = ""


Line = TraceHeader | Event | Decision | Finding | FindingWithdrawn | GateProgress | RunEnded

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A trace file, read."""

    run: RunId
    records: tuple[Record, ...]
    torn: bool = False
    """True when the file ends in half a line."""
    schema: int = EVENT_SCHEMA
    """Version of the events; detectors of another one found other things."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The run's events, in order."""
        return tuple(r for r in self.records if isinstance(r, Event))

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions that the live run made."""
        return tuple(r for r in self.records if isinstance(r, Decision))

    @property
    def found(self) -> tuple[Found, ...]:
        """What the detectors of the live run said, in order."""
        return tuple(r for r in self.records if isinstance(r, (Finding, FindingWithdrawn)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the live run that held to its end."""
        return standing(self.found)

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
            or a header or gate report is of a newer schema.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise TraceError(f"{path}: cannot read the trace: {error.strerror}") from error
    torn = not _is_whole(lines[-1])
    records = list(_decode(path, lines[:-1] if torn else lines))
    return _by_run(records, torn=torn)


def _is_whole(last: bytes) -> bool:
    """Tell whether nothing is missing after the last newline, but perhaps a newline.

    No beginning of a JSON object is one itself.
    """
    try:
        return not last or bool(_decoder.decode(last))
    except msgspec.DecodeError:
        return False


def _decode(path: Path, lines: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TraceError(f"{path}:{number}: {_why(line, error)}") from error
        if newer := _newer(record):
            raise TraceError(f"{path}:{number}: {newer}")
        yield record


def _newer(record: Line) -> str | None:
    """Say when a record that happens to decode is of a form that we do not know."""
    match record:
        case TraceHeader(schema=schema) if schema > EVENT_SCHEMA:
            return update_needed("trace", found=schema, known=EVENT_SCHEMA)
        case Event(fact=GateReported(report=report) | WatchReported(report=report)) if (
            report.schema > REPORT_SCHEMA
        ):
            return update_needed("report", found=report.schema, known=REPORT_SCHEMA)
        case _:
            return None


def _why(line: bytes, error: Exception) -> str:
    if newer := newer_version(line, known=EVENT_SCHEMA):
        return update_needed("trace", found=newer, known=EVENT_SCHEMA)
    return f"not a trace record: {error}"


def _by_run(lines: Iterable[Line], *, torn: bool) -> list[StoredRun]:
    runs: dict[RunId, list[Record]] = {}
    schemas: dict[RunId, int] = {}
    last: RunId | None = None
    for line in lines:
        match line:
            case TraceHeader():
                runs.setdefault(line.run, [])
                schemas.setdefault(line.run, line.schema)
                last = line.run
            case _:
                last = line.run
                runs.setdefault(last, []).append(line)
    return [
        StoredRun(
            run=run,
            records=tuple(records),
            torn=torn and run == last,
            schema=schemas.get(run, EVENT_SCHEMA),
        )
        for run, records in runs.items()
    ]
