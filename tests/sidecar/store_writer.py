"""A process that writes to a store until it is killed, and says what was acknowledged.

`python -m tests.sidecar.store_writer URL RUN` goes on where the run is, and prints the `seq` of
each record once the store has it.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import Record, RunStore
from guardrails.sidecar.stores.opening import open_store
from tests.sidecar.store_conformance import record, row

ROOT = Path(__file__).resolve().parents[2]
AT_MOST = 100_000
"""Records that a writer writes if nobody kills it."""


def numbered(seq: int) -> Record:
    """Return the record that the writer writes at a place."""
    return record(seq, number=seq - 1)


def killed_after(url: str, run: RunId, lines: int) -> list[int]:
    """Have another process write, and kill it when it has said so many lines.

    Returns:
        What it said was acknowledged before it died.
    """
    command = [sys.executable, "-m", "tests.sidecar.store_writer", url, run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        said += writer.stdout.readlines()
    # A line that was cut off was not said.
    return [int(line) for line in said if line.endswith("\n")]


def check_nothing_is_lost(store: RunStore, run: RunId, acknowledged: Sequence[int]) -> int:
    """Hold a run against what was acknowledged; return how many records it has."""
    records = list(store.records(run))
    assert records == [numbered(seq) for seq in range(1, len(records) + 1)]
    found = store.load(run)
    assert found is not None
    assert (found.row.seq, found.number) == (len(records), len(records) - 1)
    # The last one may have been written while its answer was on the way.
    assert acknowledged[-1] <= len(records) <= acknowledged[-1] + 1
    return len(records)


def main() -> None:
    """Write until somebody kills us."""
    url, name = sys.argv[1:]
    store, run = open_store(url), RunId(name)
    found = store.load(run)
    seq = 0 if found is None else found.row.seq
    if found is None:
        store.create(row(run), numbered(1))
        seq = 1
    for at in range(seq, seq + AT_MOST):
        sys.stdout.write(f"{at}\n")
        sys.stdout.flush()
        store.append(run, numbered(at + 1))


if __name__ == "__main__":
    main()
