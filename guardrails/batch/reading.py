"""Gives the runs in files of stored traces, whatever format they are in.

The format is told from what a file holds. A file that is no trace is refused with one line that
says what was seen; in a folder, it is passed over and named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

from guardrails.batch.formats import READERS
from guardrails.batch.formats.reader import RecordReader, StreamReader
from guardrails.batch.formats.values import Json, is_list, is_object, keys_of
from guardrails.batch.opening import Document, Value, opened
from guardrails.batch.recorded import RecordedRun
from guardrails.errors import TraceError

_HEAD: Final = 50
"""Values by which a format is told. Sessions of coding agents begin with up to a dozen lines of
settings that other formats could have, too."""
_WRAPPERS = ("runs", "traces", "data", "records", "sessions", "trajectories", "results")
"""Fields under which exports keep the list that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A file of a folder that holds no trace."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The files of a folder."""

    traces: tuple[Path, ...]
    passed: tuple[Passed, ...]
    """Files that are plainly no traces: labels, results, settings."""


def read_runs(path: Path) -> Iterator[RecordedRun]:
    """Yield the runs of a file, in its order.

    Raises:
        TraceError: The file cannot be read, or is of no known format.
    """
    yield from runs_of(opened(path))


def runs_of(document: Document) -> Iterator[RecordedRun]:
    """Yield the runs of a file that is open already, in its order.

    Raises:
        TraceError: It is of no known format.
    """
    reader, values = _told(document)
    try:
        match reader:
            case RecordReader():
                runs = _records(document, values)
            case StreamReader():
                runs = _stream(document, values, reader)
        yield from _marked(runs, document)
    except RecursionError as error:
        raise TraceError(f"{document.path}: nested too deeply to be a trace") from error


def files_in(path: Path) -> Folder:
    """Return the files of a folder that hold traces, and those that do not, sorted by name.

    A path to a file is a folder of one: it is not looked into.

    Raises:
        TraceError: There is no such folder, or no trace in it.
    """
    if not path.is_dir():
        if not path.exists():
            raise TraceError(f"{path}: no such file or folder")
        return Folder(traces=(path,), passed=())
    traces: list[Path] = []
    passed: list[Passed] = []
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        try:
            _told(opened(file))
        except TraceError as error:
            why = str(error).removeprefix(str(file)).lstrip(":0123456789 ")
            passed.append(Passed(path=file, why=why))
        else:
            traces.append(file)
    if not traces:
        seen = f"{len(passed)} files, none of which is one" if passed else "it is empty"
        raise TraceError(f"{path}: no traces in the folder: {seen}")
    return Folder(traces=tuple(traces), passed=tuple(passed))


def known_formats() -> Sequence[tuple[str, str]]:
    """Return name and description of each format that can be read."""
    return [(reader.name, reader.about) for reader in READERS]


def reader_of(value: object) -> RecordReader | StreamReader | None:
    """Return the reader of one JSON value; None where nobody knows it."""
    for reader in READERS:
        match reader:
            case RecordReader():
                if reader.is_run(value):
                    return reader
            case StreamReader():
                if is_object(value) and reader.is_part(value):
                    return reader
    return None


def _told(document: Document) -> tuple[RecordReader | StreamReader, Iterator[Value]]:
    """Tell the format by the first values that have one."""
    values = document.values()
    head = list(islice(values, _HEAD))
    for one in head:
        if (reader := reader_of(one.value)) is not None:
            return reader, chain(head, values)
    inner = _unwrapped(head)
    for one in inner[:_HEAD]:
        if (reader := reader_of(one.value)) is not None:
            return reader, iter(inner)
    raise TraceError(_unknown(document.path, head))


def _unwrapped(head: Sequence[Value]) -> list[Value]:
    """Return the items of the one list that an export wraps."""
    if len(head) != 1 or not is_object(head[0].value):
        return []
    found = head[0].value
    for key in _WRAPPERS:
        if is_list(found.get(key)):
            return [Value(0, item) for item in found[key]]
    return []


def _records(document: Document, values: Iterator[Value]) -> Iterator[RecordedRun]:
    """Read each value for itself: a file may hold records of several formats."""
    last: RecordReader | None = None
    for number, one in enumerate(values, start=1):
        again = last is not None and not last.general and last.is_run(one.value)
        reader = last if again else reader_of(one.value)
        if not isinstance(reader, RecordReader):
            raise TraceError(_unknown(document.path, [one]))
        last = reader
        yield reader.read(one.value, f"{document.name}#{number}")


def one_value(value: object, name: str) -> RecordedRun:
    """Return the run that one JSON value is.

    Args:
        value: The value, of a format in which one is a whole run.
        name: What the run is called that has no id.

    Raises:
        TraceError: It is none.
    """
    reader = reader_of(value)
    if not isinstance(reader, RecordReader):
        raise TraceError(_unknown(Path(name), [Value(0, value)]))
    try:
        return reader.read(value, name)
    except RecursionError as error:
        raise TraceError(f"{name}: nested too deeply to be a trace") from error


def _stream(
    document: Document, values: Iterator[Value], reader: StreamReader
) -> Iterator[RecordedRun]:
    """Read all values together. Values of another format in between are a mistake."""
    parts: list[Json] = []
    odd = 0
    for one in values:
        if not is_object(one.value):
            odd += 1
            continue
        part = one.value
        if not reader.is_part(part):
            other = reader_of(part)
            if other is not None and not other.general:
                where = f"{document.path}:{one.line}" if one.line else f"{document.path}"
                raise TraceError(
                    f"{where}: {other.name} in a file that began as {reader.name}: "
                    "keep formats in files of their own"
                )
        parts.append(part)
    runs = reader.read(parts, document.name)
    try:
        for run in runs:
            yield replace(run, notes={**run.notes, "odd_values": str(odd)}) if odd else run
    except TraceError as error:
        raise TraceError(f"{document.path}: {error}") from error


def _marked(runs: Iterator[RecordedRun], document: Document) -> Iterator[RecordedRun]:
    """Say of the last run that its file was torn, and tell runs apart that have one id."""
    seen: dict[str, int] = {}
    before: RecordedRun | None = None
    try:
        for run in runs:
            if before is not None:
                yield before
            seen[run.run_id] = again = seen.get(run.run_id, 0) + 1
            before = run if again == 1 else replace(run, notes={**run.notes, "same_id": str(again)})
    except Exception:
        if before is not None:
            yield before  # what stops the reading costs no run that was read
        raise
    if before is None:
        raise TraceError(f"{document.path}: no run in the file")
    if document.torn:
        before = replace(before, notes={**before.notes, "torn": "the last line is not whole"})
    yield before


def _unknown(path: Path, head: Sequence[Value]) -> str:
    names = ", ".join(reader.name for reader in READERS)
    if not head:
        return f"{path}: an empty list holds no run"
    where = f"{path}:{head[0].line}" if head[0].line else f"{path}"
    return f"{where}: no known trace format: {keys_of(head[0].value)}; known are {names}"
