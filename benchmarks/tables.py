"""What the benchmarks share: quantiles, a table for people, JSON for machines."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(os.environ.get("GUARDED_AGENT_BENCH_DIR", "build/benchmarks"))
"""Where the JSON goes."""


def quantile(values: Sequence[float], q: float) -> float:
    """Return the nearest-rank quantile.

    Args:
        values: At least one.
        q: In [0, 1].
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def show(title: str, rows: Sequence[Mapping[str, object]], *, width: int = 110) -> None:
    """Print rows as a table; the first row's keys are the columns."""
    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if column == next(iter(rows[0])) else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console(file=sys.stdout, width=width).print(table)


def save(name: str, results: Mapping[str, object]) -> Path:
    """Write results as JSON, with the machine they were seen on."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    path.write_text(json.dumps({"machine": machine, **results}, indent=2) + "\n")
    return path


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
