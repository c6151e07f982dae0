"""Files are tagged in their order, on one core or several, whatever is wrong with some of them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from pathlib import Path, PosixPath

import pytest

from guardrails.batch import jobs as jobs_module
from guardrails.batch import units as units_module
from guardrails.batch import work as work_module
from guardrails.batch.files import trace_files
from guardrails.batch.items import Unread
from guardrails.batch.jobs import tag_files
from guardrails.batch.lines import TaggedRun, decode
from guardrails.batch.reading import Passed
from guardrails.batch.recorded import RecordedRun
from guardrails.batch.workers import preloading, spawning
from guardrails.errors import GuardrailsError, UsageError
from tests.batch.states import state, write_states

HEAVY = {"guardrails.engine", "guardrails.cli", "pydantic", "langchain_core", "kubernetes", "httpx"}


class Deadly(PosixPath):
    """A path that ends the process to which it is sent."""

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        """Return what the other process is to do."""
        return os._exit, (1,)


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


@pytest.mark.parametrize("context", [spawning, preloading])
def test_however_processes_start_the_lines_are_the_same(
    three: list[Path], context: Callable[[], BaseContext]
) -> None:
    """The command has what they need loaded once; a library lets each load it."""
    assert list(tag_files(three, jobs=2, context=context())) == list(tag_files(three))


def test_nothing_is_read_before_its_lines_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files there are, little is held."""
    made: list[str] = []

    def units(*_: object, **__: object) -> Iterator[Unread]:
        for name in "abc":
            made.append(name)
            yield Unread(source=name, said=f"{name}: cannot read it")

    monkeypatch.setattr(jobs_module, "units_of", units)
    items = tag_files([], jobs=2)
    assert ids([next(items)]) == ["!"]
    assert made == ["a"]
    items.close()


def test_lines_of_many_units_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than are ever under way, the first the longest."""
    monkeypatch.setattr(units_module, "RUNS_BYTES", 1)
    monkeypatch.setattr(jobs_module, "HELD", 4)
    runs = [state(f"a{n}", looks=40 * (n == 0)) for n in range(30)]
    many = write_states(tmp_path / "a.jsonl", runs)
    assert ids(list(tag_files([many], jobs=2))) == [f"a{n}" for n in range(30)]


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    """And what it may have died of; nothing hangs."""
    file = write_states(tmp_path / "a.jsonl", [state("a0")])
    with pytest.raises(GuardrailsError, match="fewer --jobs need less"):
        list(tag_files([file, Deadly(tmp_path / "none.jsonl")], jobs=2))


def test_a_judge_that_cannot_be_set_up_ends_all(three: list[Path]) -> None:
    """With several processes as with one: it would be so for every run."""
    with pytest.raises(UsageError):
        list(tag_files(three, jobs=2, judge="nobody:none"))


def test_the_engine_is_not_loaded_for_runs_that_nobody_guarded(three: list[Path]) -> None:
    """It takes as long to load as all else; nor are frameworks, which take longer."""
    code = f"""
import sys
from pathlib import Path
from guardrails.batch.jobs import tag_files
print(len(list(tag_files([Path({str(three[0])!r})]))))
print(sorted({HEAVY!r} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["9", "[]"]


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
    sound = work_module.tag_run

    def broken(run: RecordedRun, **more: object) -> TaggedRun:
        if run.run_id == "c0":
            raise ZeroDivisionError("by nothing")
        return sound(run, **more)

    monkeypatch.setattr(work_module, "tag_run", broken)
    items = list(tag_files(three[2:]))
    assert ids(items) == ["!", "c1"]
    assert items[0].bug
    assert "c0" in items[0].said


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
