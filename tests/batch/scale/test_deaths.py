"""Processes are killed in the middle of the work: nothing is lost, and nothing doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guardrails.batch.scale.local import done_locally
from guardrails.batch.scale.manifest import manifest_for
from guardrails.batch.scale.plan import planned
from guardrails.batch.scale.work import Job
from guardrails.errors import GuardrailsError
from tests.batch.scale.datasets import JSONL, files_of, states, write_table


class Deadly(Job, frozen=True):
    """A job that ends the process to which it is sent."""

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        """Return what the other process is to do."""
        return os._exit, (1,)


PROGRAM = """
import sys
from guardrails.batch.scale import plan
from guardrails.batch.scale.settings import PartForm, Settings
from guardrails.batch.scale.tagging import tag_dataset

plan.UNIT_BYTES = 1
tell = lambda done, of: print(done, of, flush=True)
tag_dataset([sys.argv[1]], sys.argv[2], settings=Settings(form=PartForm.JSONL), jobs=2, tell=tell)
"""


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 40 groups of two runs."""
    folder = tmp_path_factory.mktemp("traces")
    return write_table(folder / "traces.parquet", states(80, looks=40), group=2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, traces: Path) -> dict[str, bytes]:
    """What an output holds when nobody is killed."""
    return files_of(tagged(traces, tmp_path_factory.mktemp("whole") / "out"))


def tagged(traces: Path, out: Path) -> Path:
    """Tag to the end, in processes that nobody kills."""
    with started(traces, out) as program:
        assert program.wait(timeout=90) == 0
    return out


def started(traces: Path, out: Path) -> subprocess.Popen[str]:
    """Begin to tag with two processes, a unit for each row group."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(traces), str(out)], stdout=subprocess.PIPE, text=True
    )


def workers(parent: int) -> Iterator[int]:
    """Yield the processes that do the work of another one."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            yield int(child)


def test_a_killed_worker_loses_nothing(
    traces: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    """The command goes on, and its output is the same to the byte."""
    out = tmp_path / "out"
    with started(traces, out) as program:
        assert program.stdout is not None
        program.stdout.readline()
        os.kill(next(workers(program.pid)), signal.SIGKILL)
        told = program.stdout.read().splitlines()
        assert program.wait(timeout=90) == 0
    assert told[-1] == "40 40"
    assert files_of(out) == whole


def works(pid: int) -> bool:
    """Tell whether a process is there; one that has ended may wait long for somebody to ask."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def test_a_killed_command_is_gone_on_with(
    traces: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    """Its workers leave with it, and the same command does what is left."""
    out = tmp_path / "out"
    with started(traces, out) as program:
        assert program.stdout is not None
        for _ in range(3):
            program.stdout.readline()
        left = list(workers(program.pid))
        assert len(left) == 2
        program.kill()
        program.wait(timeout=30)
        until = time.monotonic() + 30
        while any(map(works, left)):
            assert time.monotonic() < until
            time.sleep(0.05)
    assert 3 <= len(list((out / "_units").glob("*.json"))) < 40
    assert files_of(tagged(traces, out)) == whole


def test_workers_that_keep_dying_end_the_command(tmp_path: Path) -> None:
    """With the place, and what to do; nothing is tried for ever."""
    traces = write_table(tmp_path / "a.parquet", states(4))
    units, _ = planned([str(traces)], columns=JSONL.columns)
    manifest = manifest_for(units, JSONL)
    job = Deadly(output=str(tmp_path / "out"), digest=manifest.digest, settings=JSONL)
    with pytest.raises(GuardrailsError, match=r"3 worker processes died .* near .*a\.parquet"):
        list(done_locally(units, job, manifest, jobs=2))
