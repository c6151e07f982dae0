"""Wheel and sdist, each installed alone: every command works, or says in one line what it needs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.release.build import Built
from e2e.release.installation import Installation

COMMANDS = [
    "run",
    "verify",
    "doctor",
    "serve",
    "report",
    "tag",
    "vectors",
    "baseline",
    "checks",
    "fsm",
    "policy",
    "trace",
]
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: a, user: {}}]
"""


@pytest.fixture(scope="session")
def trace(installed: Installation) -> Path:
    """Run the demo, as the first thing a newcomer does."""
    ran = installed.run("guarded-agent", "run", "--demo", "--trace", "demo.jsonl")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "refused" in ran.stdout
    return installed.place / "demo.jsonl"


def test_nothing_of_the_repository_is_in_reach(installed: Installation) -> None:
    """Else the rest of this file would show nothing."""
    ran = installed.run("python", "-c", "import guardrails; print(guardrails.__file__)")
    assert Path(ran.stdout.strip()).is_relative_to(installed.home)
    assert installed.run("python", "-c", "import pytest").returncode == 1


def test_all_say_one_version(installed: Installation, built: Built) -> None:
    """Command, attribute and file name."""
    said = installed.run("guarded-agent", "--version").stdout
    assert said == f"guarded-agent {built.version}\n"
    ran = installed.run("python", "-c", "import guardrails; print(guardrails.__version__)")
    assert ran.stdout == f"{built.version}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_use(installed: Installation, command: str) -> None:
    """No command fails to load for something that only the repository has."""
    ran = installed.run("guarded-agent", command, "--help")
    assert ran.returncode == 0, ran.stderr
    assert f"Usage: guarded-agent {command}" in ran.stdout


def test_no_command_is_left_out(installed: Installation) -> None:
    """A new one is tried here too."""
    text = installed.run("guarded-agent", "--help").stdout.partition("Commands:\n")[2]
    listed = re.findall(r"^  ([a-z]+)  ", text.partition("\n\n")[0], re.MULTILINE)
    assert set(COMMANDS) <= set(listed)
    assert [c for c in listed if installed.run("guarded-agent", c, "--help").returncode] == []


def test_the_demo_ends_well(trace: Path) -> None:
    """Its trace is whole, from the header to the outcome."""
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert lines[0]["type"] == "trace"
    assert '"resolved"' in trace.read_text()


@pytest.mark.parametrize(("form", "begins"), [("html", "<!"), ("md", "#"), ("json", "{")])
def test_a_report_finds_its_templates(
    installed: Installation, trace: Path, form: str, begins: str
) -> None:
    """Templates, style and script are files of the package."""
    ran = installed.run("guarded-agent", "report", trace.name, "-f", form, "-o", f"report.{form}")
    assert ran.returncode == 0, ran.stderr
    assert (installed.place / f"report.{form}").read_text().lower().startswith(begins)


def test_stored_runs_are_tagged_and_replayed(installed: Installation, trace: Path) -> None:
    """The rules find the demo's false claim, and replay comes to the same decisions."""
    ran = installed.run("guarded-agent", "tag", trace.name)
    assert ran.returncode == 0, ran.stderr
    assert "3.3" in json.loads(ran.stdout.splitlines()[0])["modes"]
    assert installed.run("guarded-agent", "trace", "replay", trace.name).returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ("checks", "list"),
        ("fsm", "check", "mitigation"),
        ("policy", "schema"),
        ("policy", "explain", "--profile", "frontier"),
        ("fsm", "schema"),
    ],
    ids=" ".join,
)
def test_shipped_files_are_found(installed: Installation, words: tuple[str, ...]) -> None:
    """Profiles and machines are files of the package too."""
    ran = installed.run("guarded-agent", *words)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("tag", "demo.jsonl", "-o", "parquet", "--output", "found.parquet"), "parquet"),
        (("serve", "--kubeconfig", "kubeconfig", "--store", "redis://127.0.0.1:1/0"), "redis"),
        (
            ("serve", "--kubeconfig", "kubeconfig", "--store", "postgresql://127.0.0.1/x"),
            "postgres",
        ),
        (("tag", "demo.jsonl", "--judge", "openai:gpt-5"), "openai"),
    ],
    ids=["parquet", "redis", "postgres", "openai"],
)
@pytest.mark.usefixtures("trace")
def test_what_an_extra_brings_is_asked_for_in_one_line(
    installed: Installation, words: tuple[str, ...], extra: str
) -> None:
    """With the command that brings it, and no traceback."""
    (installed.place / "kubeconfig").write_text(KUBECONFIG)
    ran = installed.run("guarded-agent", *words)
    assert ran.returncode == 2, ran.stderr
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert f"pip install 'guarded-agent[{extra}]'" in line


def test_opentelemetry_is_asked_for_in_one_line(installed: Installation) -> None:
    """The hook says what it needs when it is made."""
    code = "from guardrails.telemetry.tracing import OpenTelemetryHook; OpenTelemetryHook()"
    ran = installed.run("python", "-c", code)
    assert ran.returncode == 1
    assert "pip install 'guarded-agent[otel]'" in ran.stderr.strip().splitlines()[-1]
