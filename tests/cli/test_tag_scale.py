"""`tag` into folders and `vectors` of them, by the command line."""

import json
from pathlib import Path

import pytest

from guardrails.batch.scale import tagging
from guardrails.cli.tagscale import Engine
from tests.batch.scale.datasets import states, write_table

USAGE = 2


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """A folder with a table of six traces, one of them broken."""
    write_table(tmp_path / "in" / "a.parquet", states(6), broken=[2])
    return tmp_path / "in"


def test_a_folder_takes_parts_and_the_code_says_what_is_broken(
    cli, traces: Path, tmp_path: Path
) -> None:
    """Counts and the quarantine are on standard error; again, the same is said."""
    out = f"{tmp_path / 'out'}/"
    for before in ("", ", 1 of them done before"):
        ran = cli("tag", traces, "--output", out, "--partition-by", "outcome")
        assert ran.code == USAGE
        told, error = ran.err.splitlines()
        assert told == f"tagged 5 runs into 2 parts (1 units of work{before})"
        assert error == f"error: 1 row could not be read: see {out}_quarantine.jsonl"


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_vectors_of_parts_are_those_of_traces(cli, traces: Path, tmp_path: Path, form: str) -> None:
    """By DuckDB, or line by line."""
    cli("tag", traces, "--output", f"{tmp_path / 'out'}/", "-o", form)
    ran = cli("vectors", tmp_path / "out", "--by", "agent", "-o", "json")
    assert ran.code == 0
    assert json.loads(ran.out)["vectors"] != []
    assert ran.out == cli("vectors", traces, "--by", "agent", "-o", "json").out


def test_a_table_of_traces_is_tagged_as_lines_too(cli, traces: Path) -> None:
    """With the place of what cannot be read."""
    ran = cli("tag", traces)
    assert ran.code == USAGE
    assert "a.parquet: row 2: " in ran.error
    assert len(ran.out.splitlines()) == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "ray"], "need --output FOLDER/"),
        (["--output", "OUT/", "--partition-by", "colour"], "no such key; there are model"),
        (["--output", "OUT/", "-o", "table"], "a folder takes -o parquet or -o jsonl"),
        (["--output", "OUT/", "--strict"], "go to the quarantine"),
        (["--column", "x=y"], "FIELD is one of payload"),
        (["--output", "nowhere://x/"], "nowhere"),
    ],
)
def test_options_that_do_not_go_together(
    cli, traces: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    """One line each, before the work."""
    ran = cli("tag", traces, *(one.replace("OUT", str(tmp_path / "out")) for one in options))
    assert ran.code == USAGE
    assert said in ran.error


def test_the_engines_of_the_command_line_are_those_of_the_library() -> None:
    """The command names them itself, so that `--help` loads nothing."""
    assert [str(one) for one in Engine] == [str(one) for one in tagging.Engine]
