"""The labelled SRE runs: each run of the gold file, read, tagged and joined with its labels.

Runs are cut into halves by the line of the gold file, counted from 1. On which of the two a rule
was made is not known here: figures of a half are out of sample only for rules made without it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.mast.cells import Labelled
from guardrails.batch.lines import TaggedRun
from guardrails.batch.reading import read_runs
from guardrails.batch.tagging import tag_run

RUNS = "sre_runs_*.jsonl.gz"
GOLD = "*gold*.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRun:
    """One run of the gold set."""

    cells: Labelled
    tagged: TaggedRun
    record: dict[str, Any]
    """The gold line, with the annotators' reasons."""


def half_of(line: int) -> str:
    """Return which half a line belongs to.

    >>> [half_of(line) for line in (1, 2)]
    ['odd', 'even']
    """
    return "odd" if line % 2 else "even"


def gold_files(data: Path) -> list[Path]:
    """Return the gold files of a folder: in it, or in its `gold`."""
    return sorted([*data.glob(GOLD), *(data / "gold").glob(GOLD)])


def run_files(data: Path) -> list[Path]:
    """Return the files of SRE runs beside them."""
    return sorted([*data.glob(RUNS), *(data / "gold").glob(RUNS)])


def sre_runs(data: Path) -> Iterator[TaggedRun]:
    """Yield every SRE run, tagged."""
    for path in run_files(data):
        for run in read_runs(path):
            yield tag_run(run, source=path.name)


def gold_runs(data: Path, tagged: dict[str, TaggedRun]) -> Iterator[GoldRun]:
    """Yield the labelled runs, in the order of the gold files.

    Args:
        data: The folder.
        tagged: SRE runs by id.

    Raises:
        KeyError: A labelled run is in no file of runs.
    """
    for path in gold_files(data):
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            record = cast("dict[str, Any]", json.loads(text))
            run = tagged[record["run_id"]]
            labels = {k: bool(v) for k, v in record["labels"].items() if v is not None}
            cells = Labelled(
                run_id=run.run_id, half=half_of(line), labels=labels, said=frozenset(run.modes)
            )
            yield GoldRun(cells=cells, tagged=run, record=record)
