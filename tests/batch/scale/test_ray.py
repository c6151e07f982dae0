"""Ray does the same work: its output is that of local processes, also after a death."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from guardrails.batch.scale import rayengine
from guardrails.batch.scale.aggregate import tagged_parts, tallies_of_parts
from guardrails.batch.scale.plan import planned
from guardrails.batch.scale.settings import PartitionKey, Settings
from guardrails.batch.scale.tagging import Engine, tag_dataset
from guardrails.batch.scale.work import Job
from guardrails.batch.vectors import By, vector_of
from guardrails.errors import UsageError
from tests.batch.scale.datasets import files_of, states, write_table

SETTINGS = Settings(partition_by=(PartitionKey.OUTCOME,))
PROGRAM = """
import sys
from pathlib import Path
from guardrails.batch.scale import plan
from guardrails.batch.scale.settings import PartitionKey, Settings
from guardrails.batch.scale.tagging import Engine, tag_dataset

plan.UNIT_BYTES = 1
settings = Settings(partition_by=(PartitionKey.OUTCOME,))
tell = lambda done, of: print(done, of, flush=True)
tag_dataset(
    [sys.argv[1]], sys.argv[2], settings=settings, engine=Engine.RAY, jobs=2, tell=tell
)
"""


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """A table of 30 groups of two runs, one of them broken."""
    return write_table(tmp_path / "in" / "a.parquet", states(60, looks=9), group=2, broken=[7])


def tasks(root: int) -> list[int]:
    """Return the processes below one in which Ray runs tasks."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            name = Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            continue
        waiting += map(int, below)
        if name.startswith(b"ray::") and b"IDLE" not in name:
            found.append(pid)
    return found


@pytest.mark.timeout(600)
def test_ray_makes_the_same_output_though_a_worker_is_killed(
    traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts, quarantine, manifest and vectors are those of local processes."""
    monkeypatch.setattr("guardrails.batch.scale.plan.UNIT_BYTES", 1)
    local, other = tmp_path / "local", tmp_path / "ray"
    tag_dataset([str(traces)], str(local), settings=SETTINGS)
    command = [sys.executable, "-c", PROGRAM, str(traces), str(other)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as program:
        assert program.stdout is not None
        assert program.stdout.readline().split()[1] == "30"
        for pid in tasks(program.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
        program.stdout.read()
        assert program.wait(timeout=200) == 0
    assert files_of(other) == files_of(local)
    vectors = []
    for folder in (local, other):
        parts = tagged_parts(str(folder))
        assert parts is not None
        tallied = tallies_of_parts(*parts, by=By.AGENT)
        vectors.append([vector_of(name, tally, by=By.AGENT) for name, tally in tallied.items()])
    assert vectors[0] == vectors[1] != []


def test_without_ray_the_extra_is_named(
    traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray is for those who need it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"guarded-agent\[ray\]"):
        tag_dataset([str(traces)], str(tmp_path / "o"), settings=SETTINGS, engine=Engine.RAY)


def test_what_the_caller_did_wrong_is_an_answer_and_no_death(tmp_path: Path) -> None:
    """Ray would begin it again and again."""
    file = write_table(tmp_path / "a.parquet", states(2))
    (unit,), _ = planned([str(file)], columns=SETTINGS.columns)
    write_table(file, states(3))
    job = Job(output=str(tmp_path / "out"), digest="", settings=SETTINGS)
    item = {"unit": msgspec.json.encode(unit)}
    said = rayengine.task(item, job=msgspec.json.encode(job), folder=str(Path.cwd()))
    assert "changed while it was worked on" in str(said["refused"])
