"""What several jobs of `guarded-agent tag` gain and cost: the command as a whole, its start too."""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mast.gold import run_files
from guardrails.batch.stored import lines_in, opened

PIECES = 16
"""Files that the SRE runs are cut into, so that every core has several."""
COPIES = 4
"""How often each run stands in them: starting takes half a second, which must not be what is
measured."""
REPEATS = 3
"""The quickest counts: what else the machine does only adds."""
_COMMAND = (sys.executable, "-c", "from guarded_agent_entry import main; main()", "tag")
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one run of the command took."""

    wall_seconds: float
    cpu_seconds: float
    """Of all its processes."""


def spread_rows(data: Path, jobs: int) -> list[dict[str, object]]:
    """Time of the wall and of processors with one job and with several, and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        files = run_files(data)
        cases: Mapping[str, Sequence[Path]] = {
            "SRE runs, one file": files[:1],
            f"SRE runs {COPIES} times, {PIECES} files": _cut(files, Path(folder)),
            "all data": [data],
        }
        rows: list[dict[str, object]] = []
        for name, paths in cases.items():
            rows += _rows(name, paths, jobs, Path(folder) / "out.jsonl")
    return rows


def _rows(name: str, paths: Sequence[Path], jobs: int, output: Path) -> list[dict[str, object]]:
    # Turn by turn: the machine may be quick for one spell and slow for the next.
    turns = [[_tag(paths, number, output) for number in (1, jobs)] for _ in range(REPEATS)]
    runs = sum(isinstance(line, bytes) for line in lines_in(output))
    alone, *_ = best = [_quickest(spent) for spent in zip(*turns, strict=True)]
    return [
        {
            "what": name,
            "jobs": number,
            "runs": runs,
            "seconds": spent.wall_seconds,
            "times as quick": alone.wall_seconds / spent.wall_seconds,
            "CPU seconds": spent.cpu_seconds,
            "CPU to one job's": spent.cpu_seconds / alone.cpu_seconds,
        }
        for number, spent in zip((1, jobs), best, strict=True)
    ]


def _tag(paths: Sequence[Path], jobs: int, output: Path) -> Spent:
    """Run the command, and wait for the processes that outlive it, whose time counts too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    cpu, began = _cpu_seconds(), time.perf_counter()
    subprocess.run(
        [*_COMMAND, "--jobs", str(jobs), "--output", str(output), *map(str, paths)],
        check=False,  # some of the data may be no trace
        stderr=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - began
    _wait_for_all()
    return Spent(wall_seconds=wall, cpu_seconds=_cpu_seconds() - cpu)


def _quickest(spent: Sequence[Spent]) -> Spent:
    return Spent(
        wall_seconds=min(one.wall_seconds for one in spent),
        cpu_seconds=min(one.cpu_seconds for one in spent),
    )


def _wait_for_all() -> None:
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cut(files: Sequence[Path], folder: Path) -> list[Path]:
    lines: list[bytes] = []
    for path in files:
        with opened(path) as file:
            lines += file.readlines()
    pieces = [folder / f"piece-{number:02d}.jsonl" for number in range(PIECES)]
    for number, piece in enumerate(pieces):
        piece.write_bytes(b"".join(lines[number::PIECES] * COPIES))
    return pieces
