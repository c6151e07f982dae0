"""The rows of a unit: each a stored trace with what is known of it, or why it cannot be read.

A row that is broken is yielded as such, and those after it are read all the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from guardrails.batch.items import our_bug
from guardrails.batch.opening import decoded, document_of, unpacked
from guardrails.batch.reading import one_value, runs_of
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.scale.places import Place, place_of
from guardrails.batch.scale.plan import Kind, Unit
from guardrails.batch.scale.table import Columns, columns_read, told_in, trace_in
from guardrails.batch.scale.traces import Told, outcome_of, run_of, with_told
from guardrails.errors import GuardrailsError, TraceError, UsageError

BATCH_ROWS: Final = 16
"""Rows that are read together of a Parquet file: a megabyte of the usual size."""
CHUNK: Final = 1 << 20
KEPT: Final = 2 << 10
"""Bytes of a broken row that are kept: enough to see what it is."""
_ROW = "row"
_NOTHING: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trace of a unit."""

    name: str
    """Where it stands: the row's number in its file, or the byte at which its line begins."""
    run: RecordedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A row that cannot be read."""

    name: str
    reason: str
    data: bytes = b""
    """The beginning of it."""
    size: int = 0
    bug: bool = False


def rows_of(unit: Unit, columns: Columns) -> Iterator[Row | Broken]:
    """Yield the rows of a unit, in its order.

    Raises:
        UsageError: The file is another one than when the work was cut.
    """
    place = place_of(unit.source)
    _check(place, unit)
    told = told_by_path(unit.source)
    match unit.kind:
        case Kind.GROUPS:
            yield from _of_groups(place, unit, columns, told)
        case Kind.LINES:
            yield from _of_lines(_lines_in(place, unit), unit, told)
        case Kind.PACKED:
            yield from _of_packed(place, unit, told)
        case Kind.WHOLE:
            yield from _of_whole(place, told)


def told_by_path(source: str) -> Told:
    """Return what the folders of a file say: `model=acme` stands for a column.

    >>> told_by_path("s3://lake/runs/model=acme%3Alarge/a.parquet").model
    'acme:large'
    """
    found: dict[str, str] = {}
    for part in PurePosixPath(source).parts[:-1]:
        name, is_column, value = part.partition("=")
        if is_column and value != _NOTHING:
            found[name] = unquote(value)
    try:
        outcome = outcome_of(found.get("outcome"))
    except TraceError:
        outcome = None  # some other word of that name
    return Told(model=found.get("model"), fault=found.get("fault"), outcome=outcome)


def _check(place: Place, unit: Unit) -> None:
    found = place.look()
    now = found[0] if found and len(found) == 1 else None
    if now is None or (now.size, now.version) != (unit.size, unit.version):
        raise UsageError(
            f"{unit.source}: the file changed while it was worked on; tag it into another --output"
        )


def _of_groups(place: Place, unit: Unit, columns: Columns, told: Told) -> Iterator[Row | Broken]:
    from guardrails.batch.parquet import require_pyarrow  # noqa: PLC0415  # an extra

    arrow, parquet = require_pyarrow()
    with place.files.open(place.path, "rb") as opened:
        file: Any = parquet.ParquetFile(opened, pre_buffer=False)
        wanted = columns_read(file.schema_arrow.names, columns)
        at = sum(file.metadata.row_group(group).num_rows for group in range(unit.start))
        batches = file.iter_batches(
            batch_size=BATCH_ROWS,
            row_groups=list(range(unit.start, unit.stop)),
            columns=wanted,
            use_threads=False,
        )
        try:
            for batch in batches:
                for number in range(batch.num_rows):
                    row = {name: batch[name][number].as_py() for name in wanted}
                    yield row_in(row, columns, name=str(at), told=told)
                    at += 1
        except (arrow.ArrowException, OSError) as error:
            rest = f"row {at} and those after it in row groups {unit.start} to {unit.stop - 1}"
            yield Broken(name=str(at), reason=f"cannot read {rest}: {error}")


def row_in(row: Mapping[str, object], columns: Columns, *, name: str, told: Told) -> Row | Broken:
    """Read one row of a table.

    Args:
        row: The row, by column.
        columns: What the columns are called.
        name: Where it stands.
        told: What is known of all rows.
    """

    def read() -> RecordedRun:
        said = told_in(row, columns, default=told)
        trace = trace_in(row, columns)
        return with_told(run_of(trace, name=said.run_id or f"row {name}"), said)

    return _read(read, name=name, data=lambda: _shown(row))


def _of_lines(lines: Iterator[tuple[int, bytes]], unit: Unit, told: Told) -> Iterator[Row | Broken]:
    stem = PurePosixPath(unit.source).name.partition(".")[0]
    for at, line in lines:
        if not line or line.isspace():
            continue

        def read(line: bytes = line, at: int = at) -> RecordedRun:
            try:
                value = decoded(line)
            except ValueError as error:
                raise TraceError(f"not JSON: {error}") from error
            return with_told(one_value(value, f"{stem}@{at}"), told)

        yield _read(read, name=str(at), data=lambda line=line: line)


def _of_packed(place: Place, unit: Unit, told: Told) -> Iterator[Row | Broken]:
    try:
        data = unpacked(_named(place), place.files.cat_file(place.path))
    except TraceError as error:
        yield Broken(name="0", reason=_line(error))
        return
    yield from _of_lines(_lines_of(data), unit, told)


def _of_whole(place: Place, told: Told) -> Iterator[Row | Broken]:
    """Read a file as a whole; what stops the reading comes last."""
    data: bytes = place.files.cat_file(place.path)
    number = 0
    try:
        for run in runs_of(document_of(_named(place), data)):
            yield Row(name=str(number), run=with_told(run, told))
            number += 1
    except TraceError as error:
        yield Broken(name=str(number), reason=_line(error), data=data[:KEPT], size=len(data))
    except Exception as error:  # noqa: BLE001  # one broken file must not cost the others
        yield _bug(str(number), data, error)


def _lines_in(place: Place, unit: Unit) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that begin in the unit's bytes, each with its first byte."""
    with place.files.open(place.path, "rb") as file:
        # From the byte before: a line that begins at `start` is known by the end of the other.
        at = max(unit.start - 1, 0)
        file.seek(at)
        begun = unit.start == 0
        left = b""
        while at <= unit.stop:
            chunk: bytes = file.read(CHUNK)
            if not chunk:
                break
            *whole, left = (left + chunk).split(b"\n")
            for line in whole:
                if begun and at < unit.stop:
                    yield at, line
                begun = True
                at += len(line) + 1
            if at >= unit.stop:
                return
        if begun and left and at < unit.stop:
            yield at, left


def _lines_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield start, data[start:end]
        start = end + 1


def _read(read: Callable[[], RecordedRun], *, name: str, data: Callable[[], bytes]) -> Row | Broken:
    try:
        run = read()
    except TraceError as error:
        shown = data()
        return Broken(name=name, reason=_line(error), data=shown[:KEPT], size=len(shown))
    except Exception as error:  # noqa: BLE001  # one broken row must not cost the others
        return _bug(name, data(), error)
    return Row(name=name, run=replace(run, notes={**run.notes, _ROW: name}))


def _bug(name: str, data: bytes, error: Exception) -> Broken:
    reason = our_bug("", "reading it", error).said
    return Broken(name=name, reason=reason, data=data[:KEPT], size=len(data), bug=True)


def _shown(row: Mapping[str, object]) -> bytes:
    """Return what a person sees of a row: the longest text of it, else all of it."""
    texts = [one for one in row.values() if isinstance(one, str | bytes)]
    longest = max(texts, key=len, default=None)
    if longest is None:
        return msgspec.json.encode(row, enc_hook=str)
    return longest if isinstance(longest, bytes) else longest.encode("utf-8", "replace")


def _named(place: Place) -> Path:
    return Path(PurePosixPath(place.path).name)


def _line(error: GuardrailsError) -> str:
    return " ".join(str(error).split())
