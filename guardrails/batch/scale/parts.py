"""Writes the parts of a unit: one file for each partition that its rows fall in.

Rows are encoded as they come, so that a part is held as it will be stored: packed, some hundred
bytes a row.
"""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

import msgspec

from guardrails.batch.columns import columns_of
from guardrails.batch.lines import TaggedRun, encode
from guardrails.batch.scale.places import Place
from guardrails.batch.scale.settings import PartForm, PartitionKey
from guardrails.errors import UsageError

NOTHING: Final = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows that do not say: the word of Hive, which all readers know."""
LONGEST: Final = 240
"""Characters of a folder's name; most file systems take 255."""
ROWS: Final = 1_000
"""Rows that wait to be encoded, of all partitions together: some 5 MB."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is in place."""

    path: str
    """Below the output."""
    rows: int
    size: int


@dataclass(slots=True)
class _Part:
    waiting: list[TaggedRun] = field(default_factory=list[TaggedRun])
    buffer: BytesIO = field(default_factory=BytesIO)
    writer: Any = None
    rows: int = 0


class Parts:
    """The parts of one unit."""

    def __init__(
        self, output: Place, *, number: int, form: PartForm, by: tuple[PartitionKey, ...] = ()
    ) -> None:
        self._output = output
        self._name = f"part-{number:05d}.{form}"
        self._form = form
        self._by = by
        self._parts: dict[str, _Part] = {}
        self._waiting = 0

    def add(self, run: TaggedRun) -> None:
        """Take in a row."""
        part = self._parts.setdefault(folder_of(run, self._by), _Part())
        part.waiting.append(run)
        self._waiting += 1
        if self._waiting >= ROWS:
            self._flush()

    def written(self) -> tuple[Written, ...]:
        """Put the parts in place, and return what they are."""
        self._flush()
        written: list[Written] = []
        for folder, part in sorted(self._parts.items()):
            if part.writer is not None:
                part.writer.close()
            path = f"{folder}{self._name}"
            data = part.buffer.getvalue()
            self._output.at(path).put(data)
            written.append(Written(path=path, rows=part.rows, size=len(data)))
        return tuple(written)

    def _flush(self) -> None:
        for part in self._parts.values():
            if part.waiting:
                self._encode(part)
                part.rows += len(part.waiting)
                part.waiting = []
        self._waiting = 0

    def _encode(self, part: _Part) -> None:
        if self._form is PartForm.JSONL:
            part.buffer.writelines(encode(run) + b"\n" for run in part.waiting)
            return
        from guardrails.batch.parquet import arrow_schema, require_pyarrow  # noqa: PLC0415

        arrow, parquet = require_pyarrow()
        schema = arrow_schema(arrow)
        table = arrow.Table.from_pydict(columns_of(part.waiting), schema=schema)
        # What the folder says, the file leaves out: readers would find two columns of one name.
        table = table.drop_columns([str(key) for key in self._by])
        if part.writer is None:
            part.writer = parquet.ParquetWriter(part.buffer, table.schema, compression="zstd")
        part.writer.write_table(table)


def folder_of(run: TaggedRun, by: tuple[PartitionKey, ...]) -> str:
    """Return the folder of a row, as Hive names them; empty without partitions.

    Args:
        run: The row.
        by: What is partitioned by, the outermost first.

    Raises:
        UsageError: Its name would be longer than file systems take.
    """
    names = [f"{key}={quote(str(getattr(run, key)), safe='') or NOTHING}" for key in by]
    for name in names:
        if len(name) > LONGEST:
            raise UsageError(
                f"--partition-by: run {run.run_id} would be in a folder with a name of {len(name)} "
                f"characters, {name[:60]}…: partition by something shorter"
            )
    return "".join(f"{name}/" for name in names)
