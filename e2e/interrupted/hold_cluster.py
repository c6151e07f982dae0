"""Holds a cluster up until the session is interrupted.

Run by `test_leaves_nothing` in a session of its own; its name keeps it out of ordinary runs.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest

from e2e.clusters.cluster import Cluster
from e2e.clusters.processes import ProcessCluster
from e2e.interrupted.note import NOTE_VARIABLE, ClusterNote


@pytest.mark.timeout(300)
def test_hold(cluster: Cluster) -> None:
    """Writes down what runs, then waits for a signal."""
    assert isinstance(cluster, ProcessCluster)
    note = ClusterNote(pids=cluster.pids, ports=cluster.ports, folder=str(cluster.folder))
    path = Path(os.environ[NOTE_VARIABLE])
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(note))
    partial.rename(path)
    threading.Event().wait()
