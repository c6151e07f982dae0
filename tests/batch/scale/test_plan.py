"""Data sets are cut into units that hold every row once, wherever the cuts fall."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.batch.scale import plan as plan_module
from guardrails.batch.scale.plan import Kind, is_dataset, planned
from guardrails.batch.scale.rows import Broken, Row, rows_of, told_by_path
from guardrails.batch.scale.table import Columns
from guardrails.errors import UsageError
from tests.batch.scale.datasets import lines, states, write_table

COLUMNS = Columns()


def rows(*sources: Path | str) -> list[Row | Broken]:
    """Return the rows of some sources."""
    units, _ = planned([str(one) for one in sources], columns=COLUMNS)
    return [row for unit in units for row in rows_of(unit, COLUMNS)]


def ids(found: list[Row | Broken]) -> list[str]:
    """Return the ids of runs, and `!` for what is broken."""
    return ["!" if isinstance(row, Broken) else str(row.run.run_id) for row in found]


@given(size=st.integers(1, 3_000), broken=st.sets(st.integers(0, 7)), end=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_line_is_in_one_range(
    tmp_path_factory: pytest.TempPathFactory, *, size: int, broken: set[int], end: bool
) -> None:
    """Wherever files are cut, with an end to the last line or without."""
    data = lines(states(8), broken=sorted(broken))
    file = tmp_path_factory.mktemp("cut") / "a.jsonl"
    file.write_bytes(data if end else data.rstrip(b"\n"))
    expected = [one for n in range(8) for one in (["!"] if n in broken else []) + [f"r{n}"]]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plan_module, "UNIT_BYTES", size)
        assert ids(rows(file)) == expected


def test_row_groups_are_put_together_up_to_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in one unit; rows are numbered through the file."""
    file = write_table(tmp_path / "a.parquet", states(30), group=5)
    monkeypatch.setattr(plan_module, "UNIT_BYTES", 20_000)
    units, _ = planned([str(file)], columns=COLUMNS)
    assert {unit.kind for unit in units} == {Kind.GROUPS}
    assert 1 < len(units) < 6
    found = rows(file)
    assert ids(found) == [f"row-{n}" for n in range(30)]
    assert [row.name for row in found] == [str(n) for n in range(30)]


def test_a_packed_file_is_a_unit_and_loses_no_more_than_its_broken_lines(tmp_path: Path) -> None:
    """Its lines are read for themselves, as those of others."""
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(lines(states(3), broken=[1])))
    assert ids(rows(file)) == ["r0", "!", "r1", "r2"]


def test_a_run_that_is_spread_over_lines_is_read_as_a_whole(tmp_path: Path) -> None:
    """A chat log has a message on each line."""
    file = tmp_path / "talk.jsonl"
    said = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    file.write_text("".join(json.dumps(one) + "\n" for one in said))
    assert ids(rows(file)) == ["talk"]


def test_an_export_that_wraps_a_list_is_read_as_a_whole(tmp_path: Path) -> None:
    """It is one value, on one line."""
    file = tmp_path / "export.json"
    file.write_text(json.dumps({"runs": states(3)}))
    assert ids(rows(file)) == ["r0", "r1", "r2"]


def test_a_broken_packed_file_is_a_broken_row(tmp_path: Path) -> None:
    """It does not end the command."""
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(lines(states(3)))[:200])
    (broken,) = rows(file)
    assert isinstance(broken, Broken)
    assert "gzip" in broken.reason


def test_files_that_are_nobodys_data_are_left_alone(tmp_path: Path) -> None:
    """Those of `_` and `.`; others that are no traces by name are passed over and named."""
    write_table(tmp_path / "traces" / "model=a" / "a.parquet", states(2))
    (tmp_path / "traces" / "_SUCCESS").write_text("")
    (tmp_path / "traces" / "README.md").write_text("# traces")
    units, passed = planned([str(tmp_path / "traces")], columns=COLUMNS)
    assert len(units) == 1
    assert [Path(one.source).name for one in passed] == ["README.md"]


def test_folders_say_what_columns_do_not(tmp_path: Path) -> None:
    """As Hive and Spark write partitions."""
    file = write_table(tmp_path / "model=acme%3Alarge" / "fault=oom" / "a.parquet", states(1))
    (row,) = rows(file)
    assert (row.run.model, row.run.fault) == ("acme:large", "oom")
    assert told_by_path("x/model=__HIVE_DEFAULT_PARTITION__/a").model is None


@pytest.mark.parametrize("source", ["none.parquet", "none/", "none*.jsonl"])
def test_what_is_not_there_is_told(tmp_path: Path, source: str) -> None:
    """Before the work begins."""
    with pytest.raises(UsageError, match="there is no such file"):
        planned([str(tmp_path / source)], columns=COLUMNS)


def test_a_table_without_traces_is_told_with_its_columns(tmp_path: Path) -> None:
    """And which option says where they are."""
    file = write_table(tmp_path / "a.parquet", states(1))
    with pytest.raises(UsageError, match="there are run_id, payload: say which does with --column"):
        planned([str(file)], columns=Columns(payload="trace", messages="talk"))


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    """By itself and in its folder."""
    file = write_table(tmp_path / "in" / "a.parquet", states(3))
    assert len(rows(file, file.parent)) == 3


def test_a_file_that_changed_is_not_read(tmp_path: Path) -> None:
    """Its units were cut of another one."""
    file = write_table(tmp_path / "a.parquet", states(3))
    (unit,), _ = planned([str(file)], columns=COLUMNS)
    write_table(file, states(9))
    with pytest.raises(UsageError, match="changed while it was worked on"):
        list(rows_of(unit, COLUMNS))


def test_which_sources_are_data_sets(tmp_path: Path) -> None:
    """URLs, Parquet, and folders with some of it; other folders are read as ever."""
    write_table(tmp_path / "in" / "a.parquet", states(1))
    (tmp_path / "plain").mkdir()
    sets = ["s3://bucket/runs", "a.PARQUET", str(tmp_path / "in")]
    assert all(map(is_dataset, sets))
    assert not any(map(is_dataset, ["a.jsonl", str(tmp_path / "plain")]))
