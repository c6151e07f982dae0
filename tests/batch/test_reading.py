"""Formats are told from content, in files and folders."""

import gzip
import json
from pathlib import Path

import pytest

from guardrails.batch import reading
from guardrails.batch.reading import files_in, known_formats, read_runs
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import EVENT_SCHEMA
from guardrails.errors import TraceError

CHAT = [{"role": "user", "content": "look"}, {"role": "assistant", "content": "cart is down"}]
CODEX = {
    "type": "response_item",
    "payload": {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "x"}],
    },
}


def _read(path: Path, *values: object) -> list[RecordedRun]:
    path.write_text("\n".join(map(json.dumps, values)))
    return list(read_runs(path))


def test_a_file_may_hold_runs_of_several_record_formats(tmp_path: Path) -> None:
    """Each value says for itself what it is."""
    tau = {"task_id": 7, "reward": 1.0, "traj": CHAT}
    runs = _read(tmp_path / "all.jsonl", {"messages": CHAT}, tau, CHAT)
    assert [(run.format, run.run_id) for run in runs] == [
        ("messages", "all#1"),
        ("tau", "task_7"),
        ("messages", "all#3"),
    ]


def test_a_record_of_no_known_format_is_refused_with_its_line(tmp_path: Path) -> None:
    """The runs before it are read: whoever wants all or nothing reads to the end."""
    with pytest.raises(
        TraceError, match=r"all.jsonl:2: no known trace format: an object with cost"
    ):
        _read(tmp_path / "all.jsonl", {"messages": CHAT}, {"cost": 1})


def test_what_stops_the_reading_costs_no_run_before_it(tmp_path: Path) -> None:
    """The runs that stand before it in the file are given, and then it is refused."""
    path = tmp_path / "runs.jsonl"
    states = [{"messages": CHAT, "run_id": name} for name in ("r-1", "r-2")]
    path.write_text("\n".join(map(json.dumps, (*states, {"a": 1}))))
    given: list[str] = []
    with pytest.raises(TraceError, match="no known trace format"):
        given.extend(run.run_id for run in read_runs(path))
    assert given == ["r-1", "r-2"]


def test_a_bug_of_ours_costs_no_run_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody foresaw it, and the run that was read is as good as ever."""
    path = tmp_path / "runs.jsonl"
    states = [{"messages": CHAT, "run_id": name} for name in ("r-1", "r-2")]
    path.write_text("\n".join(map(json.dumps, states)))
    told = reading.reader_of

    def broken(value: dict[str, object]) -> object:
        if value["run_id"] == "r-2":
            raise KeyError("run_id")
        return told(value)

    monkeypatch.setattr(reading, "reader_of", broken)
    given: list[str] = []
    with pytest.raises(KeyError):
        given.extend(run.run_id for run in read_runs(path))
    assert given == ["r-1"]


def test_formats_whose_runs_are_spread_over_lines_do_not_mix(tmp_path: Path) -> None:
    """A rollout with a span in it is two files in one."""
    span = {"span_id": "a", "attributes": {"gen_ai.operation.name": "chat"}}
    with pytest.raises(TraceError, match=r"x.jsonl:2: otel in a file that began as codex"):
        _read(tmp_path / "x.jsonl", CODEX, span)


def test_lines_that_the_format_does_not_know_are_passed_over(tmp_path: Path) -> None:
    """Newer versions of an agent write lines of kinds that did not exist."""
    (run,) = _read(tmp_path / "x.jsonl", CODEX, {"type": "mood", "value": "fine"}, CODEX)
    assert run.format == "codex"


def test_two_runs_of_one_id_are_told_apart_in_their_notes(tmp_path: Path) -> None:
    """Both are kept; the later one says that it is the second."""
    first, second = _read(tmp_path / "x.jsonl", *[{"run_id": "r1", "messages": CHAT}] * 2)
    assert (first.run_id, second.run_id) == ("r1", "r1")
    assert (first.notes.get("same_id"), second.notes["same_id"]) == (None, "2")


def test_a_trace_of_a_newer_guard_asks_for_an_update(tmp_path: Path) -> None:
    """Fields that we would overlook could change what is found."""
    header = {"type": "trace", "schema": EVENT_SCHEMA + 1, "run": "r1"}
    with pytest.raises(TraceError, match=r"x.jsonl: .*newer"):
        _read(tmp_path / "x.jsonl", header)


def test_an_event_that_is_none_is_refused(tmp_path: Path) -> None:
    """A trace of ours is read strictly: it came out of this program."""
    event = {"type": "event", "run": "r1", "seq": 1, "fact": {"type": "dreamt"}}
    with pytest.raises(TraceError, match=r"x.jsonl: event 1 is not one"):
        _read(tmp_path / "x.jsonl", event)


def test_our_own_traces_are_read_as_they_were_written(tmp_path: Path) -> None:
    """The events are those of the live run, packed or not."""
    start = {
        "type": "event",
        "run": "r1",
        "seq": 1,
        "at": "2026-01-01T10:00:00Z",
        "fact": {"type": "run_started", "incident": {"task": "mend cart"}, "adapter": "cli"},
    }
    ended = {"type": "run_ended", "run": "r1", "at": "2026-01-01T10:01:00Z", "outcome": "resolved"}
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, [start, ended])).encode()))
    (run,) = read_runs(path)
    assert (run.run_id, run.format, run.timed) == ("r1", "guarded-agent", True)
    assert run.notes == {"adapter": "cli", "gate": "resolved"}
    assert run.events[0].fact.incident.task == "mend cart"


def test_the_files_of_a_folder_are_told_apart(tmp_path: Path) -> None:
    """Labels, results and settings are passed over, and the folder says why."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.json").write_text(json.dumps(CHAT))
    (tmp_path / "b.jsonl").write_text(json.dumps({"messages": CHAT}))
    (tmp_path / "labels.json").write_text('{"r1": [0, 1]}')
    (tmp_path / "settings.yaml").write_text("a: b")
    (tmp_path / "c.json.gz").write_bytes(b"\x1f\x8b")
    folder = files_in(tmp_path)
    assert [path.name for path in folder.traces] == ["b.jsonl", "a.json"]
    assert [(one.path.name, one.why.split(":")[0]) for one in folder.passed] == [
        ("c.json.gz", "the gzip data ends early"),
        ("labels.json", "no known trace format"),
        ("settings.yaml", "no trace"),
    ]


def test_a_file_is_a_folder_of_one(tmp_path: Path) -> None:
    """What is named directly is not passed over: reading it says what is wrong."""
    path = tmp_path / "labels.json"
    path.write_text("{}")
    assert files_in(path).traces == (path,)


@pytest.mark.parametrize("name", ["", "not-there"])
def test_a_folder_without_traces_is_refused(tmp_path: Path, name: str) -> None:
    """An empty result would look like a clean one."""
    with pytest.raises(TraceError, match=r"no traces in the folder: it is empty|no such file"):
        files_in(tmp_path / name)


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    """The number of files says that it was looked at."""
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(TraceError, match="1 files, none of which is one"):
        files_in(tmp_path)


def test_every_format_says_in_a_line_what_it_is() -> None:
    """The list is what a refusal names and a command prints."""
    formats = dict(known_formats())
    assert {"chat", "codex", "claude-code", "gemini-cli", "langsmith", "mast", "otel"} <= set(
        formats
    )
    assert all(about and "\n" not in about for about in formats.values())
