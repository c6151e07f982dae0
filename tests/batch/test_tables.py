"""Tagged runs become columns, and with pyarrow a Parquet file."""

import sys
from pathlib import Path

import pytest

from guardrails.batch import rows
from guardrails.batch.columns import COLUMNS, ColumnType, columns_of
from guardrails.batch.lines import AfterDecisive
from guardrails.batch.parquet import write_parquet
from guardrails.errors import UsageError
from tests.batch.states import tagged_run

RUNS = [
    tagged_run("1", modes=["1.3", "3.1"], tokens=700, seconds=2.5, notes={"agent": "plain"}),
    tagged_run("2", after_decisive=AfterDecisive(steps=1, tokens=None, seconds=None)),
]


def test_every_column_has_a_value_for_every_run() -> None:
    """Tables of two calls can be put together."""
    columns = columns_of(RUNS)
    assert list(columns) == list(COLUMNS)
    assert {len(column) for column in columns.values()} == {2}


def test_without_runs_there_are_columns() -> None:
    """Empty ones."""
    assert columns_of([]) == {name: [] for name in COLUMNS}


def test_columns_hold_what_the_lines_hold() -> None:
    """Null where nothing is known."""
    columns = columns_of(RUNS)
    assert columns["run_id"] == ["1", "2"]
    assert columns["outcome"] == ["wrong", "wrong"]
    assert columns["tokens"] == [700, None]
    assert columns["modes"] == [["1.3", "3.1"], []]
    assert columns["steps_after_decisive"] == [None, 1]
    assert columns["notes"] == [[("agent", "plain")], []]


def test_each_mode_has_a_column_with_its_number() -> None:
    """What most people group by."""
    columns = columns_of(RUNS)
    assert (columns["fm_1_3"], columns["fm_2_1"]) == ([1, 0], [0, 0])


@pytest.mark.parametrize("name", [n for n, kind in COLUMNS.items() if kind is ColumnType.TEXT])
def test_text_columns_hold_plain_text(name: str) -> None:
    """Arrow takes no enumerations."""
    assert {type(value) for value in columns_of(RUNS)[name]} == {str}


def test_findings_are_plain_values() -> None:
    """As a struct of Arrow takes them."""
    (found, other), _ = columns_of(RUNS)["findings"]
    assert (found["mode"], other["mode"]) == ("1.3", "3.1")
    assert type(found["severity"]) is str


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way out is in the error, and no file is left behind."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"guarded-agent\[parquet\]"):
        write_parquet(RUNS, tmp_path / "runs.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_file_gives_the_runs_back(tmp_path: Path) -> None:
    """Row group by row group."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "runs.parquet"
    assert write_parquet(iter(RUNS * 700), path) == 1400
    table = parquet.read_table(path)
    assert table.column_names == list(COLUMNS)
    assert table.column("tokens").to_pylist()[:2] == [700, None]
    assert table.column("notes").to_pylist()[0] == [("agent", "plain")]
    assert table.column("findings").to_pylist()[0][0]["mode"] == "1.3"
    assert parquet.ParquetFile(path).num_row_groups == 2


def test_a_row_of_text_marks_what_decides() -> None:
    """And says so when nothing was found."""
    first, second = (rows.row(run) for run in RUNS)
    assert first.endswith("1.3 3.1*")
    assert second.endswith("  -")


def test_a_long_id_keeps_its_end() -> None:
    """Ids that share a beginning stay apart."""
    assert rows.row(tagged_run("x" * 60 + "-7")).split()[0].endswith("x-7")
