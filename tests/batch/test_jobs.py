"""Files are tagged in their order, on one core or several, whatever is wrong with some of them."""

from pathlib import Path

import pytest

from guardrails.batch import jobs as jobs_module
from guardrails.batch.files import trace_files
from guardrails.batch.jobs import Unread, large_files, tag_files
from guardrails.batch.lines import TaggedRun, decode
from guardrails.batch.reading import Passed
from guardrails.batch.recorded import RecordedRun
from tests.batch.states import state, write_states


def ids(items: list) -> list[str]:
    """Return the ids of the runs, and `!` for what was not read."""
    return ["!" if isinstance(item, Unread) else decode(item).run_id for item in items]


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three files: a large one, a broken one and a small one."""
    large = write_states(tmp_path / "a.jsonl", [state(f"a{n}", looks=n) for n in range(9)])
    broken = write_states(tmp_path / "b.jsonl", [{"neither": "run", "nor": "trace"}])
    small = write_states(tmp_path / "c.jsonl", [state("c0"), state("c1")])
    return [large, broken, small]


def test_runs_come_in_the_order_of_the_files(three: list[Path]) -> None:
    """And in each file's own."""
    found = ids(list(tag_files(three)))
    assert found == [*(f"a{n}" for n in range(9)), "!", "c0", "c1"]


def test_several_processes_give_the_same_lines(three: list[Path]) -> None:
    """Byte for byte, errors included."""
    alone = list(tag_files(three))
    assert list(tag_files(three, jobs=2)) == alone


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    """It costs no other file anything."""
    (unread,) = tag_files([tmp_path / "none.jsonl"])
    assert isinstance(unread, Unread)
    assert "none.jsonl" in unread.said
    assert "\n" not in unread.said
    assert not unread.bug


def test_a_run_that_breaks_a_detector_costs_no_other_run(
    three: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is our bug, and named as one."""
    sound = jobs_module.tag_run

    def broken(run: RecordedRun, **more: object) -> TaggedRun:
        if run.run_id == "c0":
            raise ZeroDivisionError("by nothing")
        return sound(run, **more)

    monkeypatch.setattr(jobs_module, "tag_run", broken)
    items = list(tag_files(three[2:]))
    assert ids(items) == ["!", "c1"]
    assert items[0].bug
    assert "c0" in items[0].said


def test_a_file_that_is_large_beside_the_others_is_handed_out_by_runs(three: list[Path]) -> None:
    """One that holds more than a job's share of all bytes."""
    assert large_files(three, jobs=2) == {three[0]}
    assert large_files(three[:1], jobs=2) == {three[0]}
    assert large_files(three, jobs=1) == frozenset()


def test_what_stops_a_large_file_is_told_after_its_runs(tmp_path: Path) -> None:
    """As it is with one job."""
    runs = [state(f"a{n}") for n in range(5)]
    torn = write_states(tmp_path / "a.jsonl", [*runs, {"neither": "run", "nor": "trace"}])
    alone, together = (list(tag_files([torn], jobs=jobs)) for jobs in (1, 2))
    assert together == alone
    assert ids(alone)[-1] == "!"


def test_a_folder_stands_for_its_traces(tmp_path: Path, three: list[Path]) -> None:
    """Sorted; what is none is passed over by name."""
    (tmp_path / "notes.md").write_text("# notes\n")
    found = list(trace_files([tmp_path]))
    passed = [one.path.name for one in found if isinstance(one, Passed)]
    assert passed == ["b.jsonl", "notes.md"]
    assert [one for one in found if isinstance(one, Path)] == [three[0], three[2]]


def test_a_folder_without_traces_is_told(tmp_path: Path) -> None:
    """An empty result would look like a sound one."""
    (unread,) = trace_files([tmp_path])
    assert isinstance(unread, Unread)
    assert "no traces in the folder" in unread.said
