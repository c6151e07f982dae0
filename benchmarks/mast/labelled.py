"""The labelled runs of other frameworks: AG2 and MetaGPT, by people and by one annotator.

They are no SRE agents; they show whether a rule holds elsewhere. Only modes that are labelled at
least `POSITIVES` times in a set are scored: with fewer, every figure is chance.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from benchmarks.mast.agreement import HALVES, mode_rows, of_half
from benchmarks.mast.cells import Labelled
from benchmarks.mast.gold import GoldRun, half_of
from guardrails.batch.lines import TaggedRun, short_id
from guardrails.batch.reading import read_runs
from guardrails.batch.tagging import tag_run
from guardrails.core.mast import MODES
from guardrails.errors import TraceError

POSITIVES = 10
MERGED = "3.2|3.3"
"""The older human labels do not tell the two apart."""


def mast_lint(data: Path) -> dict[str, list[GoldRun]]:
    """Return the AG2 runs of one blind annotator. Halves by place among all of them."""
    runs: list[GoldRun] = []
    for path in sorted((data / "mast_lint").glob("gold_labels*.json")):
        gold = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        batch = path.stem.removeprefix("gold_labels")
        tagged = _tagged(path.with_name(f"raw_ag2_records{batch}.json.gz"))
        for name, labels in cast("dict[str, Any]", gold["labels"]).items():
            run = _find(tagged, name)
            if run is not None:
                present = cast("list[str]", labels["present"])
                cells = {short_id(mode): mode in present for mode in MODES}
                half = half_of(len(runs) + 1)
                said = frozenset(run.modes)
                found = Labelled(run_id=name, half=half, labels=cells, said=said)
                runs.append(GoldRun(cells=found, tagged=run, record={"note": labels["notes"]}))
    return {"mast_lint AG2": runs} if runs else {}


def masft_human(data: Path) -> dict[str, list[GoldRun]]:
    """Return the runs that people labelled, by framework. Halves by place in the table."""
    table = data / "masft_human" / "labels_mast14.csv"
    found: dict[str, list[GoldRun]] = {}
    if not table.is_file():
        return found
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=1):
        system = row["system"]
        name = Path(row["trace_file"]).name
        path = data / "masft_human" / system / f"{name}.gz"
        if not path.is_file():
            continue
        (run,) = _tagged(path).values()
        modes = set(run.modes) | ({MERGED} if {"3.2", "3.3"} & set(run.modes) else set[str]())
        labels = {_column(key): row[key] == "1" for key in row if key[:1] in {"1", "2", "3"}}
        cells = Labelled(
            run_id=row["instance_id"],
            half=half_of(line),
            labels=labels,
            said=frozenset(modes),
        )
        found.setdefault(f"masft_human {system}", []).append(
            GoldRun(cells=cells, tagged=run, record={"note": row["human_note"]})
        )
    return found


def labelled_rows(data: Path) -> dict[str, list[dict[str, object]]]:
    """Rows of every mode that can be scored, by half."""
    sets = labelled_sets(data)
    return {half: [*_rows(sets, half)] for half in HALVES}


def labelled_sets(data: Path) -> dict[str, list[GoldRun]]:
    """Return all sets that the folder has."""
    return {**mast_lint(data), **masft_human(data)}


def retail_runs(data: Path) -> list[TaggedRun]:
    """Return the tau-bench retail runs of AgentRx, failed and successful, tagged.

    Its labels are of other kinds than MAST's, so only how the runs came out is used.
    """
    path = data / "agentrx_tau" / "tau_dataset_full.json.gz"
    if not path.is_file():
        return []
    try:
        return list(_tagged(path).values())
    except TraceError as error:
        print(f"left out: {error}")
        return []


def _rows(sets: dict[str, list[GoldRun]], half: str) -> Iterator[dict[str, object]]:
    for name, members in sets.items():
        runs = [one.cells for one in members]
        some = of_half(runs, half)
        for row in mode_rows(some, scored(runs)):
            yield {"set": name, **row}


def scored(runs: Sequence[Labelled]) -> list[str]:
    """Return the modes of a set that are labelled often enough."""
    modes = sorted({mode for run in runs for mode in run.labels})
    return [m for m in modes if sum(run.labels.get(m, False) for run in runs) >= POSITIVES]


def _tagged(path: Path) -> dict[str, TaggedRun]:
    return {run.run_id: tag_run(run) for run in read_runs(path)}


def _find(runs: dict[str, TaggedRun], name: str) -> TaggedRun | None:
    return runs.get(name) or next((run for key, run in runs.items() if key.endswith(name)), None)


def _column(name: str) -> str:
    return MERGED if name == "3.2_3.3" else name
