"""Files are cut into units of work whose lines, put together, are those of the files."""

from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.batch import units as units_module
from guardrails.batch.eventlog import EventLog
from guardrails.batch.items import Unread
from guardrails.batch.reading import read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.units import FILES_BYTES, Files, Runs, Unit, packed, read, units_of, unpacked
from tests.batch.states import state, write_states


def names(unit: Unit) -> list[str]:
    """Return the files, or the runs, of a unit; `!` for what was not read."""
    match unit:
        case Files():
            return [path.name for path in unit.paths]
        case Runs():
            return [unpacked(run).run_id for run in unit.runs]
        case Unread():
            return ["!"]


def file(path: Path, size: int) -> Path:
    """Write a file of a size that nobody reads here."""
    path.write_bytes(b"{" * size)
    return path


def test_small_files_go_together(tmp_path: Path) -> None:
    """Handing over each of them would cost more than tagging it."""
    paths = [file(tmp_path / f"{n}.json", FILES_BYTES // 4) for n in range(20)]
    found = [names(unit) for unit in units_of(paths, jobs=2)]
    assert [len(one) for one in found] == [4] * 5
    assert list(chain(*found)) == [path.name for path in paths]


def test_files_of_a_size_go_alone(tmp_path: Path) -> None:
    """None of them is large beside the others, so that workers read them."""
    paths = [file(tmp_path / f"{n}.json", FILES_BYTES) for n in range(16)]
    assert list(units_of(paths, jobs=4)) == [Files(paths=(path,)) for path in paths]


def test_a_large_file_is_handed_out_by_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its place among the others, and what stopped the reading after its runs."""
    monkeypatch.setattr(units_module, "RUNS_BYTES", 3000)
    runs = [state(f"a{n}") for n in range(9)]
    large = write_states(tmp_path / "large.jsonl", [*runs, {"neither": "run", "nor": "trace"}])
    alone = [run.run_id for run in read(large) if isinstance(run, RecordedRun)]
    first, last = (file(tmp_path / name, 50) for name in ("first.json", "last.json"))
    found = [names(unit) for unit in units_of([first, large, last], jobs=2)]
    assert list(chain(*found)) == [first.name, *alone, "!", last.name]
    assert len(found) > len([first, large, "!", last])


def test_files_that_are_not_there_are_left_to_a_worker(tmp_path: Path) -> None:
    """It says so, as with one job."""
    paths = [tmp_path / "none.json", tmp_path / "neither.json"]
    assert [names(unit) for unit in units_of(paths, jobs=2)] == [["none.json", "neither.json"]]


def test_a_run_comes_to_a_worker_as_it_was(tmp_path: Path) -> None:
    """All of it: events, times, notes."""
    path = write_states(tmp_path / "a.jsonl", [state(f"a{n}", looks=n) for n in range(4)])
    for run in read_runs(path):
        assert isinstance(packed(run), bytes)
        assert unpacked(packed(run)) == run


@given(st.text(st.characters()))
def test_a_run_of_any_text_comes_to_a_worker(text: str) -> None:
    """Halves of surrogate pairs too, which no reader lets through."""
    log = EventLog("a0")
    log.replied(text)
    run = RecordedRun(run_id=log.run, format="own", events=log.events)
    assert unpacked(packed(run)) == run
