"""Tagged runs as a Parquet file, through pyarrow, which is an extra.

pyarrow is asked for by name when a file is written: nothing else of the package needs it.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from guardrails.batch.columns import COLUMNS, ColumnType, columns_of
from guardrails.batch.lines import TaggedRun
from guardrails.errors import UsageError

ROWS = 1_000
"""Runs of one row group, which are held in memory together: some 5 MB of lines."""

Arrow = Any
"""A module of pyarrow or a value of it, which has no types of its own."""


def require_pyarrow() -> tuple[Arrow, Arrow]:
    """Return `pyarrow` and `pyarrow.parquet`.

    Raises:
        UsageError: It is not installed; the message names the extra.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow: pip install 'guarded-agent[parquet]', or take -o jsonl"
        ) from error


def write_parquet(runs: Iterable[TaggedRun], path: Path) -> int:
    """Write runs to a file, a row group at a time.

    Returns:
        How many runs were written. Without any, the file has the columns and no row.

    Raises:
        UsageError: pyarrow is not installed.
    """
    arrow, parquet = require_pyarrow()
    schema = arrow_schema(arrow)
    written = 0
    # Zstandard: a third of the size of the default, at the same speed of reading.
    with parquet.ParquetWriter(str(path), schema, compression="zstd") as writer:
        for some in _groups(runs):
            writer.write_table(arrow.Table.from_pydict(columns_of(some), schema=schema))
            written += len(some)
    return written


def arrow_schema(arrow: Arrow) -> Arrow:
    """Return the types of the columns."""
    return arrow.schema([(name, _type(arrow, kind)) for name, kind in COLUMNS.items()])


def _groups(runs: Iterable[TaggedRun]) -> Iterable[list[TaggedRun]]:
    some: list[TaggedRun] = []
    for run in runs:
        some.append(run)
        if len(some) == ROWS:
            yield some
            some = []
    if some:
        yield some


def _type(arrow: Arrow, kind: ColumnType) -> Arrow:
    text, whole, real = arrow.string(), arrow.int64(), arrow.float64()
    match kind:
        case ColumnType.TEXT:
            return text
        case ColumnType.WHOLE:
            return whole
        case ColumnType.REAL:
            return real
        case ColumnType.TEXTS:
            return arrow.list_(text)
        case ColumnType.NOTES:
            return arrow.map_(text, text)
        case ColumnType.FINDINGS:
            fields = {
                "mode": text,
                "name": text,
                "agent": text,
                "steps": arrow.list_(whole),
                "evidence": arrow.list_(text),
                "confidence": real,
                "detector": text,
                "why": text,
                "about": text,
                "severity": text,
                "judged": arrow.bool_(),
            }
            return arrow.list_(arrow.struct(list(fields.items())))
