"""`tag` and `vectors` on files, folders, broken files and each other's output."""

import json
from pathlib import Path

import pytest

from guardrails.batch.vectors import By
from guardrails.cli.vectors import Group
from tests.batch.states import state, write_states

USAGE = 2


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A file of five runs: three that fail without a look, two that look and are right."""
    return write_states(
        tmp_path / "runs.jsonl",
        [
            *(state(f"wrong-{n}") for n in range(3)),
            *(state(f"right-{n}", looks=4, right=True) for n in range(2)),
        ],
    )


def lines(text: str) -> list[dict]:
    """Return the objects of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_each_run_is_a_line(cli, runs: Path) -> None:
    """In the order of the file, with its source as it was given."""
    ran = cli("tag", runs)
    assert ran.code == 0
    found = lines(ran.out)
    assert [one["run_id"] for one in found] == [
        "wrong-0", "wrong-1", "wrong-2", "right-0", "right-1"
    ]  # fmt: skip
    assert {one["source"] for one in found} == {str(runs)}
    assert all("3.1" in one["modes"] for one in found[:3])


def test_processes_change_nothing(cli, runs: Path, tmp_path: Path) -> None:
    """Neither lines nor their order."""
    other = write_states(tmp_path / "more.jsonl", [state("more-0"), state("more-1", looks=2)])
    alone, together = cli("tag", runs, other), cli("tag", runs, other, "--jobs", "2")
    assert together.out == alone.out
    assert together.code == alone.code == 0


def test_what_cannot_be_read_is_told_and_costs_nothing_else(cli, runs: Path) -> None:
    """One line each; the code says so."""
    ran = cli("tag", runs.parent / "none.jsonl", runs)
    assert ran.code == USAGE
    assert "none.jsonl" in ran.error
    assert len(lines(ran.out)) == 5


def test_a_folder_is_read_and_what_is_no_trace_is_named(cli, runs: Path) -> None:
    """On standard error; it is no mistake."""
    (runs.parent / "labels.json").write_text('{"answer": 42}')
    ran = cli("tag", runs.parent)
    assert ran.code == 0
    assert len(lines(ran.out)) == 5
    assert "passed over" in ran.err
    assert "labels.json" in ran.err


def test_strict_stops_there(cli, runs: Path) -> None:
    """For pipelines that want all or nothing."""
    ran = cli("tag", runs.parent / "none.jsonl", runs, "--strict")
    assert ran.code == USAGE
    assert "none.jsonl" in ran.error
    assert ran.out == ""


def test_only_some_modes(cli, runs: Path) -> None:
    """With or without the prefix; every run keeps its line."""
    found = lines(cli("tag", runs, "--mode", "FM-1.5").out)
    assert len(found) == 5
    assert all(set(one["modes"]) <= {"1.5"} for one in found)


def test_a_mode_that_is_none_is_refused(cli, runs: Path) -> None:
    """The error names those that there are."""
    ran = cli("tag", runs, "--mode", "4.1")
    assert ran.code == USAGE
    assert ran.error.startswith("--mode 4.1: no such mode")


def test_a_file_instead_of_standard_output(cli, runs: Path, tmp_path: Path) -> None:
    """The same bytes."""
    out = tmp_path / "tags.jsonl"
    assert cli("tag", runs, "--output", out).out == ""
    assert out.read_text() == cli("tag", runs).out


def test_a_folder_that_does_not_exist_is_told_before_the_work(cli, runs: Path) -> None:
    """Nobody waits for an hour to learn it."""
    ran = cli("tag", runs, "--output", runs.parent / "none" / "tags.jsonl")
    assert ran.code == USAGE
    assert "does not exist" in ran.error


def test_the_table_has_a_row_per_run(cli, runs: Path) -> None:
    """Under a head."""
    ran = cli("tag", runs, "-o", "table")
    head, *rows = ran.out.splitlines()
    assert head.startswith("RUN")
    assert [row.split()[0] for row in rows][:2] == ["wrong-0", "wrong-1"]


def test_parquet_needs_a_file(cli, runs: Path) -> None:
    """It is nothing for a terminal."""
    ran = cli("tag", runs, "-o", "parquet")
    assert ran.code == USAGE
    assert "--output" in ran.error


def test_vectors_of_traces(cli, runs: Path) -> None:
    """Failed runs against successful ones."""
    ran = cli("vectors", runs, "--by", "all", "-o", "json")
    assert ran.code == 0
    (vector,) = json.loads(ran.out)["vectors"]
    assert (vector["runs"], vector["failed"], vector["successful"]) == (5, 3, 2)
    (early,) = [one for one in vector["modes"] if one["mode"] == "3.1"]
    assert early["failed"] == 3


def test_vectors_of_lines_are_those_of_the_traces(cli, runs: Path, tmp_path: Path) -> None:
    """Nothing is tagged twice."""
    tags = tmp_path / "tags.jsonl"
    cli("tag", runs, "--output", tags)
    again = cli("vectors", tags, "--by", "fault", "-o", "csv")
    assert again.code == 0
    assert again.out == cli("vectors", runs, "--by", "fault", "-o", "csv").out


def test_a_torn_line_is_told(cli, runs: Path, tmp_path: Path) -> None:
    """With its place; the others count."""
    tags = tmp_path / "tags.jsonl"
    cli("tag", runs, "--output", tags)
    tags.write_bytes(tags.read_bytes()[:-40])
    ran = cli("vectors", tags, "--by", "all", "-o", "json")
    assert ran.code == USAGE
    assert f"{tags}:5" in ran.error
    assert json.loads(ran.out)["vectors"][0]["runs"] == 4


def test_a_line_of_a_newer_version_is_refused(cli, runs: Path, tmp_path: Path) -> None:
    """Its fields may mean something else."""
    tags = tmp_path / "tags.jsonl"
    cli("tag", runs, "--output", tags)
    tags.write_text(tags.read_text().replace('"schema":1', '"schema":99'))
    ran = cli("vectors", tags)
    assert ran.code == USAGE
    assert "newer guarded-agent" in ran.err


def test_advice_with_few_failed_runs_is_refused(cli, runs: Path) -> None:
    """Three failed runs tell no class."""
    ran = cli("vectors", runs, "--by", "all", "--advise")
    assert ran.code == 0
    assert "not told (3 failed runs" in ran.out
    assert "--profile" not in ran.out


def test_the_groups_of_the_command_line_are_those_of_the_library() -> None:
    """The command names them itself, so that `--help` loads nothing."""
    assert [str(one) for one in Group] == [str(one) for one in By]


def test_two_sets_are_compared(cli, runs: Path, tmp_path: Path) -> None:
    """As a table with a star for what is sure, and as JSON."""
    tags = tmp_path / "before.jsonl"
    assert cli("tag", runs, "--output", tags).code == 0
    told = cli("vectors", runs, "--by", "all", "--against", tags)
    assert told.code == 0
    assert "runs before," in told.out
    assert " points (" in told.out
    found = json.loads(cli("vectors", runs, "--by", "all", "--against", tags, "-o", "json").out)
    (group,) = found["compared"]["groups"]
    assert group["runs"] == group["runs_before"]
    assert all(mode["change"]["value"] == 0 for mode in group["modes"])


def test_a_comparison_has_no_csv(cli, runs: Path) -> None:
    """A row for each mode has no place for it."""
    ran = cli("vectors", runs, "--against", runs, "-o", "csv")
    assert ran.code == 2
    assert "--against: a comparison is written as table, json or html" in ran.err
