"""Facts that are stored before they are so, and sessions that catch up with what was stored."""

import pytest

from guardrails.core.events import ErrorRaised, Event, ModelReplied
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, Session, SessionKey
from guardrails.engine.session import Proposed
from guardrails.errors import TraceError
from guardrails.testing.clock import ManualClock
from guardrails.testing.recorder import Recorder
from tests.settings import FREE

KEY = SessionKey("t")


class Kept:
    """Stores what it is given, unless it is full."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.full = False

    def __call__(self, proposed: Proposed) -> None:
        """Take one event."""
        if self.full:
            raise OSError("no space left on device")
        self.events.append(proposed.event)


def _begun(kept: Kept, *hooks: Recorder) -> Session:
    return Guard(settings=FREE, keep=kept, hooks=hooks, clock=ManualClock()).begin(KEY, adapter="t")


def test_a_fact_that_cannot_be_stored_has_not_happened() -> None:
    """The state is as before, no hook has heard of it, and the next one takes its number."""
    kept, recorder = Kept(), Recorder()
    session = _begun(kept, recorder)
    before, heard = session.state, len(recorder.events)
    kept.full = True
    with pytest.raises(OSError, match="no space left"):
        session.observe(ErrorRaised(error="X"))
    assert session.state is before
    assert len(recorder.events) == heard
    kept.full = False
    session.observe(ErrorRaised(error="X"))
    assert [event.seq for event in kept.events] == [1, 2]
    assert session.outcome is Outcome.ABORTED


def test_a_session_that_catches_up_is_where_the_other_one_is() -> None:
    """From a snapshot and what came after it, or from its events alone; hooks hear nothing."""
    kept = Kept()
    session = _begun(kept)
    snapshot = session.snapshot()
    session.observe(ModelReplied(text="I look at the pods."))
    session.observe(ErrorRaised(error="X"))
    recorder = Recorder()
    other = Guard(settings=FREE, hooks=[recorder]).restore(KEY, snapshot, since=kept.events[1:])
    assert other.snapshot() == session.snapshot()
    assert recorder.events == []


@pytest.mark.parametrize("fields", [{"seq": 4}, {"run": RunId("other")}])
def test_an_event_that_does_not_follow_is_refused(fields: dict[str, object]) -> None:
    """A gap would be a run that nobody had."""
    kept = Kept()
    session = _begun(kept)
    event = {"run": session.run, "seq": 2, "at": kept.events[0].at, "step": 0, **fields}
    with pytest.raises(TraceError, match="does not follow event 1"):
        session.catch_up([Event(fact=ErrorRaised(error="X"), **event)])  # type: ignore[arg-type]


def test_a_run_that_cannot_be_stored_has_not_begun() -> None:
    """Trying again begins it; an end of what never was would be its first event otherwise."""
    kept = Kept()
    kept.full = True
    guard = Guard(settings=FREE, keep=kept, clock=ManualClock())
    with pytest.raises(OSError, match="no space left"):
        guard.begin(KEY, adapter="t")
    assert guard.find(KEY) is None
    kept.full = False
    guard.begin(KEY, adapter="t")
    assert [type(event.fact).__name__ for event in kept.events] == ["RunStarted"]
