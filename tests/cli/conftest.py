"""What the CLI tests share: running a command line, in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import guarded_agent_entry
from guardrails.cli.app import run_cli

ENTRY = Path(guarded_agent_entry.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error; fails when there is not exactly one."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert lines[0].startswith("error: "), lines[0]
        return lines[0].removeprefix("error: ")


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return a function that runs a command line in this process."""
    for name in [n for n in os.environ if n.startswith("GUARDED_AGENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    # Targets put folders on the path; the next test must not find them there.
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: str | Path) -> Ran:
        capfd.readouterr()
        code = run_cli([str(a) for a in arguments])
        captured = capfd.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def cli_process() -> Cli:
    """Return a function that runs a command line as a process of its own."""

    def run(*arguments: str | Path, cwd: Path | None = None, timeout: float = 90.0) -> Ran:
        done = subprocess.run(
            [sys.executable, str(ENTRY), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            timeout=timeout,
            env={k: v for k, v in os.environ.items() if not k.startswith("GUARDED_AGENT_")},
        )
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    return run
