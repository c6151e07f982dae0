"""Where sessions live."""

import pytest

from guardrails.core.events import ErrorRaised, RunStarted
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, MemoryStore, SessionKey
from guardrails.errors import TraceError
from guardrails.testing.recorder import Recorder
from tests.settings import FREE


def test_an_ended_session_goes_before_an_open_one() -> None:
    """Over capacity, nobody loses a run that is under way while an ended one is kept."""
    guard = Guard(settings=FREE, store=MemoryStore(capacity=2))
    first, second, third = (SessionKey(k) for k in "abc")
    guard.begin(first, adapter="t")
    ended = guard.begin(second, adapter="t")
    ended.observe(ErrorRaised(error="X"))
    guard.begin(third, adapter="t")
    assert guard.find(first) is not None
    assert guard.find(second) is None
    assert len(guard.store) == 2


def test_a_new_run_on_a_thread_closes_the_one_left_open() -> None:
    """A run that died without a word still ends with an outcome."""
    recorder = Recorder()
    guard = Guard(settings=FREE, hooks=[recorder])
    old = guard.begin(SessionKey("t"), adapter="t")
    new = guard.begin(SessionKey("t"), adapter="t")
    assert old.outcome is Outcome.ABORTED
    assert new.run != old.run
    assert [e.run for e in recorder.ended] == [old.run]
    assert len([e for e in recorder.events if isinstance(e.fact, RunStarted)]) == 2


def test_capacity_is_checked() -> None:
    """A store that keeps nothing would lose every run."""
    with pytest.raises(ValueError, match="at least 1"):
        MemoryStore(capacity=0)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"type":"session","state":{"run":1}}'])
def test_a_broken_snapshot_is_refused(data: bytes) -> None:
    """Restoring garbage is an error, not an empty session."""
    with pytest.raises(TraceError, match="not a stored session"):
        Guard(settings=FREE).restore(SessionKey("t"), data)


def test_a_newer_snapshot_is_refused() -> None:
    """A session of a later version must not be read as an old one."""
    with pytest.raises(TraceError, match="schema 9"):
        Guard(settings=FREE).restore(
            SessionKey("t"), b'{"type":"session","state":{"run":"r","schema":9}}'
        )
