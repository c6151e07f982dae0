"""Tagging at scale: traces per second and core by engine, memory over time, and a death.

`python -m benchmarks.batch [--traces N] [--only ENGINE …] [--keep DIR]`. Each engine is the command
as shipped, in processes of its own, starts included, over the same synthetic data set
(`benchmarks.batch_traces`). In one more run a worker is killed after a third of the work. Outputs
of all runs are compared byte by byte. Figures of real traces stand beside those that were made
where GUARDRAILS_DATA names them.
"""

import argparse
import gzip
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import guarded_agent_entry
from benchmarks.batch_traces import AT, quantiles_of, write
from benchmarks.tables import save, show
from guardrails.batch.scale.manifest import Manifest, manifest_in
from guardrails.batch.scale.places import place_of
from guardrails.cli.exits import ExitCode

pq: Any = import_module("pyarrow.parquet")  # it has no types

TRACES = 100_000
REAL = "sre_runs_dev.jsonl.gz"
EVERY = 0.5
"""Seconds between two looks at memory."""
ENTRY = Path(guarded_agent_entry.__file__)
ENGINES = {
    "local, 1 core": ["-j", "1"],
    "local, 2 cores": ["-j", "2"],
    "ray, 2 cores": ["-j", "2", "--engine", "ray"],
    "local, 2 cores, a worker killed": ["-j", "2"],
}
QUARTERS = 4


@dataclass(slots=True)
class Watched:
    """What a run took."""

    seconds: float = 0.0
    code: int = 0
    resident: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """At each look: MB of the largest process, and of all together."""
    killed: int = 0
    """The unit of work after which a worker was killed."""


def main() -> int:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=TRACES, help="how many (default 100,000)")
    parser.add_argument("--only", nargs="*", default=[], help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--keep", type=Path, help="folder for the data, which stays")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="guarded-agent-batch-"))
    try:
        return _measured(
            folder, given.traces, [one for one in ENGINES if one in given.only or not given.only]
        )
    finally:
        if given.keep is None:
            shutil.rmtree(folder)


def _measured(folder: Path, number: int, engines: list[str]) -> int:
    began = time.monotonic()
    traces = folder / "traces"
    broken = write(traces, number)
    print(f"{number} traces, {broken} of them broken, written in {time.monotonic() - began:.0f} s")
    sizes = _sizes(traces)
    show("Bytes of a trace, by quantile", sizes)
    rows: list[dict[str, object]] = []
    outputs: dict[str, str] = {}
    load = os.getloadavg()[0]
    for engine in engines:
        out = folder / engine.replace(", ", "-").replace(" ", "-")
        watched = _run(traces, out, ENGINES[engine], kills="killed" in engine)
        outputs[engine] = _digest(out)
        rows.append(_row(engine, watched, out, number, broken))
    show(f"{number} traces", rows, width=150)
    same = len(set(outputs.values())) == 1
    code = ExitCode.USAGE if broken else ExitCode.OK  # rows that were put aside are told
    whole = all(row["lost"] == row["doubled"] == 0 and row["exit"] == code for row in rows)
    print(f"outputs are the same to the byte: {'yes' if same else 'NO'}")
    print(f"load average: {load:.1f} to {os.getloadavg()[0]:.1f}")
    results = {"traces": number, "broken": broken, "sizes": sizes, "engines": rows, "same": same}
    print(f"written: {save('batch', {**results, 'load before': load})}")
    return 0 if same and whole else 1


def _run(traces: Path, out: Path, options: list[str], *, kills: bool) -> Watched:
    command = [sys.executable, str(ENTRY), "tag", str(traces), "--output", f"{out}/", *options]
    environ = {**os.environ, "PYTHONPATH": str(ENTRY.parent)}
    watched = Watched()
    began = time.monotonic()
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as program:
        over = threading.Event()
        watcher = threading.Thread(target=_watch, args=(program.pid, out, watched, over, kills))
        watcher.start()
        _, said = program.communicate()
        over.set()
        watcher.join()
        watched.seconds = time.monotonic() - began
        watched.code = program.returncode
    print(said.strip())
    return watched


def _watch(root: int, out: Path, watched: Watched, over: threading.Event, kills: bool) -> None:  # noqa: FBT001
    """Look at memory; once a third of the work is done, kill a worker if that is asked."""
    while not over.wait(EVERY):
        below = list(_below(root))
        resident = [_resident(pid) for pid in (root, *below)]
        watched.resident.append((max(resident, default=0.0), sum(resident)))
        if kills and not watched.killed:
            done = len(list((out / "_units").glob("*.json")))
            found = manifest_in(place_of(str(out)))
            if found is not None and done * 3 >= len(found.units):
                worker = max(below, key=_resident)
                os.kill(worker, signal.SIGKILL)
                watched.killed = done


def _below(root: int) -> Iterator[int]:
    """Yield the processes below one, without itself."""
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid != root:
            yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                waiting += map(int, children.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile


def _resident(pid: int) -> float:
    """Return the MB that a process holds; 0 where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _row(engine: str, watched: Watched, out: Path, number: int, broken: int) -> dict[str, object]:
    manifest = manifest_in(place_of(str(out)))
    assert manifest is not None
    rows, distinct = _counted(out, manifest)
    bad = _quarantined(out)
    cores = 1 if "1 core" in engine else 2
    largest = [one for one, _ in watched.resident]
    second, last = _quarter(largest, 1), _quarter(largest, QUARTERS - 1)
    return {
        "engine": engine,
        "seconds": watched.seconds,
        "traces per s": number / watched.seconds,
        "per s and core": number / watched.seconds / cores,
        "rows": rows,
        "quarantined": bad,
        "lost": max(number - broken - distinct, 0) + max(broken - bad, 0),
        "doubled": rows - distinct + max(bad - broken, 0),
        "killed after unit": watched.killed or None,
        "largest process MB": max(largest, default=0.0),
        "2nd quarter MB": second,
        "last quarter MB": last,
        "all processes MB": max((whole for _, whole in watched.resident), default=0.0),
        "exit": watched.code,
    }


def _quarter(values: list[float], number: int) -> float | None:
    """Return the peak in one quarter of the time."""
    size = len(values) // QUARTERS
    some = values[number * size : (number + 1) * size]
    return max(some, default=None)


def _counted(out: Path, manifest: Manifest) -> tuple[int, int]:
    """Return how many rows the parts hold, and how many distinct runs those are."""
    ids: list[str] = []
    for part in (part for done in manifest.done for part in done.parts):
        ids += pq.read_table(out / part.path, columns=["run_id"])["run_id"].to_pylist()
    return len(ids), len(set(ids))


def _quarantined(out: Path) -> int:
    """Return how many rows were put aside."""
    quarantine = out / "_quarantine.jsonl"
    return quarantine.read_bytes().count(b"\n") if quarantine.exists() else 0


def _digest(out: Path) -> str:
    """Return a digest of all files of an output, with their names."""
    digest = sha256()
    for path in sorted(out.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(out)).encode() + path.read_bytes())
    return digest.hexdigest()


def _sizes(traces: Path) -> list[dict[str, object]]:
    """Return the quantiles of what was made, and of what is real where it is there."""
    made: list[int] = []
    for batch in pq.ParquetFile(traces / "traces.parquet").iter_batches(100, columns=["payload"]):
        made += [len(text) for text in batch["payload"].to_pylist()]
    rows = [_sizes_row("made", made)]
    data = os.environ.get("GUARDRAILS_DATA")
    if data is None or not (Path(data) / REAL).exists():
        print(f"GUARDRAILS_DATA names no folder with {REAL}: no figures of real traces")
        return rows
    with gzip.open(Path(data) / REAL) as file:
        return [*rows, _sizes_row("real", [len(line) for line in file])]


def _sizes_row(name: str, sizes: list[int]) -> dict[str, object]:
    by = {f"q{at:g}": size for at, size in zip(AT, quantiles_of(sizes), strict=True)}
    return {"traces": name, "number": len(sizes), "mean": sum(sizes) // len(sizes), **by}


if __name__ == "__main__":
    sys.exit(main())
