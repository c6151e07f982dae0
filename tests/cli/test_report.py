"""`report` from the command line: forms, files, and what is said when something is wrong."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.core.trace import TraceHeader, encode_line
from tests.reports.runs import BAD, GOOD, judged, told


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file with two runs."""
    path = tmp_path / "runs.jsonl"
    runs = [told(judged(GateVerdict.PASS, GOOD)), told(judged(GateVerdict.FAIL, BAD))]
    lines = [encode_line(line) for one in runs for line in (TraceHeader(run=one.run), *one.records)]
    path.write_bytes(b"".join(lines))
    return path


def _ids(trace: Path) -> list[str]:
    records = [json.loads(line) for line in trace.read_text().splitlines()]
    return [one["run"] for one in records if one["type"] == "trace"]


@pytest.mark.parametrize(
    ("form", "begins"), [("html", "<!doctype html>"), ("md", "## ✅ resolved")]
)
def test_a_form_for_one_run_is_written_whole(
    cli, trace: Path, tmp_path: Path, form: str, begins: str
) -> None:
    """To a file or to standard output, the same."""
    first, _ = _ids(trace)
    out = tmp_path / "report"
    told_ = cli("report", str(trace), "--run", first, "-f", form)
    written = cli("report", str(trace), "--run", first[:6], "-f", form, "-o", str(out))
    assert (told_.code, written.code, written.out) == (0, 0, "")
    assert out.read_text().startswith(begins)
    assert told_.out.strip() == out.read_text().strip()
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_forms_for_pipelines_take_all_runs_of_a_file(cli, trace: Path) -> None:
    """One suite, or one line, for each."""
    suites = ET.fromstring(cli("report", str(trace), "-f", "junit").out)  # noqa: S314  # our own
    assert len(suites) == 2
    lines = [json.loads(line) for line in cli("report", str(trace), "-f", "json").out.splitlines()]
    assert [one["run"] for one in lines] == _ids(trace)
    assert lines[0]["outcome"] == "resolved"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "2 runs in it; choose one with --run"),
        (["--run", "zzz"], "no run 'zzz' in it; there are"),
        (["--run", "", "-o", "no/such/folder/x"], "the folder no/such/folder does not exist"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    cli, trace: Path, options: list[str], said: str
) -> None:
    """With the way out."""
    ran = cli("report", str(trace), *options)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_a_file_without_runs_is_told(cli, tmp_path: Path) -> None:
    """As is one that is no trace."""
    empty = tmp_path / "empty"
    empty.write_text("")
    assert "no run in it" in cli("report", str(empty)).err
    empty.write_text("hello\n")
    assert "not a trace record" in cli("report", str(empty)).err
