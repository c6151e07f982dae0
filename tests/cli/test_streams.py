"""Readers that leave, full disks, poor encodings, missing descriptors, signals: the code stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import guarded_agent_entry

ENTRY = Path(guarded_agent_entry.__file__)
COMMAND = f"{sys.executable} {ENTRY}"
UNRESOLVED = 3

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells, signals")


def _shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],  # noqa: S607  # bash by name
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_that_leaves_does_not_change_how_a_run_ended(output: str) -> None:
    """`run … | head -1` has the code of the outcome, not 0 and not that of a bug."""
    ran = _shell(f"{COMMAND} run --demo gives-up -o {output} 2>/dev/null | head -n 1")
    assert ran.returncode == UNRESOLVED
    assert len(ran.stdout.splitlines()) == 1


def test_a_reader_that_leaves_another_command_gets_the_shells_code() -> None:
    """As any program that dies of SIGPIPE: 141, and no word of it."""
    ran = _shell(f"{COMMAND} policy schema | head -c 0")
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_full_disk_is_told_as_such() -> None:
    """It is no bug of ours, and the object did not get through: exit 1."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    ran = _shell(f"{COMMAND} run --demo gives-up -o json 2>/dev/null >/dev/full")
    assert ran.returncode == 1
    ran = _shell(f"{COMMAND} policy schema >/dev/full")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: cannot write standard output")


def test_an_encoding_without_our_letters_loses_nothing() -> None:
    """A C locale cannot write “; JSON is UTF-8 whatever the terminal is."""
    plain = _shell(f"{COMMAND} run --demo gives-up", PYTHONIOENCODING="ascii")
    assert plain.returncode == UNRESOLVED
    assert "outcome   unresolved" in plain.stdout
    assert "\\u201cI was unable" in plain.stdout
    as_json = _shell(f"{COMMAND} run --demo gives-up -o json", PYTHONIOENCODING="ascii")
    assert json.loads(as_json.stdout)["outcome"] == "unresolved"


def test_a_process_without_standard_output_runs() -> None:
    """Some supervisors close it."""
    ran = _shell(f"{COMMAND} run --demo gives-up >&-")
    assert (ran.returncode, ran.stderr) == (UNRESOLVED, "")


def test_sigterm_before_the_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """The demo's folder with its credentials goes, and the code is the shell's for SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, str(ENTRY), "run", "--demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("demo false-victory")
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
    assert (process.returncode, rest) == (143, "")
    assert [path.name for path in tmp_path.glob("guarded-demo-*")] == []
