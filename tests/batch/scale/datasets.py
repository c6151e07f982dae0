"""What the tests of tagging at scale share: small data sets, and what an output holds."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from guardrails.batch.lines import TaggedRun, decode
from guardrails.batch.scale.manifest import manifest_in
from guardrails.batch.scale.places import place_of
from guardrails.batch.scale.settings import PartForm, Settings
from tests.batch.states import state

JSONL = Settings(form=PartForm.JSONL)
PARQUET = Settings()
BROKEN = b'{"broken": \xff, "password": "hunter2hunter2"}'


def states(number: int, *, looks: int = 5) -> list[dict]:
    """Return some runs of several lengths; every third is right."""
    return [state(f"r{n}", looks=n % looks, right=n % 3 == 0) for n in range(number)]


def lines(runs: Iterable[dict], *, broken: Sequence[int] = ()) -> bytes:
    """Return runs as JSON lines, with a broken line before those of some numbers."""
    return b"".join(
        (BROKEN + b"\n" if number in broken else b"") + json.dumps(run).encode() + b"\n"
        for number, run in enumerate(runs)
    )


def table(
    runs: Sequence[dict], *, broken: Sequence[int] = (), **more: Sequence[object]
) -> pa.Table:
    """Return runs as a table of traces."""
    payload = [
        BROKEN if number in broken else json.dumps(run).encode() for number, run in enumerate(runs)
    ]
    ids = [f"row-{number}" for number in range(len(runs))]
    return pa.table({"run_id": ids, "payload": pa.array(payload, pa.binary()), **more})


def write_table(path: Path, runs: Sequence[dict], *, group: int = 10, **more: object) -> Path:
    """Write a Parquet file of traces."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(runs, **more), path, row_group_size=group)
    return path


def held(output: str) -> list[TaggedRun]:
    """Return the rows of a complete output in JSON lines, in the order of its units."""
    place = place_of(output)
    manifest = manifest_in(place)
    assert manifest is not None
    assert manifest.complete
    return list(_rows(place, manifest))


def _rows(place, manifest) -> Iterator[TaggedRun]:
    for done in manifest.done:
        for part in done.parts:
            yield from map(decode, place.at(part.path).read().splitlines())


def files_of(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder with what they hold."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
