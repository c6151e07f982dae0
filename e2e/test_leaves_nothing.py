"""Nothing is left running or bound after a session, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from e2e.clusters.build import REPO_ROOT
from e2e.clusters.choice import PROCESSES, provider_name
from e2e.clusters.ports import is_bound
from e2e.clusters.processes import ProcessCluster, ProcessProvider
from e2e.interrupted import hold_cluster
from e2e.interrupted.note import NOTE_VARIABLE, ClusterNote
from e2e.waiting import wait_until

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        provider_name() != PROCESSES,
        reason="about the process cluster only",
    ),
]


def test_down_leaves_nothing() -> None:
    """After `down` no process runs, no port is bound, and the folder is gone."""
    provider = ProcessProvider()
    cluster = provider.up()
    assert isinstance(cluster, ProcessCluster)
    pids, ports, folder = cluster.pids, cluster.ports, cluster.folder
    assert all(_runs(pid) for pid in pids)

    provider.down()

    assert [pid for pid in pids if _runs(pid)] == []
    assert [port for port in ports if is_bound(port)] == []
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_session_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    """A pytest session that is interrupted, ended or killed takes its cluster along."""
    path = tmp_path / "note.json"
    # A shell without job control makes what it puts into the background ignore SIGINT, and what
    # that starts inherits it.
    command = ["env", "--default-signal=INT"]
    command += [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [*command, hold_cluster.__file__],
            cwd=REPO_ROOT,
            env={**os.environ, NOTE_VARIABLE: str(path)},
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        ) as session,
    ):
        try:
            wait_until(
                lambda: path.exists() or session.poll() is not None,
                what="the session brings its cluster up",
                timeout=120,
            )
            assert path.exists(), (tmp_path / "log").read_text(encoding="utf-8")
            note = msgspec.json.decode(path.read_bytes(), type=ClusterNote)
            session.send_signal(number)
            session.wait(timeout=60)
        finally:
            session.kill()

    wait_until(
        lambda: not any(map(_runs, note.pids)) and not any(map(is_bound, note.ports)),
        what="the cluster is gone",
        timeout=20,
        seen=lambda: [pid for pid in note.pids if _runs(pid)],
    )
    if number is signal.SIGKILL:  # who is killed cannot tidy up; the next run does
        shutil.rmtree(note.folder)
    assert not Path(note.folder).exists()


def _runs(pid: int) -> bool:
    """Tell whether a process runs; one that ended but was not waited for does not."""
    try:
        state = Path("/proc", str(pid), "stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return False
    return state.split()[0] != "Z"
