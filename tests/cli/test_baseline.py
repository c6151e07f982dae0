"""`baseline record` into a folder: once, and on a timer until a signal."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import guarded_agent_entry
from guardrails.cli.keeping import read_retention
from guardrails.errors import UsageError
from guardrails.gates.reference import Retention
from guardrails.testing.sim import Match, Respond

ENTRY = Path(guarded_agent_entry.__file__)
USAGE, SOURCE = 2, 7


def test_one_look_is_stored_in_a_folder(cli, shop, tmp_path: Path) -> None:
    """For a cron job: named by time, and said in one line."""
    folder = tmp_path / "base"
    ran = cli("baseline", "record", "-n", "shop", "--dir", folder, *shop.options)
    assert ran.code == 0, ran.err
    (name,) = [p.name for p in folder.iterdir()]
    assert re.fullmatch(r"\d{8}T\d{6}Z\.healthy\.json\.gz", name)
    assert re.fullmatch(rf"\S+ \S+ stored: {re.escape(name)}\n", ran.out)


def test_an_incomplete_look_into_a_folder_exits_7(cli, shop, tmp_path: Path) -> None:
    """Nothing is stored, and it says what could not be read."""
    shop.cluster.faults.add(Match(server="kubernetes", resource="services"), Respond(status=403))
    ran = cli("baseline", "record", "-n", "shop", "--dir", tmp_path / "base", *shop.options)
    assert (ran.code, ran.out) == (SOURCE, "")
    assert "look skipped: incomplete, so not stored: " in ran.err
    assert list((tmp_path / "base").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing says where to write; give -o FILE, or --dir FOLDER"),
        (["--every", "5m"], "nothing says where to write"),
        (["-o", "x.json", "--dir", "base"], "give one of them"),
        (["-o", "x.json", "--every", "5m"], "--every goes with --dir FOLDER, not with -o"),
        (["-o", "x.json", "--keep", "all=1h"], "--keep goes with --dir FOLDER, not with -o"),
        (["--dir", "base", "--every", "soon"], "--every soon: 'soon' is not a duration"),
        (["--dir", "base", "--every", "0"], "--every 0: at least 1s"),
        (["--dir", "base", "--every", "200ms"], "--every 200ms: at least 1s"),
        (["--dir", "file.txt"], "--dir file.txt: this is a file; name a folder"),
        (["--dir", "file.txt/base"], "file.txt/base: cannot use the folder: Not a directory"),
        (["--dir", "base", "--keep", "all"], "--keep all: write KEY=VALUE"),
        (["--dir", "base", "--keep", "hourli=2d"], "did you mean 'hourly'?"),
        (["--dir", "base", "--keep", "x=2d"], "no such key; there are all, hourly, daily, size"),
        (["--dir", "base", "--keep", "daily=long"], "--keep daily=long: 'long' is not a duration"),
        (["--dir", "base", "--keep", "size=big"], "--keep size=big: not a size"),
        (["--dir", "base", "--keep", "size=0B"], "--keep size=0B: not a size"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    cli, shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """Options that do not go together, and values that are none: exit 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    ran = cli("baseline", "record", "-n", "shop", *shop.options, *arguments)
    assert said in ran.error
    assert (ran.code, ran.out) == (USAGE, "")
    assert not (tmp_path / "base").exists()


def test_a_folder_needs_a_namespace_too(cli, tmp_path: Path) -> None:
    """As a file does."""
    ran = cli("baseline", "record", "--dir", tmp_path / "base")
    assert "at least one namespace" in ran.error
    assert ran.code == USAGE


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    """Each key over its default, the last one counts."""
    assert read_retention([]) == Retention()
    found = read_retention(["all=1h", "hourly=1d", "daily=0", "size=1.5MiB", "all=2h"])
    assert found == Retention(
        all_seconds=7200, hourly_seconds=86_400, daily_seconds=0, max_bytes=1_572_864
    )
    with pytest.raises(UsageError, match="longer than a year"):
        read_retention(["daily=400d"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_timer_runs_until_a_signal(shop, tmp_path: Path, number: int, code: int) -> None:
    """It outlives a cluster that does not answer, and leaves whole files behind."""
    folder = tmp_path / "base"
    command = [sys.executable, str(ENTRY), "baseline", "record", "-n", "shop"]
    command += ["--dir", str(folder), "--every", "1s", *shop.options]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GUARDED_AGENT_")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        shop.cluster.faults.add(Match(server="kubernetes"), Respond(status=503))
        skipped = next(line for line in process.stdout if "skipped" in line)
        shop.cluster.faults.clear()
        again = next(line for line in process.stdout if "skipped" not in line)
        process.send_signal(number)
        rest = process.stdout.read()
    assert (" stored: " in said, "503" in skipped) == (True, True)
    assert " unchanged: " in again or " stored: " in again
    assert process.returncode == code
    assert "Traceback" not in rest
    assert all(p.name.endswith(".healthy.json.gz") for p in folder.iterdir())


def test_a_timer_may_start_before_its_cluster(shop, tmp_path: Path) -> None:
    """It waits for the cluster; wrong credentials end it at once."""
    command = [sys.executable, str(ENTRY), "baseline", "record", "-n", "shop"]
    command += ["--dir", str(tmp_path / "base"), "--every", "1s", *shop.options]
    shop.cluster.faults.add(Match(server="kubernetes"), Respond(status=503))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        shop.cluster.faults.clear()
        stored = next(line for line in process.stdout if " stored: " in line)
        process.terminate()
    assert first.startswith("warning: ")
    assert stored
