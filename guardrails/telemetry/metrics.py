"""The Prometheus sink: counters and histograms of what the guard does and costs.

Labels are closed sets: verdicts, modes, outcomes, our own names. Ids never become labels, and a
tool's name does only when it is on a list, because agents bring tools without bound.
"""

import threading
from collections import deque
from typing import Final, get_args
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.registry import Collector, DuplicateTimeseries

from guardrails.core.decisions import CascadeAct, Decision
from guardrails.core.events import ContextFiltered, Event, GateReported, ToolReturned
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.core.findings import Finding, FindingWithdrawn, Key
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.mast import Weight
from guardrails.core.outcome import Outcome
from guardrails.errors import UsageError
from guardrails.version import VERSION

COMMON_TOOLS: Final = frozenset(
    {"argocd", "bash", "curl", "flux", "helm", "istioctl", "kubectl", "promtool", "shell"}
)
"""Tools that get a label of their own; every other one counts as `other`."""

_GATE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 120, 300, 600, 900, 1200, 1800)
"""Seconds. A first refusal is due within 1; a full proof waits out alert rules, 12 minutes and
more, and at most 20 by default."""

_HOOK_BUCKETS = (10e-6, 25e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 5e-3, 25e-3, 0.1)
"""Seconds. The budget of one observation is 50 µs at the median and 200 µs at p99."""

_ENDED: Final = 1_024
"""Ended runs remembered: an agent may still write its report after its end was accepted, and that
is no new run. A process ends a handful of runs a minute."""

_FOUND: Final = 500
"""Findings of one run that are told apart; the session keeps as many. What comes later counts each
time that it is told."""

_GATE_TIMING = "gate"
"""Waiting of a gate is not what a hook cost us; its duration is taken from its report."""


class _Families:
    """The metric families of one registry."""

    def __init__(self) -> None:
        self.verdicts = Counter(
            "guarded_agent_verdicts",
            "Verdicts, by the detector with its MAST mode or by the guard's rule (mode none).",
            ("detector", "mode", "verdict", "action"),
            registry=None,
        )
        self.findings = Counter(
            "guarded_agent_findings",
            "Findings, each once a run, by MAST mode, detector and what it says of a run.",
            ("mode", "detector", "severity"),
            registry=None,
        )
        self.withdrawn = Counter(
            "guarded_agent_findings_withdrawn",
            "Findings that later evidence spoke against, by detector and MAST mode.",
            ("detector", "mode"),
            registry=None,
        )
        self.runs = Counter(
            "guarded_agent_runs", "Runs that ended, by outcome.", ("outcome",), registry=None
        )
        self.gate_evaluations = Counter(
            "guarded_agent_gate_evaluations",
            "Ends that a gate judged, by its verdict.",
            ("gate", "result"),
            registry=None,
        )
        self.allowed_losses = Counter(
            "guarded_agent_allowed_losses",
            "Losses in accepted ends that were set aside, by check and by who allowed them.",
            ("check", "by"),
            registry=None,
        )
        self.gate_duration = Histogram(
            "guarded_agent_gate_duration_seconds",
            "Time from an end's claim to the gate's report, waiting included.",
            buckets=_GATE_BUCKETS,
            registry=None,
        )
        self.hook_duration = Histogram(
            "guarded_agent_hook_duration_seconds",
            "Time of the guard's own work, by what it did.",
            ("hook",),
            buckets=_HOOK_BUCKETS,
            registry=None,
        )
        self.tool_calls = Counter(
            "guarded_agent_tool_calls",
            "Tool calls that ended, by tool (other for unlisted ones) and status.",
            ("tool", "status"),
            registry=None,
        )
        self.cascades = Counter(
            "guarded_agent_cascades",
            "Runs whose failures became a cascade, by what was done about it.",
            ("action",),
            registry=None,
        )
        self.context_characters = Counter(
            "guarded_agent_context_characters",
            "Characters of the histories that filters made smaller: all of them, and those sent.",
            ("part",),
            registry=None,
        )
        self.sessions = Gauge(
            "guarded_agent_sessions", "Runs that have begun and not ended.", registry=None
        )
        self.telemetry_errors = Counter(
            "guarded_agent_telemetry_errors",
            "Failures of telemetry sinks; runs go on without them.",
            ("sink",),
            registry=None,
        )
        self.build = Info("guarded_agent_build", "The running version.", registry=None)
        self.build.info({"version": VERSION})
        for outcome in Outcome:
            self.runs.labels(outcome.value)  # from 0, so that the first one is an increase
        for act in get_args(CascadeAct):
            if act:
                self.cascades.labels(act)

    def register(self, registry: CollectorRegistry) -> None:
        """Register all of them, or none when one cannot be."""
        done: list[Collector] = []
        try:
            for family in (
                self.verdicts,
                self.findings,
                self.withdrawn,
                self.runs,
                self.gate_evaluations,
                self.allowed_losses,
                self.gate_duration,
                self.hook_duration,
                self.tool_calls,
                self.cascades,
                self.context_characters,
                self.sessions,
                self.telemetry_errors,
                self.build,
            ):
                registry.register(family)
                done.append(family)
        except DuplicateTimeseries:
            for family in done:
                registry.unregister(family)
            raise


_families: WeakKeyDictionary[CollectorRegistry, _Families] = WeakKeyDictionary()
"""What is registered where. A registry takes a name once, so hooks that share one share these."""
_families_lock = threading.Lock()


class PrometheusHook:
    """Counts records. A hook serves any number of runs and threads; hooks may share a registry."""

    name = "prometheus"

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        tool_labels: frozenset[str] = COMMON_TOOLS,
    ) -> None:
        """Register the metrics, unless another hook has done so.

        Args:
            registry: Where to; None for prometheus-client's default one.
            tool_labels: Tool names that become label values. Keep it to dozens.

        Raises:
            UsageError: Somebody else's metric has one of our names in this registry.
        """
        self._metrics = _families_of(REGISTRY if registry is None else registry)
        self._tools = tool_labels
        self._lock = threading.Lock()
        self._running: dict[RunId, dict[Key, Weight]] = {}
        """What was found in each run that goes on: a finding that grew is told again."""
        self._ended: deque[RunId] = deque(maxlen=_ENDED)
        # Looking a child up by its labels costs three times what counting costs.
        self._counters: dict[tuple[int | str, ...], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Count one record."""
        if isinstance(record, RunEnded):
            self._leave(run)
            self._child(self._metrics.runs, record.outcome.value).inc()
            return
        self._enter(run)
        match record:
            case Decision():
                self._count_verdict(
                    record.reason.value, "none", record.verdict.value, record.action.value
                )
                if record.cascade:
                    self._child(self._metrics.cascades, record.cascade).inc()
            case Finding():
                # A detector only warns; what the guard makes of it is a decision of its own.
                self._count_verdict(record.detector, record.mode.value, "warn", "allow")
                self._note_finding(run, record)
            case FindingWithdrawn():
                self._running.get(run, {}).pop(record.key, None)
                self._child(self._metrics.withdrawn, record.detector, record.mode.value).inc()
            case Event(fact=GateReported(report=report)):
                self._note_report(report)
            case Event(fact=ToolReturned(tool=tool, status=status)):
                label = tool if tool in self._tools else "other"
                self._child(self._metrics.tool_calls, label, status.value).inc()
            case Event(fact=ContextFiltered(before=before, after=after)):
                self._child(self._metrics.context_characters, "history").inc(before)
                self._child(self._metrics.context_characters, "sent").inc(after)
            case Event() | GateProgress():
                pass

    def on_timing(self, what: str, seconds: float, /) -> None:
        """Take the cost of one piece of the guard's own work."""
        if what == _GATE_TIMING:
            return
        timer = self._timers.get(what)
        if timer is None:
            timer = self._timers.setdefault(what, self._metrics.hook_duration.labels(what))
        timer.observe(seconds)

    def on_sink_failure(self, sink: str, /) -> None:
        """Count a failure of another sink."""
        self._child(self._metrics.telemetry_errors, sink).inc()

    def _count_verdict(self, detector: str, mode: str, verdict: str, action: str) -> None:
        self._child(self._metrics.verdicts, detector, mode, verdict, action).inc()

    def _note_finding(self, run: RunId, finding: Finding) -> None:
        """Count a finding once, and again when it comes to say something else of the run."""
        found = self._running.get(run, {})
        if found.get(finding.key) is finding.weight:
            return
        if len(found) < _FOUND:
            found[finding.key] = finding.weight
        labels = finding.mode.value, finding.detector, finding.weight.value
        self._child(self._metrics.findings, *labels).inc()

    def _note_report(self, report: GateReport) -> None:
        self._child(self._metrics.gate_evaluations, report.gate, report.verdict.value).inc()
        for fact in report.allowed if report.verdict is GateVerdict.PASS else ():
            by = "policy" if fact.allowed_by.startswith("policy:") else "person"
            self._child(self._metrics.allowed_losses, fact.check, by).inc()
        seconds = (report.ended_at - report.started_at).total_seconds()
        self._metrics.gate_duration.observe(max(0.0, seconds))

    def _enter(self, run: RunId) -> None:
        """Count a run from its first record here; a resumed run has begun elsewhere."""
        if run in self._running:
            return
        with self._lock:
            if run not in self._running and run not in self._ended:
                self._running[run] = {}
                self._metrics.sessions.inc()

    def _leave(self, run: RunId) -> None:
        with self._lock:
            self._ended.append(run)
            if self._running.pop(run, None) is not None:
                self._metrics.sessions.dec()

    def _child(self, family: Counter, *labels: str) -> Counter:
        key = (id(family), *labels)  # our families live as long as this hook
        child = self._counters.get(key)
        return child or self._counters.setdefault(key, family.labels(*labels))


def _families_of(registry: CollectorRegistry) -> _Families:
    with _families_lock:
        found = _families.get(registry)
        if found is None:
            found = _Families()
            try:
                found.register(registry)
            except DuplicateTimeseries as error:
                names = ", ".join(sorted(error.duplicates))
                raise UsageError(
                    f"the Prometheus registry already has {names} from elsewhere; give "
                    "PrometheusHook a registry of its own"
                ) from error
            _families[registry] = found
        return found
