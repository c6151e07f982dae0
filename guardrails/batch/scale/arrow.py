"""Tags a table of traces in memory: the pure function for engines that hand out Arrow.

Whatever is wrong with a row is said in its `error`; it costs no other row, and no engine its job.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from guardrails.batch.columns import COLUMNS, row_of
from guardrails.batch.lines import LINE_SCHEMA, TaggedRun
from guardrails.batch.parquet import arrow_schema, require_pyarrow
from guardrails.batch.scale.rows import Broken, row_in
from guardrails.batch.scale.settings import Settings
from guardrails.batch.scale.table import Columns, columns_read
from guardrails.batch.scale.traces import NOTHING_TOLD, Told
from guardrails.batch.scale.work import tagged_row
from guardrails.core.mast import FailureMode
from guardrails.hygiene.redact import redacted

Arrow = Any
"""A value of pyarrow, which has no types of its own."""

ERROR: Final = "error"
"""The column that says why a row has no tags; null where it has."""
DEFAULT: Final = Columns()


def tag_batch(
    batch: Arrow,
    *,
    columns: Columns = DEFAULT,
    told: Told = NOTHING_TOLD,
    source: str = "",
    modes: Collection[FailureMode] = (),
) -> Arrow:
    """Tag the traces of a table.

    Args:
        batch: A `pyarrow.Table` or `pyarrow.RecordBatch` with a row for each trace.
        columns: What its columns are called.
        told: What is known of all rows, where their columns do not say.
        source: Where they come from, as it shall stand in the rows.
        modes: Those of interest; empty: all.

    Returns:
        A `pyarrow.Table` with `tagged_schema`, and a row for each that was given, in its order.

    Raises:
        UsageError: No column holds traces, or pyarrow is not installed.
    """
    arrow, _ = require_pyarrow()
    settings = Settings(modes=tuple(sorted(modes)), columns=columns)
    wanted = columns_read(batch.schema.names, columns)
    rows = [
        _row({name: batch[name][number].as_py() for name in wanted}, number, told, source, settings)
        for number in range(batch.num_rows)
    ]
    return arrow.Table.from_pylist(rows, schema=tagged_schema())


def tagged_schema() -> Arrow:
    """Return the types of what `tag_batch` returns: those of `tag -o parquet`, and `error`.

    Raises:
        UsageError: pyarrow is not installed.
    """
    arrow, _ = require_pyarrow()
    return arrow_schema(arrow).append(arrow.field(ERROR, arrow.string()))


def _row(
    row: Mapping[str, object], number: int, told: Told, source: str, settings: Settings
) -> dict[str, object]:
    found = row_in(row, settings.columns, name=str(number), told=told)
    tagged = found if isinstance(found, Broken) else tagged_row(found, source, settings)
    if isinstance(tagged, TaggedRun):
        return {**row_of(tagged), ERROR: None}
    run_id = row.get(settings.columns.run_id)
    said = {"source": source, "run_id": None if run_id is None else str(run_id)}
    nothing = dict.fromkeys(COLUMNS)
    return {**nothing, **said, "schema": LINE_SCHEMA, ERROR: redacted(tagged.reason)}
