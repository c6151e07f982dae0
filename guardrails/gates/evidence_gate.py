"""The gate: looks at the world until the evidence decides, and says so in a report.

It fails at once, passes only what stayed good long enough, asks again for what may come back,
and gives up waiting when its time is spent. All judging is in pure functions elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from guardrails.core.claims import ClaimKind
from guardrails.core.clock import Clock
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateProgress,
    GateReport,
    GateVerdict,
    Sample,
    SourceRef,
    Tier,
    Window,
)
from guardrails.core.ids import CheckId
from guardrails.core.incident import Goal, Incident
from guardrails.gates.alerts.checks import known_rules
from guardrails.gates.alerts.inputs import input_queries
from guardrails.gates.alerts.rules import window_for
from guardrails.gates.alerts.slo import slo_queries
from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.gates.checks import Check, Reference, Scope, Witness
from guardrails.gates.composition import Judgement, judge, sample
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.look import Sources, ask, take_look
from guardrails.gates.reference import choose_reference, load_snapshots
from guardrails.gates.registry import DEFAULT_CHECKS, applicable, lists_of, required_of
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.standing import Standing, standing_of
from guardrails.gates.summary import summarize
from guardrails.policy.models import GateSettings

RETRY_SECONDS = 1.0
"""Between two looks while a source does not answer; nothing is judged meanwhile."""

GAP_POLLS = 5
"""Polls after which the time between two looks counts as unwatched (a suspended machine)."""

KEPT_LOOKS = 3
"""Latest looks kept beside the first. Checks compare neighbours, and a look can be large."""

ANY_CLAIM = ClaimKind.GAVE_UP
"""Under what a report is filed when a run broke off without a claim."""


class EvidenceGate:
    """Judges ends by Kubernetes, Prometheus and Alertmanager. Shared by all runs.

    Args:
        reader: The cluster; None when there is none, and nothing can then pass.
        prometheus: The source of alerts; without it nothing passes unless the settings allow it.
        alertmanager: Optional second source.
        settings: How much proof, and how long to wait.
        clock: Where the time comes from.
        baselines: Recorded snapshots: files, and folders of them.
        checks: What is checked.

    Raises:
        BaselineError: A baseline cannot be read.
    """

    def __init__(  # one keyword per seam
        self,
        *,
        reader: ClusterReader | None,
        settings: GateSettings,
        clock: Clock,
        prometheus: PrometheusSource | None = None,
        alertmanager: AlertmanagerSource | None = None,
        baselines: Sequence[Path] = (),
        checks: Sequence[Check] = DEFAULT_CHECKS,
    ) -> None:
        self._sources = Sources(cluster=reader, prometheus=prometheus, alertmanager=alertmanager)
        self._settings = settings
        self._clock = clock
        self._snapshots = load_snapshots(baselines)
        self._checks = tuple(checks)

    @property
    def name(self) -> str:
        """Name for reports and metrics."""
        return "evidence"

    async def open(self, incident: Incident) -> "EvidenceRun":
        """Look at the world once, choose the reference, and return the gate of one run."""
        start = await take_look(
            self._sources,
            namespaces=Scope(incident=incident).namespaces,
            kinds=lists_of(self._checks),
            queries=(),
            at=self._clock.now(),
        )
        reference = choose_reference(self._snapshots, incident, start=start, checks=self._checks)
        # Which metrics matter is known only by the rules that the look brought.
        queries = input_queries(incident, known_rules(reference, start))
        start = await ask(self._sources, start, queries)
        reference = replace(reference, start=start)
        return EvidenceRun(
            name=self.name,
            incident=incident,
            reference=reference,
            standing=standing_of(reference, incident, self._checks),
            sources=self._sources,
            settings=self._settings,
            clock=self._clock,
            checks=self._checks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRun:
    """The gate of one run: its incident and its reference."""

    name: str
    incident: Incident
    reference: Reference
    standing: Standing
    sources: Sources
    settings: GateSettings
    clock: Clock
    checks: tuple[Check, ...]

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Judge one end; cancellable at any time.

        Returns:
            A report, always. `fail` and `pass` come with the look that decides; `unknown` at once
            when asking again cannot help, else after the settings' `unknown_grace`; `pending`
            when the time to wait is spent, or at the first look when `request.wait` is false.
        """
        vigil = _Vigil(run=self, request=request)
        most = self.settings.wait_at_most
        if request.wait_at_most_seconds is not None:
            most = min(most, request.wait_at_most_seconds)
        deadline = self.clock.monotonic() + most
        silent_since: float | None = None
        while True:
            judgement = await vigil.look()
            if on_progress is not None:
                on_progress(vigil.progress())
            now = self.clock.monotonic()
            match judgement.verdict:
                case GateVerdict.PASS | GateVerdict.FAIL:
                    return vigil.report()
                case GateVerdict.UNKNOWN:
                    silent_since = now if silent_since is None else silent_since
                    spent = now - silent_since >= self.settings.unknown_grace
                    if spent or not vigil.may_come_back():
                        return vigil.report()
                    pause = min(RETRY_SECONDS, self.settings.poll_every)
                case GateVerdict.PENDING:
                    silent_since = None
                    if vigil.cannot_pass_within(deadline - now):
                        return vigil.report()
                    pause = self.settings.poll_every
            if not request.wait or now >= deadline:
                return vigil.report()
            await self.clock.sleep(max(0.0, min(pause, deadline - now)))


@dataclass(slots=True, kw_only=True)
class _Vigil:
    """One evaluation while it goes on. Never leaves the task that runs it."""

    run: EvidenceRun
    request: GateRequest
    started_at: datetime = field(init=False)
    checks: tuple[Check, ...] = field(init=False)
    scope: Scope = field(init=False)
    require: Tier = field(init=False)
    history: tuple[Snapshot, ...] = ()
    trail: tuple[Sample, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    looks: int = 0
    window: Window = field(init=False)
    judgement: Judgement = field(init=False)

    def __post_init__(self) -> None:
        run, request = self.run, self.request
        self.started_at = run.clock.now()
        self.checks = applicable(
            run.checks,
            claim=self.claim,
            has_prometheus=run.sources.prometheus is not None,
            has_alertmanager=run.sources.alertmanager is not None,
        )
        self.scope = Scope(
            incident=request.incident,
            claim=request.claim,
            observed=request.observed,
            last_write_at=request.last_write_at,
            quiet_seconds=run.settings.stable_for,
            allow_no_alert_source=run.settings.allow_no_alert_source,
        )
        alone = run.sources.prometheus is None and run.settings.allow_no_alert_source
        self.require = Tier.STATE if self.is_diagnosis or alone else run.settings.require

    @property
    def claim(self) -> ClaimKind:
        """What the end is judged as."""
        if self.request.claim is not None:
            return self.request.claim.kind
        return ClaimKind.DIAGNOSED if self._nothing_to_mend else ANY_CLAIM

    @property
    def _nothing_to_mend(self) -> bool:
        return self.request.incident.goal is Goal.DIAGNOSIS

    @property
    def is_diagnosis(self) -> bool:
        """Whether the end names a cause and claims no mend."""
        return self.claim is ClaimKind.DIAGNOSED

    async def look(self) -> Judgement:
        """Look once, and judge everything seen so far."""
        run = self.run
        look = await take_look(
            run.sources,
            namespaces=self.scope.namespaces,
            kinds=lists_of(self.checks),
            queries=self._queries(),
            at=run.clock.now(),
        )
        self.looks += 1
        self.history = (*self.history[:1], *self.history[1:][-KEPT_LOOKS:], look)
        self._note_gap(look.at)
        self.evidence = tuple(self._gather(look))
        self.trail = (
            *self.trail,
            sample(self.evidence, required=self.required, now=look.at),
        )
        self.window = self._window(look)
        self.judgement = judge(
            self.evidence,
            trail=self.trail,
            required=self.required,
            window=self.window,
            require=self.require,
            now=look.at,
        )
        return self.judgement

    def _queries(self) -> list[str]:
        if self.is_diagnosis:
            return []
        incident = self.scope.incident
        seen = self.history[-1] if self.history else self.run.reference.start
        rules = known_rules(self.run.reference, seen) if seen is not None else []
        slo = [q for s in incident.slo for q in slo_queries(s.query)]
        return [*slo, *input_queries(incident, rules)]

    @property
    def required(self) -> tuple[CheckId, ...]:
        """The checks that must have evidence."""
        return required_of(self.checks, self.scope.incident)

    def _window(self, look: Snapshot) -> Window:
        if self.is_diagnosis:
            # What is named exists or does not; nothing has to stay so.
            return Window(state_seconds=0.0, full_seconds=0.0, derived_from="a diagnosis")
        rules = known_rules(self.run.reference, look)
        return window_for(self.scope.incident, rules, self.run.settings)

    def _note_gap(self, at: datetime) -> None:
        """Enter time in which nobody looked into the trail, so that it proves nothing."""
        settings = self.run.settings
        allowed = GAP_POLLS * settings.poll_every + 2 * settings.list_timeout
        if self.trail and (at - self.trail[-1].at).total_seconds() > allowed:
            unwatched = Sample(
                at=at - timedelta(microseconds=1),
                verdict=GateVerdict.UNKNOWN,
                state_verdict=GateVerdict.UNKNOWN,
            )
            self.trail = (*self.trail, unwatched)

    def _gather(self, look: Snapshot) -> list[Evidence]:
        """Run the checks: state first, because alert checks ask whether the state is good."""
        state = [c for c in self.checks if c.tier is Tier.STATE]
        rest = [c for c in self.checks if c.tier is not Tier.STATE]
        found = self._run(state, look)
        summary = sample(found, required=(), now=look.at)
        if summary.state_verdict is not GateVerdict.PASS:
            self.scope = replace(self.scope, state_bad_at=look.at)
        return [*found, *self._run(rest, look)]

    def _run(self, checks: Sequence[Check], look: Snapshot) -> list[Evidence]:
        found: list[Evidence] = []
        for check in checks:
            try:
                found += check.judge(self.run.reference, self.history, look.at, self.scope)
            except Exception as error:  # noqa: BLE001  # a broken check proves nothing, and says so
                witness = Witness(check=check.id, at=look.at, tier=check.tier)
                found.append(
                    witness.unknown(
                        SourceRef(source="check", detail=check.id),
                        observed=f"the check itself failed: {type(error).__name__}: {error}",
                    )
                )
        return self.run.standing.weigh(found, look, self.scope)

    def may_come_back(self) -> bool:
        """Tell whether everything unknown is so only for the moment."""
        unknown = [e for e in self.evidence if e.counts and e.state is EvidenceState.UNKNOWN]
        present = {e.check for e in self.evidence if e.counts}
        complete = all(check in present for check in self.required)
        return bool(unknown) and complete and all(e.temporary for e in unknown)

    def cannot_pass_within(self, seconds: float) -> bool:
        """Tell whether only time is missing, and more of it than is left."""
        settling = any(e.counts and e.state is EvidenceState.VIOLATED for e in self.evidence)
        until = self.judgement.waiting_until
        if settling or until is None:
            return False
        return (until - self.history[-1].at).total_seconds() > seconds

    def progress(self) -> GateProgress:
        """Say how it stands."""
        return GateProgress(
            at=self.history[-1].at,
            verdict=self.judgement.verdict,
            waiting_for=self.judgement.waiting_for,
            waiting_until=self.judgement.waiting_until,
            looks=self.looks,
        )

    def report(self) -> GateReport:
        """Write down everything that the verdict rests on."""
        draft = GateReport(
            gate=self.run.name,
            claim=self.claim,
            verdict=self.judgement.verdict,
            tier=self.judgement.tier,
            required_tier=self.require,
            reference=self.run.reference.info,
            window=self.window,
            started_at=self.started_at,
            ended_at=self.history[-1].at,
            evidence=self.evidence,
            trail=self.trail,
            required=self.required,
            waiting_for=self.judgement.waiting_for,
            waiting_until=self.judgement.waiting_until,
        )
        return summarize(draft)
