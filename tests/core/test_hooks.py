"""Telemetry that breaks is counted and never heard of by the run."""

from datetime import UTC, datetime

from guardrails.core.hooks import HookSet, Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome

RUN = RunId("r")
ENDED = RunEnded(run=RUN, at=datetime(2026, 1, 1, tzinfo=UTC), outcome=Outcome.RESOLVED)


class Broken:
    name = "broken"

    def on_record(self, run: RunId, record: Record, /) -> None:
        raise OSError("disk full")

    def on_timing(self, what: str, seconds: float, /) -> None:
        raise ValueError(what)


class Counting:
    name = "counting"

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.timings: list[tuple[str, float]] = []
        self.failed: list[str] = []

    def on_record(self, run: RunId, record: Record, /) -> None:
        self.records.append(record)

    def on_timing(self, what: str, seconds: float, /) -> None:
        self.timings.append((what, seconds))

    def on_sink_failure(self, sink: str, /) -> None:
        self.failed.append(sink)


def test_a_broken_hook_does_not_keep_the_others_from_seeing() -> None:
    """The record goes on to the hooks behind the broken one, and the failure is counted."""
    counting = Counting()
    hooks = HookSet([Broken(), counting])
    hooks.emit(RUN, ENDED)
    assert counting.records == [ENDED]
    assert counting.failed == ["broken"]
    assert hooks.failures == {"broken": 1}


def test_timings_go_to_the_hooks_that_take_them() -> None:
    """A hook may have a face for timings; one that fails there is counted as well."""
    counting = Counting()
    hooks = HookSet([Broken(), counting])
    hooks.timing("observe", 0.5)
    assert counting.timings == [("observe", 0.5)]
    assert hooks.failures["broken"] == 1


def test_a_broken_counter_is_still_in_the_failures() -> None:
    """Nobody can be told of the only hook's failure, so the set itself keeps count."""
    hooks = HookSet([Broken()])
    hooks.emit(RUN, ENDED)
    hooks.emit(RUN, ENDED)
    assert hooks.failures == {"broken": 2}


class Nameless:
    """A sink whose every face fails when it is looked at."""

    @property
    def name(self) -> str:
        raise RuntimeError("no name")

    @property
    def on_timing(self) -> None:
        raise RuntimeError("no timings")

    @property
    def on_sink_failure(self) -> None:
        raise RuntimeError("no failures")

    def on_record(self, run: RunId, record: Record, /) -> None:
        raise OSError("closed")


def test_a_hook_that_cannot_even_be_named_breaks_no_run() -> None:
    """Third parties write hooks; a property that raises is a failure like any other."""
    counting = Counting()
    hooks = HookSet([Nameless(), counting, Broken()])
    hooks.emit(RUN, ENDED)
    hooks.timing("observe", 0.5)
    assert counting.records == [ENDED]
    assert hooks.failures == {"Nameless": 2, "broken": 2}
    assert counting.failed == ["Nameless", "broken", "Nameless", "broken"]


def test_one_more_hook_joins_for_one_run() -> None:
    """The set that it joins stays as it is, and failures are counted together."""
    hooks = HookSet()
    more = hooks.joined(Broken())
    assert more.joined(Broken()) is more
    more.emit(RUN, ENDED)
    hooks.emit(RUN, ENDED)
    assert hooks.failures == {"broken": 1}
