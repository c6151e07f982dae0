"""Tagged runs as columns, for tables that programs read. One row is one run.

The columns are those of the lines, and every row has every one, so that two tables can be put
together. Besides, each mode has a column of its own, with its number of findings: what most people
group by.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from guardrails.batch.lines import TaggedFinding, TaggedRun, short_id
from guardrails.core.mast import FailureMode


class ColumnType(StrEnum):
    """What stands in a column."""

    TEXT = "text"
    WHOLE = "whole"
    REAL = "real"
    TEXTS = "texts"
    """A list of texts."""
    FINDINGS = "findings"
    """A list of findings, each with the fields of `TaggedFinding`."""
    NOTES = "notes"
    """Texts by name, as pairs."""


def mode_column(mode: FailureMode) -> str:
    """Return the name of a mode's column; dots would have to be quoted in SQL.

    >>> mode_column(FailureMode.PREMATURE_TERMINATION)
    'fm_3_1'
    """
    return f"fm_{short_id(mode).replace('.', '_')}"


COLUMNS: Final[dict[str, ColumnType]] = {
    "source": ColumnType.TEXT,
    "run_id": ColumnType.TEXT,
    "format": ColumnType.TEXT,
    "model": ColumnType.TEXT,
    "fault": ColumnType.TEXT,
    "outcome": ColumnType.TEXT,
    "agents": ColumnType.TEXTS,
    "steps": ColumnType.WHOLE,
    "events": ColumnType.WHOLE,
    "tool_calls": ColumnType.WHOLE,
    "tokens": ColumnType.WHOLE,
    "seconds": ColumnType.REAL,
    "modes": ColumnType.TEXTS,
    "decisive": ColumnType.TEXTS,
    "steps_after_decisive": ColumnType.WHOLE,
    "tokens_after_decisive": ColumnType.WHOLE,
    "seconds_after_decisive": ColumnType.REAL,
    "findings": ColumnType.FINDINGS,
    "notes": ColumnType.NOTES,
    "schema": ColumnType.WHOLE,
    **{mode_column(mode): ColumnType.WHOLE for mode in FailureMode},
}
"""Names and types, in the order of the table."""


def columns_of(runs: Sequence[TaggedRun]) -> dict[str, list[object]]:
    """Return the columns of some runs; each has one value per run."""
    rows = [row_of(run) for run in runs]
    return {name: [row[name] for row in rows] for name in COLUMNS}


def row_of(run: TaggedRun) -> dict[str, object]:
    """Return the row of a run: plain values by column."""
    after = run.after_decisive
    modes = [found.mode for found in run.findings]
    row: dict[str, object] = {
        field: getattr(run, field)
        for field, kind in COLUMNS.items()
        if kind in {ColumnType.TEXT, ColumnType.WHOLE, ColumnType.REAL} and hasattr(run, field)
    }
    return {
        **row,
        "outcome": str(run.outcome),
        "agents": list(run.agents),
        "modes": list(run.modes),
        "decisive": list(run.decisive),
        "steps_after_decisive": None if after is None else after.steps,
        "tokens_after_decisive": None if after is None else after.tokens,
        "seconds_after_decisive": None if after is None else after.seconds,
        "findings": [_plain(found) for found in run.findings],
        "notes": sorted(run.notes.items()),
        **{mode_column(mode): modes.count(short_id(mode)) for mode in FailureMode},
    }


def _plain(found: TaggedFinding) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(found),
        "steps": list(found.steps),
        "evidence": list(found.evidence),
        "severity": str(found.severity),
    }
