"""Cuts data sets into units of work, the same ones whenever it is asked.

A unit is some row groups of a Parquet file, a range of bytes of a file of JSON lines, or a whole
file where a run may be spread over its lines. A range owns the lines that begin in it, so that
nothing need be read to cut a file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from guardrails.batch.formats.reader import RecordReader
from guardrails.batch.formats.values import is_object
from guardrails.batch.opening import decoded
from guardrails.batch.reading import reader_of
from guardrails.batch.scale.places import Place, Stored, place_of
from guardrails.batch.scale.table import Columns, columns_read
from guardrails.errors import UsageError

UNIT_BYTES: Final = 8 << 20
"""Bytes of traces in a unit: some hundred of the usual size, a second of work. Half of it is lost
when a worker is killed; handing a unit over costs a thousandth."""
HEAD: Final = 256 << 10
"""Bytes by which the format of a file is told, doubled while they hold no whole line."""
LONGEST_LINE: Final = 64 << 20
"""Bytes after which a first line without an end is taken for a file that is one value."""
_FORMAT_LINES = 50
_PARQUET = (".parquet", ".pq")
_GZIP = b"\x1f\x8b"
_JSON = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")


class Kind(StrEnum):
    """What a unit is of its file."""

    GROUPS = "groups"
    """Row groups of a Parquet file, from `start` up to `stop`."""
    LINES = "lines"
    """The lines that begin at the bytes from `start` up to `stop`."""
    PACKED = "packed"
    """All lines of a file that is packed with gzip."""
    WHOLE = "whole"
    """A file that is read as a whole."""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is given at a time."""

    number: int
    source: str
    """Path or URL of the file."""
    kind: Kind
    start: int = 0
    stop: int = 0
    size: int
    """Of the file; likewise the version. Both are checked when the unit is read."""
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A file of a folder that holds no traces by its name."""

    source: str


def planned(sources: Sequence[str], *, columns: Columns) -> tuple[list[Unit], list[PassedOver]]:
    """Cut all that a command line names into units.

    Files whose name begins with `_` or `.` are nobody's data, as in other tools.

    Args:
        sources: Paths or URLs of files, folders or patterns.
        columns: What the columns of Parquet files are called.

    Raises:
        UsageError: Something is not there, or a Parquet file has no column of traces.
    """
    numbers = count()
    units: list[Unit] = []
    passed: list[PassedOver] = []
    seen: set[str] = set()
    for source in sources:
        place = place_of(source)
        for stored, named in _files(place):
            if named in seen:
                continue
            seen.add(named)
            if stored is None:
                passed.append(PassedOver(source=named))
                continue
            file = place_of(named)
            (now,) = file.look() or [stored]  # as whoever reads it will ask for it
            for kind, start, stop in _cut(file, now, columns):
                units.append(
                    Unit(
                        number=next(numbers),
                        source=named,
                        kind=kind,
                        start=start,
                        stop=stop,
                        size=now.size,
                        version=now.version,
                    )
                )
    return units, passed


def is_dataset(source: str) -> bool:
    """Tell whether a source needs to be read as a data set: a URL, or Parquet."""
    if "://" in source or source.lower().endswith(_PARQUET):
        return True
    path = Path(source)
    return path.is_dir() and any(
        file.name.lower().endswith(_PARQUET) and not _is_hidden(file.relative_to(path).parts)
        for file in path.rglob("*")
    )


def _files(place: Place) -> Iterator[tuple[Stored | None, str]]:
    """Yield the files that a source names, with their URLs; None for what is passed over."""
    try:
        found = place.look()
    except PermissionError as error:
        raise UsageError(f"{place.url}: not permitted: {error}") from error
    except OSError as error:
        raise UsageError(f"{place.url}: cannot read it: {error}") from error
    if found is None:
        raise UsageError(f"{place.url}: there is no such file, folder or match")
    traces = 0
    for stored in found:
        named = place.named(stored.path)
        if stored.path == place.path:
            yield stored, named
            return
        below = PurePosixPath(stored.path.removeprefix(place.path))
        if _is_hidden(below.parts):
            continue
        if below.name.lower().endswith(_PARQUET + _JSON):
            traces += 1
            yield stored, named
        else:
            yield None, named
    if not traces:
        raise UsageError(f"{place.url}: no file of it ends in one of {', '.join(_PARQUET + _JSON)}")


def _is_hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith(("_", ".")) for part in parts)


def _cut(place: Place, stored: Stored, columns: Columns) -> Iterator[tuple[Kind, int, int]]:
    if place.url.lower().endswith(_PARQUET):
        yield from _groups(place, columns)
        return
    kind = _kind(place, stored)
    if kind is not Kind.LINES:
        yield kind, 0, stored.size
        return
    for start in range(0, stored.size, UNIT_BYTES):
        yield kind, start, min(start + UNIT_BYTES, stored.size)


def _groups(place: Place, columns: Columns) -> Iterator[tuple[Kind, int, int]]:
    """Put small row groups together; a large one is a unit of its own."""
    from guardrails.batch.parquet import require_pyarrow  # noqa: PLC0415  # an extra

    arrow, parquet = require_pyarrow()
    try:
        with place.files.open(place.path, "rb") as file:
            metadata: Any = parquet.ParquetFile(file).metadata
            names = metadata.schema.to_arrow_schema().names
    except (OSError, arrow.ArrowException) as error:
        raise UsageError(f"{place.url}: cannot read it as Parquet: {error}") from error
    try:
        columns_read(names, columns)
    except UsageError as error:
        raise UsageError(f"{place.url}: {error}") from error
    first, held = 0, 0
    for group in range(metadata.num_row_groups):
        size: int = metadata.row_group(group).total_byte_size
        if held and held + size > UNIT_BYTES:
            yield Kind.GROUPS, first, group
            first, held = group, 0
        held += size
    if metadata.num_row_groups > first:
        yield Kind.GROUPS, first, metadata.num_row_groups


def _kind(place: Place, stored: Stored) -> Kind:
    """Tell whether each line of a file is a run for itself."""
    length = HEAD
    while True:
        head = place.files.cat_file(place.path, start=0, end=min(length, stored.size))
        if head.startswith(_GZIP):
            return Kind.PACKED if _is_by_line(_unzipped(place, stored)) else Kind.WHOLE
        whole = length >= stored.size
        if b"\n" in head or whole:
            return Kind.LINES if _is_by_line(head if whole else _lines(head)) else Kind.WHOLE
        if length >= LONGEST_LINE:
            return Kind.WHOLE
        length *= 2


def _is_by_line(data: bytes) -> bool:
    """Tell it by the first lines that are JSON: so are files in which others are broken."""
    values: list[object] = []
    for line in data.splitlines()[:_FORMAT_LINES]:
        try:
            values.append(decoded(line))
        except ValueError:
            continue
    for value in values:
        if (reader := reader_of(value)) is not None:
            return isinstance(reader, RecordReader) and (len(values) > 1 or is_object(value))
    return len(values) > 1


def _lines(head: bytes) -> bytes:
    """Return the whole lines of it."""
    return head[: head.rfind(b"\n") + 1]


def _unzipped(place: Place, stored: Stored) -> bytes:
    """Return the first whole lines of a packed file, or all of it where it is one."""
    import zlib  # noqa: PLC0415  # packed files alone need it

    length = HEAD
    while True:
        head = place.files.cat_file(place.path, start=0, end=min(length, stored.size))
        try:
            data = zlib.decompressobj(wbits=31).decompress(head, LONGEST_LINE)
        except zlib.error:
            return b""  # whoever reads it as a whole says what is wrong
        if b"\n" in data:
            return _lines(data)
        if length >= stored.size or len(data) >= LONGEST_LINE:
            return data
        length *= 2
