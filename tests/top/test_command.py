"""`guarded-agent top` as a command: one picture, and what is said when there is none."""

import asyncio
import importlib.util
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guardrails.core.evidence import GateVerdict
from tests.cli.conftest import ENTRY, Cli, Ran, cli
from tests.sidecar.api.apps import Tokens, opened
from tests.sidecar.client.conftest import Serve
from tests.sidecar.client.loopback import WITHIN, Loopback, scripted
from tests.top.stage import NASTY, ended, people

__all__ = ["cli"]


async def _two_runs(service: Loopback) -> None:
    async with people(service) as agent:
        await opened(agent, run="open-1", incident={"task": NASTY, "namespaces": ["shop"]})
        await opened(agent, run="ended-1")
        await ended(agent, "ended-1", 1)


async def ran_by(cli: Cli, *arguments: str) -> Ran:
    """Run a command line, which has an event loop of its own."""
    return await asyncio.to_thread(cli, *arguments)


async def test_once_prints_one_object_for_scripts(serve: Serve, cli: Cli) -> None:
    """In ASCII, with what each run is at; ended ones when they are asked for."""
    service = serve(gate=scripted(GateVerdict.PASS))
    await _two_runs(service)
    ran = await ran_by(cli, "top", service.url, "--once", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert ran.out.isascii()
    assert (found["service"], found["role"]) == (service.url, None)
    (row,) = found["sessions"]
    assert (row["run"], row["standing"]["task"]) == ("open-1", NASTY)
    every = json.loads((await ran_by(cli, "top", service.url, "--once", "-o", "json", "--all")).out)
    assert [one["run"] for one in every["sessions"]] == ["open-1", "ended-1"]
    assert every["sessions"][1]["standing"]["outcome"] == "resolved"


async def test_once_prints_one_table(serve: Serve, cli: Cli) -> None:
    """A run in a line, and nothing that moves a cursor or hides a word."""
    service = serve(gate=scripted(GateVerdict.PASS))
    await _two_runs(service)
    ran = await ran_by(cli, "top", service.url, "--once", "--all")
    head, first, second = ran.out.splitlines()
    assert head.split()[:4] == ["RUN", "KEY", "STATE", "PHASE"]
    assert first.startswith("open-1")
    assert "[red]x[/] [2J]8;;http://evil" in first
    assert second.split()[:2] == ["ended-1", "resolved"]
    assert not [c for c in ran.out if not c.isprintable() and c != "\n"]


def test_a_service_that_is_not_there_is_told_in_a_line(cli: Cli) -> None:
    """7, as every source that cannot be read."""
    ran = cli("top", "http://127.0.0.1:1", "--once")
    assert ran.code == 7
    assert "the guard at http://127.0.0.1:1 cannot be reached" in ran.error


def test_a_token_that_is_not_accepted_is_told_in_a_line(
    serve: Serve, cli: Cli, tmp_path: Path
) -> None:
    """And one that is, is read from its file."""
    service = serve(auth=Tokens)
    token = tmp_path / "token"
    token.write_text("t-nobody\n")
    ran = cli("top", service.url, "--once", "--token-file", token)
    assert (ran.code, "does not accept the token" in ran.error) == (7, True)
    token.write_text("t-viewer\n")
    ran = cli("top", service.url, "--once", "-o", "json", "--token-file", token)
    assert json.loads(ran.out)["role"] == "viewer"
    assert cli("top", service.url, "--once", "--token-file", tmp_path / "none").code == 2


def test_a_server_that_is_no_guard_is_told_in_a_line(serve: Serve, cli: Cli) -> None:
    """A path that there is not."""
    ran = cli("top", f"{serve().url}/elsewhere", "--once")
    assert (ran.code, "does not have it" in ran.error) == (7, True)


def test_without_textual_it_says_what_to_install(
    cli: Cli, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; the picture needs nothing."""
    real = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> object:
        return None if name == "textual" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    ran = cli("top", "http://127.0.0.1:1")
    assert (ran.code, "pip install 'guarded-agent[tui]'" in ran.error) == (2, True)
    monkeypatch.undo()
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TEXTUAL, str(ENTRY), serve().url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["RUN", "KEY"]), done.stderr


_WITHOUT_TEXTUAL = """
import runpy, sys
sys.modules["textual"] = None
entry, url = sys.argv[1:]
sys.argv = [entry, "top", url, "--once"]
runpy.run_path(entry, run_name="__main__")
"""


def test_where_there_is_no_terminal_it_says_what_to_take(cli: Cli) -> None:
    """Rather than to fill a file with sequences."""
    assert "take --once" in cli("top", "http://127.0.0.1:1").error
    assert "add --once" in cli("top", "http://127.0.0.1:1", "-o", "json").error


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
@pytest.mark.parametrize(("way", "code"), [("q", 0), ("\x03", 0), ("SIGTERM", 143)])
async def test_a_terminal_is_given_back_as_it_was(serve: Serve, way: str, code: int) -> None:
    """By a real terminal: the picture comes, and every way out leaves the usual screen."""
    service = serve()
    async with people(service) as agent:
        await opened(agent, run="checkout-1")
    process, terminal = _in_terminal("top", service.url)
    try:
        said = _read(terminal, b"checkout-1")
        if way == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            os.write(terminal, way.encode())
        said += _read(terminal, b"\x1b[?1049l")
        assert b"\x1b[?1049h" in said
        assert process.wait(timeout=WITHIN) == code
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def _in_terminal(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ENTRY), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(theirs)
    return process, ours


def _read(terminal: int, until: bytes) -> bytes:
    """Read what is drawn, up to some words."""
    said, last = b"", time.monotonic() + WITHIN
    while until not in said and time.monotonic() < last:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                said += os.read(terminal, 65_536)
            except OSError:  # everybody else has left the terminal
                break
    assert until in said, said[-2_000:]
    return said
