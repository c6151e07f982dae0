"""What is left of a trace when its process is killed by `kill -9`, tried with a real one."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.core.events import ToolReturned
from guardrails.core.trace import read_trace
from guardrails.engine import replay
from guardrails.telemetry.jsonl import TraceFileHook

WRITER = """
import sys
from guardrails.core.events import ModelReplied, ToolReturned
from guardrails.core.incident import Incident
from guardrails.engine import Guard, SessionKey
from guardrails.telemetry.jsonl import TraceFileHook

guard = Guard(hooks=[TraceFileHook(sys.argv[1])])
session = guard.begin(SessionKey("k"), adapter="test", incident=Incident(task="t"))
number = 0
while True:
    number += 1
    session.observe(ToolReturned(call_id=str(number), tool="t", text="x" * 8000))
    print(number, flush=True)
"""
"""Observes without end, and says what it has observed."""


def kill_after(path: Path, count: int) -> int:
    """Run the writer, kill it when it has said `count`, and return what it said last."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = 0
        for line in process.stdout:
            said = int(line)
            if said == count:
                process.kill()
        assert process.wait(timeout=30) == -signal.SIGKILL
    return said


@pytest.mark.parametrize("count", [1, 7, 100])
def test_a_killed_process_leaves_every_event_that_it_observed(tmp_path: Path, count: int) -> None:
    """All that was decided on is in the file, it replays, and the next run appends to it."""
    path = tmp_path / "run.jsonl"
    said = kill_after(path, count)
    (stored,) = read_trace(path)
    assert stored.ended is None
    returned = [e for e in stored.events if isinstance(e.fact, ToolReturned)]
    assert len(returned) >= said
    assert [e.seq for e in stored.events] == list(range(1, len(stored.events) + 1))
    again = replay(stored.events)
    assert again.decisions[: len(stored.decisions)] == stored.decisions
    TraceFileHook(path).close()
    (mended,) = read_trace(path)
    assert (mended.records, mended.torn) == (stored.records, False)
