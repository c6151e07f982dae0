import asyncio
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.evidence import GateProgress, GateVerdict
from guardrails.core.hooks import HookSet, Record
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, SessionKey
from guardrails.telemetry.jsonl import TraceFileHook
from guardrails.telemetry.logs import StructlogHook, json_logger
from guardrails.telemetry.metrics import PrometheusHook

RUN = RunId("r")
RECORD = GateProgress(run=RUN, at=datetime(2026, 11, 23, tzinfo=UTC), verdict=GateVerdict.PENDING)
ERRORS = st.sampled_from(
    [OSError(28, "full"), ValueError("closed"), RuntimeError(), MemoryError(), RecursionError()]
)


class Flaky:
    """Fails as told, on its three faces."""

    def __init__(self, name: str, plan: list[Exception | None]) -> None:
        self.name = name
        self._plan = iter(plan)
        self.took = 0

    def on_record(self, run: RunId, record: Record, /) -> None:
        self._maybe_fail()
        self.took += 1

    def on_timing(self, what: str, seconds: float, /) -> None:
        self._maybe_fail()
        self.took += 1

    def on_sink_failure(self, sink: str, /) -> None:
        raise LookupError(sink)

    def _maybe_fail(self) -> None:
        if (error := next(self._plan)) is not None:
            raise error


@given(st.lists(st.lists(st.none() | ERRORS, min_size=6, max_size=6), max_size=4))
def test_any_failure_is_survived_and_counted(plans: list[list[Exception | None]]) -> None:
    """Whichever hooks fail, whenever: the others get every record, and each failure counts."""
    registry = CollectorRegistry()
    flaky = [Flaky(f"sink-{at}", plan) for at, plan in enumerate(plans)]
    hooks = HookSet([*flaky, PrometheusHook(registry)])
    for _ in range(3):
        hooks.emit(RUN, RECORD)
        hooks.timing("observe", 1e-5)
    for hook, plan in zip(flaky, plans, strict=True):
        failed = sum(error is not None for error in plan)
        assert hook.took == len(plan) - failed
        assert hooks.failures[hook.name] == failed
        counted = registry.get_sample_value(
            "guarded_agent_telemetry_errors_total", {"sink": hook.name}
        )
        assert (counted or 0) == failed
    seen = registry.get_sample_value(
        "guarded_agent_hook_duration_seconds_count", {"hook": "observe"}
    )
    assert seen == 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_cancellation_is_not_swallowed(stop: type[BaseException]) -> None:
    """Stopping a program is not a failure of telemetry."""

    class Stopped:
        name = "stopped"

        def on_record(self, run: RunId, record: Record, /) -> None:
            raise stop

    with pytest.raises(stop):
        HookSet([Stopped()]).emit(RUN, RECORD)


def test_the_shipped_sinks_fail_without_harm(tmp_path: Path) -> None:
    """A closed stream, a closed file and a full disk cost their own records and nothing else."""
    stream, closed = io.StringIO(), TraceFileHook(tmp_path / "closed.jsonl")
    stream.close()
    closed.close()
    registry = CollectorRegistry()
    hooks = [StructlogHook(json_logger(stream, level=0)), closed, PrometheusHook(registry)]
    guard = Guard(hooks=hooks)
    session = guard.begin(SessionKey("k"), adapter="test")
    session.observe(EndRequested(exit=ExitKind.CANCELLED))
    assert session.outcome is Outcome.ABORTED
    # Two events, two decisions, and the end.
    assert guard.hooks.failures == {"structlog": 5, "jsonl": 5}
    for sink, count in guard.hooks.failures.items():
        counted = registry.get_sample_value("guarded_agent_telemetry_errors_total", {"sink": sink})
        assert counted == count
    assert registry.get_sample_value("guarded_agent_runs_total", {"outcome": "aborted"}) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the full device of Linux")
def test_a_full_device_is_survived() -> None:
    """The system's own "no space left" is counted, record by record."""
    with TraceFileHook("/dev/full") as hook:
        guard = Guard(hooks=[hook])
        session = guard.begin(SessionKey("k"), adapter="test")
        session.observe(EndRequested(exit=ExitKind.CANCELLED))
    assert session.outcome is Outcome.ABORTED
    assert guard.hooks.failures == {"jsonl": 5}
