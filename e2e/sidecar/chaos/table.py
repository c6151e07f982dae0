"""One row for each thing that was broken: what became of the runs, and what their client saw."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from e2e.sidecar.chaos.checks import Found

SEEN: Final = 70
"""Characters of what a client saw that are shown."""


@dataclass(slots=True)
class Row:
    """What came of one cause at one store."""

    cause: str
    store: str
    runs: int = 0
    deaths: int = 0
    unproven: int = 0
    lost: int = 0
    doubled: int = 0
    seen: list[str] = field(default_factory=list[str])


ROWS: Final[list[Row]] = []


def note(
    cause: str, store: str, found: Sequence[Found], *, seen: Sequence[str], deaths: int = 0
) -> Row:
    """Add a row."""
    row = Row(
        cause=cause,
        store=store,
        runs=len(found),
        deaths=deaths,
        unproven=sum(one.unproven for one in found),
        lost=sum(one.lost for one in found),
        doubled=sum(one.doubled for one in found),
        seen=[_plain(one) for one in seen],
    )
    ROWS.append(row)
    return row


def lines() -> list[str]:
    """Return the table as text."""
    head = f"{'cause':34} {'store':10} {'runs':>4} {'kills':>5} {'unproven':>8} {'lost':>4} "
    found = [head + f"{'doubled':>7}  client saw"]
    for row in ROWS:
        counts = f"{row.runs:>4} {row.deaths:>5} {row.unproven:>8} {row.lost:>4} {row.doubled:>7}"
        first, *rest = [one[:SEEN] for one in row.seen] or ["nothing of it"]
        found.append(f"{row.cause:34} {row.store:10} {counts}  {first}")
        found += [f"{'':77}{one}" for one in rest]
    return found


def save(path: Path) -> None:
    """Write the rows as JSON."""
    path.write_text(json.dumps([asdict(row) for row in ROWS], indent=2) + "\n", encoding="utf-8")


def _plain(said: str) -> str:
    """Take out what differs from run to run."""
    said = re.sub(r"\b[0-9a-f]{32}\b", "RUN", said)
    return re.sub(r"(127\.0\.0\.1:)\d+", r"\1PORT", said)
