"""An output is made once, gone on with where it stopped, and never mixed with other work."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow.dataset as ds
import pytest

from guardrails.batch.lines import decode
from guardrails.batch.scale import local as local_module
from guardrails.batch.scale import plan as plan_module
from guardrails.batch.scale.settings import PartitionKey, Settings
from guardrails.batch.scale.tagging import tag_dataset
from guardrails.batch.scale.work import Done, Job, do_unit
from guardrails.errors import UsageError
from tests.batch.scale.datasets import JSONL, PARQUET, files_of, held, lines, states, write_table


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 20 runs and two broken lines, in several units."""
    monkeypatch.setattr(plan_module, "UNIT_BYTES", 6_000)
    file = tmp_path / "runs.jsonl"
    file.write_bytes(lines(states(20), broken=[3, 15]))
    return file


@pytest.fixture
def memory() -> Iterator[str]:
    """A URL in the memory of this process, empty again afterwards."""
    yield "memory://lake"
    fsspec.filesystem("memory").rm("/lake", recursive=True)


def stops_after(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the work break off after some units."""
    left = [number]

    def breaking(unit: object, job: Job) -> Done:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return do_unit(unit, job)

    monkeypatch.setattr(local_module, "do_unit", breaking)


def broken_off(runs: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the work break off after two units."""
    with monkeypatch.context() as patched:
        stops_after(2, patched)
        with pytest.raises(KeyboardInterrupt):
            tag_dataset([str(runs)], str(out), settings=JSONL)


def test_every_run_is_in_a_part_and_broken_rows_in_the_quarantine(
    runs: Path, tmp_path: Path
) -> None:
    """With their place and reason, how they begin, and no secret."""
    out = tmp_path / "out"
    summary = tag_dataset([str(runs)], str(out), settings=JSONL)
    assert (summary.rows, summary.bad, summary.bugs) == (20, 2, 0)
    assert [run.run_id for run in held(str(out))] == [f"r{n}" for n in range(20)]
    bad = [json.loads(line) for line in (out / "_quarantine.jsonl").read_text().splitlines()]
    data = runs.read_bytes()
    assert [data[int(one["row"]) :][:10] for one in bad] == [b'{"broken":'] * 2
    assert all(one["source"] == str(runs) and "not JSON" in one["reason"] for one in bad)
    assert all(one["size"] == len(r'{"broken": x, "password": "hunter2hunter2"}') for one in bad)
    assert all("\\xff" in one["text"] and "hunter2hunter2" not in one["text"] for one in bad)


def test_nothing_is_left_but_parts_manifest_and_quarantine(runs: Path, tmp_path: Path) -> None:
    """No record and no piece; readers of data sets pass over the rest."""
    tag_dataset([str(runs)], str(tmp_path / "out"), settings=PARQUET)
    others = [name for name in files_of(tmp_path / "out") if not name.startswith("part-")]
    assert sorted(others) == ["_manifest.json", "_quarantine.jsonl"]
    assert ds.dataset(tmp_path / "out", format="parquet").count_rows() == 20


def test_work_that_broke_off_is_gone_on_with(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done stays untouched, and all is as if it had not stopped."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    tag_dataset([str(runs)], str(whole), settings=JSONL)
    broken_off(runs, out, monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert len(before) == 2
    summary = tag_dataset([str(runs)], str(out), settings=JSONL)
    assert summary.resumed == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert files_of(out) == files_of(whole)


def test_a_part_without_its_record_is_written_again(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer died in between: nobody counts it, and it is not doubled."""
    out = tmp_path / "out"
    broken_off(runs, out, monkeypatch)
    (out / "_units" / "00001.json").unlink()
    assert tag_dataset([str(runs)], str(out), settings=JSONL).resumed == 1
    assert [run.run_id for run in held(str(out))] == [f"r{n}" for n in range(20)]


def test_what_is_complete_is_not_done_again(runs: Path, tmp_path: Path) -> None:
    """The counts are told again, the broken rows too."""
    out = tmp_path / "out"
    first = tag_dataset([str(runs)], str(out), settings=JSONL)
    before = files_of(out)
    again = tag_dataset([str(runs)], str(out), settings=JSONL)
    assert (again.rows, again.bad, again.resumed) == (first.rows, first.bad, first.units)
    assert files_of(out) == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(form=JSONL.form, modes=("FM-3.1",)), r'modes was \[\] and is \["FM-3.1"\] now'),
        (PARQUET, 'form was "jsonl" and is "parquet" now'),
        (Settings(form=JSONL.form, version="0.0.1"), "version was"),
    ],
)
def test_other_settings_are_refused(
    runs: Path, tmp_path: Path, settings: Settings, said: str
) -> None:
    """Rows that were asked for differently never stand side by side."""
    out = tmp_path / "out"
    tag_dataset([str(runs)], str(out), settings=JSONL)
    before = files_of(out)
    with pytest.raises(UsageError, match=said):
        tag_dataset([str(runs)], str(out), settings=settings)
    assert files_of(out) == before


def test_changed_inputs_are_refused(runs: Path, tmp_path: Path) -> None:
    """By the file that is another one now."""
    tag_dataset([str(runs)], str(tmp_path / "out"), settings=JSONL)
    runs.write_bytes(runs.read_bytes() + lines(states(1)))
    with pytest.raises(UsageError, match=r"inputs are not the same, .*runs\.jsonl"):
        tag_dataset([str(runs)], str(tmp_path / "out"), settings=JSONL)


def test_a_folder_of_somebody_else_is_left_alone(runs: Path, tmp_path: Path) -> None:
    """Its files are not ours to overwrite."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.jsonl").write_text("precious")
    with pytest.raises(UsageError, match=r"holds part-00000\.jsonl already"):
        tag_dataset([str(runs)], str(tmp_path / "out"), settings=JSONL)
    assert files_of(tmp_path / "out") == {"part-00000.jsonl": b"precious"}


def test_partitions_are_folders_that_readers_know(tmp_path: Path) -> None:
    """With signs that no folder takes, and a model that is not named."""
    models = ["acme/large:1", "", "plain"] * 4
    write_table(tmp_path / "in" / "a.parquet", states(12), model=models)
    keys = (PartitionKey.MODEL, PartitionKey.OUTCOME)
    out = tmp_path / "out"
    tag_dataset([str(tmp_path / "in")], str(out), settings=Settings(partition_by=keys))
    found = ds.dataset(out, format="parquet", partitioning="hive").to_table().to_pylist()
    assert sorted(one["model"] or "" for one in found) == sorted(models)
    assert {one["outcome"] for one in found} == {"right", "wrong"}


def test_a_partition_that_no_file_system_takes_is_refused(tmp_path: Path) -> None:
    """With the run, and what to do."""
    write_table(tmp_path / "a.parquet", states(1), fault=["x" * 500])
    settings = Settings(partition_by=(PartitionKey.FAULT,))
    with pytest.raises(UsageError, match="partition by something shorter"):
        tag_dataset([str(tmp_path / "a.parquet")], str(tmp_path / "out"), settings=settings)


def test_objects_are_read_and_written_by_url(memory: str) -> None:
    """Inputs by pattern, the output beside them."""
    files = fsspec.filesystem("memory")
    files.pipe_file("/lake/in/a.jsonl", lines(states(4), broken=[2]))
    files.pipe_file("/lake/in/b.jsonl", lines(states(2)))
    summary = tag_dataset([f"{memory}/in/*.jsonl"], f"{memory}/out/", settings=JSONL)
    assert (summary.rows, summary.bad, summary.units) == (6, 1, 2)
    assert {run.source for run in held(f"{memory}/out")} == {
        "memory://lake/in/a.jsonl",
        "memory://lake/in/b.jsonl",
    }


def test_memory_is_of_one_process(memory: str) -> None:
    """Said before a worker finds nothing there."""
    fsspec.filesystem("memory").pipe_file("/lake/a.jsonl", lines(states(1)))
    with pytest.raises(UsageError, match="take --jobs 1"):
        tag_dataset([f"{memory}/a.jsonl"], f"{memory}/out", settings=JSONL, jobs=2)


def test_parts_hold_what_lines_hold(runs: Path, tmp_path: Path) -> None:
    """Both forms of output say the same of each run."""
    for settings in (JSONL, PARQUET):
        tag_dataset([str(runs)], str(tmp_path / settings.form), settings=settings)
    rows = ds.dataset(tmp_path / "parquet", format="parquet").to_table().to_pylist()
    text = b"".join(path.read_bytes() for path in sorted((tmp_path / "jsonl").glob("part-*")))
    expected = [(run.run_id, list(run.modes), run.events) for run in map(decode, text.splitlines())]
    assert [(row["run_id"], row["modes"], row["events"]) for row in rows] == expected
