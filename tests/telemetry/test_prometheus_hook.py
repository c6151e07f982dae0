import gc
import threading
import weakref
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from guardrails.core.decisions import Decision
from guardrails.core.events import ContextFiltered, Event, GateReported
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import HookSet, Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.mast import FailureMode, Weight
from guardrails.core.outcome import Outcome
from guardrails.errors import UsageError
from guardrails.telemetry.metrics import PrometheusHook

RUN = RunId("run-1")
AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"guarded_agent_{name}", labels)


def ended(run: str) -> RunEnded:
    return RunEnded(run=RunId(run), at=AT, outcome=Outcome.RESOLVED)


def test_a_run_is_counted(registry: CollectorRegistry, records: list[Record]) -> None:
    """Every record ends up in the series that speaks of it."""
    hook = PrometheusHook(registry)
    for record in records:
        hook.on_record(RUN, record)

    def verdicts(detector: str, mode: str, verdict: str, action: str) -> float | None:
        return value(
            registry,
            "verdicts_total",
            detector=detector,
            mode=mode,
            verdict=verdict,
            action=action,
        )

    assert verdicts("none", "none", "allow", "allow") == 1
    assert verdicts("effect-denied", "none", "deny", "block") == 1
    assert verdicts("gate-failed", "none", "deny", "allow") == 1
    assert verdicts("gate-unknown", "none", "escalate", "escalate") == 1
    assert verdicts("verification", "FM-3.3", "warn", "allow") == 1
    assert value(registry, "runs_total", outcome="escalated") == 1
    assert value(registry, "runs_total", outcome="resolved") == 0
    assert value(registry, "gate_evaluations_total", gate="evidence", result="fail") == 1
    assert value(registry, "gate_duration_seconds_count") == 1
    assert value(registry, "gate_duration_seconds_sum") == pytest.approx(0.2)
    assert value(registry, "tool_calls_total", tool="kubectl", status="ok") == 1
    assert value(registry, "tool_calls_total", tool="other", status="error") == 1
    assert value(registry, "sessions") == 0


def test_tool_names_are_labels_only_from_the_list(
    registry: CollectorRegistry, records: list[Record]
) -> None:
    """Agents bring tools without bound; series must not follow."""
    hook = PrometheusHook(registry, tool_labels=frozenset({"my_own_tool"}))
    for record in records:
        hook.on_record(RUN, record)
    assert value(registry, "tool_calls_total", tool="my_own_tool", status="error") == 1
    assert value(registry, "tool_calls_total", tool="other", status="ok") == 1
    assert b"run-1" not in generate_latest(registry)


def test_both_expositions_parse(registry: CollectorRegistry, records: list[Record]) -> None:
    """What a scraper gets is well-formed, named by the conventions and explained."""
    hook = PrometheusHook(registry)
    for record in records:
        hook.on_record(RUN, record)
    hook.on_timing("observe", 4e-5)
    hook.on_sink_failure("jsonl")
    text = list(read_text(generate_latest(registry).decode()))
    opened = list(read_openmetrics(exposition.generate_latest(registry).decode()))
    assert {family.name: family.type for family in opened} == {
        "guarded_agent_verdicts": "counter",
        "guarded_agent_findings": "counter",
        "guarded_agent_findings_withdrawn": "counter",
        "guarded_agent_runs": "counter",
        "guarded_agent_gate_evaluations": "counter",
        "guarded_agent_allowed_losses": "counter",
        "guarded_agent_cascades": "counter",
        "guarded_agent_context_characters": "counter",
        "guarded_agent_gate_duration_seconds": "histogram",
        "guarded_agent_hook_duration_seconds": "histogram",
        "guarded_agent_tool_calls": "counter",
        "guarded_agent_sessions": "gauge",
        "guarded_agent_telemetry_errors": "counter",
        "guarded_agent_build": "info",
    }
    assert all(family.documentation.endswith(".") for family in opened)
    assert {f.name for f in opened} <= {f.name.removesuffix("_info") for f in text}


def test_allowed_losses_of_accepted_ends_are_counted(
    registry: CollectorRegistry, accepted: Record
) -> None:
    """By check and by who allowed them, never by name."""
    PrometheusHook(registry).on_record(RUN, accepted)
    labels = {"check": "replicas-kept", "by": "person"}
    assert value(registry, "allowed_losses_total", **labels) == 1


def test_cascades_are_counted_by_what_was_done(
    registry: CollectorRegistry, records: list[Record]
) -> None:
    """A decision without one counts for none."""
    hook = PrometheusHook(registry)
    for act in ("", "tightened", "stopped", "tightened"):
        hook.on_record(RUN, Decision(run=RUN, seq=1, cascade=act))
    assert value(registry, "cascades_total", action="tightened") == 2
    assert value(registry, "cascades_total", action="stopped") == 1


def found(mode: FailureMode, **fields: Any) -> Finding:
    return Finding(run=RUN, seq=1, mode=mode, detector="StepRepetition", **fields)


def findings(registry: CollectorRegistry, mode: str, severity: str) -> float | None:
    labels = {"mode": mode, "detector": "StepRepetition", "severity": severity}
    return value(registry, "findings_total", **labels)


def test_a_finding_that_grows_is_one(registry: CollectorRegistry) -> None:
    """Detectors tell of a loop again when it doubled; another subject or agent is another one."""
    hook = PrometheusHook(registry)
    for about, agent in (("a", ""), ("a", ""), ("b", ""), ("a", "helper"), ("a", "")):
        hook.on_record(RUN, found(FailureMode.STEP_REPETITION, about=about, agent=agent))
    assert findings(registry, "FM-1.3", "structural") == 3
    hook.on_record(RunId("another"), found(FailureMode.STEP_REPETITION, about="a"))
    assert findings(registry, "FM-1.3", "structural") == 4


def test_a_finding_counts_under_what_it_says_of_the_run(registry: CollectorRegistry) -> None:
    """A pattern may say less than its mode does, and later more."""
    hook = PrometheusHook(registry)
    hook.on_record(RUN, found(FailureMode.LOSS_OF_HISTORY, severity=Weight.STRUCTURAL))
    hook.on_record(RUN, found(FailureMode.LOSS_OF_HISTORY))
    assert findings(registry, "FM-1.4", "structural") == 1
    assert findings(registry, "FM-1.4", "decisive") == 1


def test_a_finding_found_again_after_it_was_withdrawn_counts_again(
    registry: CollectorRegistry,
) -> None:
    """So that found less withdrawn is what stands."""
    hook = PrometheusHook(registry)
    one = found(FailureMode.STEP_REPETITION)
    gone = FindingWithdrawn(run=RUN, seq=2, mode=one.mode, detector=one.detector)
    for record in (one, gone, one):
        hook.on_record(RUN, record)
    assert findings(registry, "FM-1.3", "structural") == 2
    withdrawn = {"detector": "StepRepetition", "mode": "FM-1.3"}
    assert value(registry, "findings_withdrawn_total", **withdrawn) == 1


def test_words_after_the_end_are_no_new_run(
    registry: CollectorRegistry, records: list[Record]
) -> None:
    """An agent may write its report after its end was accepted; the gauge must come back to 0."""
    hook = PrometheusHook(registry)
    hook.on_record(RUN, records[1])
    hook.on_record(RUN, ended("run-1"))
    hook.on_record(RUN, records[1])
    assert value(registry, "sessions") == 0


def test_cascades_begin_at_zero(registry: CollectorRegistry) -> None:
    """So that the first one is an increase, which an alert sees."""
    PrometheusHook(registry)
    for action in ("reported", "tightened", "stopped"):
        assert value(registry, "cascades_total", action=action) == 0


def test_what_filters_save_is_counted(registry: CollectorRegistry) -> None:
    """Whole histories beside what was sent, so that their ratio is the saving."""
    fact = ContextFiltered(before=9_000, after=3_000, left={"compressed": 2})
    event = Event(run=RUN, seq=1, step=1, at=AT, fact=fact)
    PrometheusHook(registry).on_record(RUN, event)
    assert value(registry, "context_characters_total", part="history") == 9_000
    assert value(registry, "context_characters_total", part="sent") == 3_000


def test_timings_are_our_own_work(registry: CollectorRegistry) -> None:
    """The waiting of a gate is not overhead of a hook."""
    hook = PrometheusHook(registry)
    hook.on_timing("observe", 4e-5)
    hook.on_timing("observe", 4e-5)
    hook.on_timing("gate", 700.0)
    assert value(registry, "hook_duration_seconds_count", hook="observe") == 2
    assert value(registry, "hook_duration_seconds_bucket", hook="observe", le="5e-05") == 2
    assert value(registry, "hook_duration_seconds_count", hook="gate") is None


def test_running_sessions_are_counted(registry: CollectorRegistry, records: list[Record]) -> None:
    """A run counts from its first record, wherever it began, to its end, once."""
    hook = PrometheusHook(registry)
    for run in ("a", "b"):
        hook.on_record(RunId(run), records[1])
        hook.on_record(RunId(run), records[2])
    assert value(registry, "sessions") == 2
    hook.on_record(RunId("a"), ended("a"))
    hook.on_record(RunId("never-seen"), ended("never-seen"))
    assert value(registry, "sessions") == 1


def test_hooks_share_a_registry(registry: CollectorRegistry) -> None:
    """A second hook on the same registry counts into the same series."""
    for run in ("a", "b"):
        PrometheusHook(registry).on_record(RunId(run), ended(run))
    assert value(registry, "runs_total", outcome="resolved") == 2


def test_registries_do_not_share_anything() -> None:
    """Each registry has its own series, and a dropped one is not kept alive."""
    one, other = CollectorRegistry(), CollectorRegistry()
    PrometheusHook(one).on_record(RUN, ended("a"))
    PrometheusHook(other)
    assert value(one, "runs_total", outcome="resolved") == 1
    assert value(other, "runs_total", outcome="resolved") == 0
    dropped = weakref.ref(other)
    del other
    gc.collect()
    assert dropped() is None


def test_a_name_that_is_taken_is_an_error_that_says_so(registry: CollectorRegistry) -> None:
    """Somebody else's metric of our name is not counted into, and nothing is half registered."""
    foreign = Counter("guarded_agent_runs", "Not ours.", registry=registry)
    with pytest.raises(UsageError, match="already has guarded_agent_runs"):
        PrometheusHook(registry)
    registry.unregister(foreign)
    PrometheusHook(registry).on_record(RUN, ended("a"))
    assert value(registry, "runs_total", outcome="resolved") == 1


def test_threads_lose_no_count(registry: CollectorRegistry, records: list[Record]) -> None:
    """Runs in parallel threads add up."""
    hook = PrometheusHook(registry)

    judged = next(r for r in records if isinstance(r, Event) and isinstance(r.fact, GateReported))

    def work(number: int) -> None:
        run = RunId(f"t{number}")
        for _ in range(100):
            hook.on_record(run, judged)
        hook.on_record(run, ended(run))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(registry, "gate_evaluations_total", gate="evidence", result="fail") == 800
    assert value(registry, "runs_total", outcome="resolved") == 8
    assert value(registry, "sessions") == 0


def test_the_build_is_named(registry: CollectorRegistry) -> None:
    """One series says which version runs."""
    PrometheusHook(registry)
    (family,) = [f for f in registry.collect() if f.name == "guarded_agent_build"]
    assert [(set(s.labels), s.value) for s in family.samples] == [({"version"}, 1.0)]


def test_failures_of_other_sinks_are_counted(
    registry: CollectorRegistry, records: list[Record]
) -> None:
    """The hook set tells this hook when another one fails."""

    class Broken:
        name = "broken"

        def on_record(self, run: RunId, record: Record, /) -> None:
            raise OSError("no")

    hooks = HookSet([Broken(), PrometheusHook(registry)])
    for record in records:
        hooks.emit(RUN, record)
    assert value(registry, "telemetry_errors_total", sink="broken") == len(records)
