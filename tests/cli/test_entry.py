"""The command as such: quick help, version, exit codes, clean standard output."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import guarded_agent_entry
from guardrails.cli import stdout
from guardrails.cli.exits import ExitCode, of_error, of_outcome, of_verdict
from guardrails.cli.output import run_output_schema
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.errors import (
    DeniedError,
    InstallationConflict,
    InternalError,
    PermanentSourceError,
    PolicyError,
    RefusedError,
    StoreError,
    TemporarySourceError,
    UnreachableError,
)
from guardrails.version import VERSION

ROOT = Path(guarded_agent_entry.__file__).parent
HEAVY = (
    "kubernetes",
    "langchain",
    "langchain_core",
    "langgraph",
    "pydantic_settings",
    "rich",
    "starlette",
    "yaml",
)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["run", "--help"], ["verify", "-h"], ["doctor", "--help"], ["baseline", "-h"]],
)
def test_help_loads_nothing_that_it_does_not_need(arguments: list[str]) -> None:
    """Only then does it stay under 0.3 s; what typer itself needs for sub-commands is its own."""
    code = (
        "import sys, guarded_agent_entry as e\n"
        f"sys.argv = ['guarded-agent', *{arguments!r}]\n"
        "try: e.main()\n"
        "except SystemExit as left: assert not left.code, left.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )
    assert ran.stderr.strip() == "[]", ran.stderr
    assert "Usage: guarded-agent" in ran.stdout


def test_version_is_said(cli) -> None:
    """One line, for bug reports."""
    ran = cli("--version")
    assert (ran.code, ran.out.strip()) == (0, f"guarded-agent {VERSION}")


def test_the_process_leaves_with_the_exit_code(cli_process, tmp_path: Path) -> None:
    """The console script hands on what the command says."""
    ran = cli_process("run", "nowhere.py:graph", "--task", "x", cwd=tmp_path)
    assert ran.code == ExitCode.USAGE
    assert "no such file" in ran.error


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`policy schema | head -1` ends well."""
    command = f"{sys.executable} {ROOT / 'guarded_agent_entry.py'} policy schema | head -c 1"
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],  # noqa: S607  # bash by name
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


def test_every_outcome_has_its_exit_code() -> None:
    """The two accepted outcomes share 0; each other outcome has one of its own."""
    assert {o: int(of_outcome(o)) for o in Outcome} == {
        Outcome.RESOLVED: 0,
        Outcome.DIAGNOSED: 0,
        Outcome.UNRESOLVED: 3,
        Outcome.ESCALATED: 4,
        Outcome.UNVERIFIABLE: 5,
        Outcome.ABORTED: 6,
    }


def test_every_verdict_has_its_exit_code() -> None:
    """Pass, fail, unknown and pending are told apart."""
    assert {v: int(of_verdict(v)) for v in GateVerdict} == {
        GateVerdict.PASS: 0,
        GateVerdict.FAIL: 3,
        GateVerdict.UNKNOWN: 4,
        GateVerdict.PENDING: 5,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PolicyError("x"), 2),
        (InstallationConflict("x"), 2),
        (PermanentSourceError("x"), 7),
        (TemporarySourceError("x"), 7),
        (UnreachableError("x"), 7),
        (DeniedError("x"), 7),
        (StoreError("x"), 7),
        (RefusedError("x", status=422), 2),
        (InternalError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    """Mistakes of the caller, of the cluster and of ours."""
    assert of_error(error) == code


def test_the_exit_codes_are_documented() -> None:
    """The page has one row for each code, and no other."""
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert [int(row) for row in rows if row.isdigit()] == sorted(int(code) for code in ExitCode)


def test_the_schema_in_the_docs_is_the_one_of_the_code() -> None:
    """What is printed and what is promised are one definition."""
    committed = json.loads((ROOT / "docs" / "reference" / "run-output.schema.json").read_text())
    assert committed == run_output_schema()


def test_every_command_and_option_is_documented(cli) -> None:
    """docs/reference/cli.md names whatever `--help` names."""
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    commands = (
        "run",
        "verify",
        "doctor",
        "baseline record",
        "policy check",
        "serve",
        "trace replay",
        "tag",
        "vectors",
    )
    for command in commands:
        assert f"guarded-agent {command}" in page
        words = cli(*command.split(), "--help").out.replace(",", " ").split()
        options = {word for word in words if word.startswith("--") and word.strip("-").isalpha()}
        missing = sorted(option for option in options if f"`{option}" not in page)
        assert not missing, (command, missing)


def test_an_unexpected_error_is_a_line_that_says_so(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours is called one, and asks for a report."""

    def broken() -> dict[str, object]:
        raise KeyError("oops")

    monkeypatch.setattr("guardrails.policy.load.policy_schema", broken)
    ran = cli("policy", "schema")
    assert ran.code == ExitCode.BUG
    assert "unexpected KeyError: 'oops'. This is a bug in guarded-agent" in ran.error


def test_ctrl_c_outside_a_run_is_interrupted(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """130, as shells expect."""

    def stopped() -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("guardrails.policy.load.policy_schema", stopped)
    ran = cli("policy", "schema")
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.err


def test_reserved_output_lets_nothing_else_through(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither prints nor child processes reach standard output."""
    with stdout.reserved() as write:
        print("from the agent")  # noqa: T201  # that is the point
        subprocess.run([sys.executable, "-c", "print('from a tool')"], check=True)
        write('{"ours": true}')
    captured = capfd.readouterr()
    assert captured.out == '{"ours": true}\n'
    assert "from the agent" in captured.err
    assert "from a tool" in captured.err


def test_policy_schema_check_and_explain(cli, tmp_path: Path) -> None:
    """A file is checked by the schema that is printed, and each value says who set it."""
    assert json.loads(cli("policy", "schema").out)["title"] == "guarded-agent policy"
    path = tmp_path / "policy.yaml"
    path.write_text("schema_version: 1\ndefaults:\n  budgets:\n    steps: 7\n")
    good = cli("policy", "check", path)
    assert (good.code, "good; profile" in good.out) == (0, True)
    rows = cli("policy", "explain", "--policy", path, "--model", "openai:gpt-5").out.splitlines()
    steps = next(row for row in rows if row.startswith("budgets.steps "))
    assert steps.split()[1] == "7"
    assert f"{path}:4" in steps


def test_a_cut_trace_is_replayed_as_far_as_it_goes(cli, tmp_path: Path) -> None:
    """A killed run has no end; that is said, and is no error."""
    trace = tmp_path / "run.jsonl"
    cli("run", "--demo", "gives-up", "--trace", trace)
    lines = trace.read_bytes().splitlines(keepends=True)
    events = [n for n, line in enumerate(lines) if b'"type":"decision"' in line]
    trace.write_bytes(b"".join(lines[: events[2] + 1]) + b'{"type":"ev')
    ran = cli("trace", "replay", trace)
    assert ran.code == 0, ran.out
    assert "cut off before its end, 3 events" in ran.out
    assert "last line torn" in ran.out
