"""One evaluation of the gate while it goes on: look after look, until the evidence decides.

A vigil gathers and remembers; what its findings amount to is judged by pure functions elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

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
from guardrails.gates.alerts.inputs import scrape_seconds
from guardrails.gates.alerts.queries import alert_queries
from guardrails.gates.alerts.rules import window_for
from guardrails.gates.allowing import Allowed
from guardrails.gates.answering import queries_of, questions_of
from guardrails.gates.base import GateRequest
from guardrails.gates.checks import Check, Reference, Scope, View, Witness
from guardrails.gates.choice import not_run
from guardrails.gates.composition import Judgement, judge, sample
from guardrails.gates.kubernetes.topology import latest, ready_since
from guardrails.gates.look import Sources, as_granted, take_look
from guardrails.gates.reference.differences import changes_since
from guardrails.gates.registry import applicable, lists_of, required_of
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.standing import Standing
from guardrails.gates.summary import summarize
from guardrails.gates.unrest import Unrest
from guardrails.policy.durations import format_duration
from guardrails.policy.models import GateSettings

GAP_POLLS = 5
"""Polls after which the time between two looks counts as unwatched (a suspended machine)."""

KEPT_LOOKS = 1
"""Looks kept between the first and the latest. Checks compare with the first and with the one
before, and each look at 5,000 pods takes some 30 MB."""

ANY_CLAIM = ClaimKind.GAVE_UP
"""Under what a report is filed when a run broke off without a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What every end of one run is judged by."""

    name: str
    """Of the gate."""
    incident: Incident
    reference: Reference
    standing: Standing
    sources: Sources
    settings: GateSettings
    clock: Clock
    checks: tuple[Check, ...]
    unrest: Unrest
    skipped: tuple[CheckId, ...] = ()
    """Checks that the policy keeps from being run."""


@dataclass(slots=True, kw_only=True)
class Vigil:
    """One evaluation while it goes on. Never leaves the task that runs it."""

    case: Case
    request: GateRequest
    started_at: datetime = field(init=False)
    checks: tuple[Check, ...] = field(init=False)
    scope: Scope = field(init=False)
    allowed: Allowed = field(init=False)
    require: Tier = field(init=False)
    history: tuple[Snapshot, ...] = ()
    trail: tuple[Sample, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    looks: int = 0
    window: Window = field(init=False)
    judgement: Judgement = field(init=False)

    def __post_init__(self) -> None:
        case, request = self.case, self.request
        self.started_at = case.clock.now()
        self.checks = applicable(
            case.checks,
            claim=self.claim,
            has_prometheus=case.sources.prometheus is not None,
            has_alertmanager=case.sources.alertmanager is not None,
        )
        self.scope = Scope(
            incident=request.incident,
            claim=request.claim,
            observed=request.observed,
            ledger=request.ledger,
            last_write_at=request.last_write_at,
            quiet_seconds=case.settings.stable_for,
            allow_no_alert_source=case.settings.allow_no_alert_source,
            ignored_lists=frozenset(case.settings.ignore_lists),
            traffic=case.settings.traffic,
            traffic_floor=case.settings.traffic_floor_percent / 100,
        )
        self.allowed = Allowed(by_policy=case.settings.allow, by_person=request.allowances)
        alone = case.sources.prometheus is None and case.settings.allow_no_alert_source
        self.require = Tier.STATE if self.is_diagnosis or alone else case.settings.require

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
        case = self.case
        found = await take_look(
            case.sources,
            namespaces=self.scope.namespaces,
            kinds=lists_of(self.checks, ignored=self.scope.ignored_lists),
            queries=self._queries(),
            at=case.clock.now(),
            questions=questions_of(self.checks),
        )
        look = as_granted(found, (case.reference.start, *self.history))
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
            return queries_of(self.checks)
        reference = self.case.reference
        seen = self.history[-1] if self.history else reference.start
        traffic = self.case.settings.traffic
        asked = alert_queries(self.scope.incident, reference, seen, traffic=traffic)
        return [*asked, *queries_of(self.checks)]

    @property
    def required(self) -> tuple[CheckId, ...]:
        """The checks that must have evidence."""
        return required_of(self.checks, self.scope.incident)

    def _window(self, look: Snapshot) -> Window:
        if self.is_diagnosis:
            # What is named exists or does not; nothing has to stay so.
            return Window(state_seconds=0.0, full_seconds=0.0, derived_from="a diagnosis")
        rules = known_rules(self.case.reference, look)
        sources = self.case.sources
        only = sources.prometheus is None and sources.alertmanager is not None
        return window_for(self.scope.incident, rules, self.case.settings, only_alertmanager=only)

    def _note_gap(self, at: datetime) -> None:
        """Enter time in which nobody looked into the trail, so that it proves nothing."""
        settings = self.case.settings
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
        unrest = self.case.unrest
        unrest.note_changes(look)
        written = latest(self.request.last_write_at, unrest.changed_at)
        self.scope = replace(self.scope, last_write_at=written)
        state = [c for c in self.checks if c.tier is Tier.STATE]
        rest = [c for c in self.checks if c.tier is not Tier.STATE]
        found = self._run(state, look)
        summary = sample(found, required=(), now=look.at)
        unread = look.prometheus is not None and not look.prometheus.alerts_read.ok
        if unread or summary.state_verdict is not GateVerdict.PASS:
            unrest.at = look.at
        started = ready_since(look, self.scope.namespaces, before=self.started_at)
        view = View(reference=self.case.reference, history=self.history, scope=self.scope)
        self.scope = replace(
            self.scope,
            unrest_at=latest(unrest.at, started),
            scrape_seconds=scrape_seconds(view),
        )
        return [*found, *self._run(rest, look), *not_run(self.case.skipped, look.at)]

    def _run(self, checks: Sequence[Check], look: Snapshot) -> list[Evidence]:
        found: list[Evidence] = []
        view = View(reference=self.case.reference, history=self.history, scope=self.scope)
        for check in checks:
            try:
                found += check.judge(view)
            except Exception as error:  # noqa: BLE001  # a broken check proves nothing, and says so
                witness = Witness(check=check.id, at=look.at, tier=check.tier)
                found.append(
                    witness.unknown(
                        SourceRef(source="check", detail=check.id),
                        observed=f"the check itself failed: {type(error).__name__}: {error}",
                    )
                )
        weighed = self.case.standing.weigh(found, look, self.scope)
        return list(self.allowed.weigh(weighed, now=look.at))

    def may_come_back(self) -> bool:
        """Tell whether everything unknown is so only for the moment."""
        unknown = [e for e in self.evidence if e.counts and e.state is EvidenceState.UNKNOWN]
        present = {e.check for e in self.evidence if e.counts}
        complete = all(check in present for check in self.required)
        return bool(unknown) and complete and all(e.temporary for e in unknown)

    def missing_seconds(self) -> float | None:
        """Return how long all must still stay as it is; None when something else is missing."""
        settling = any(e.counts and e.state is EvidenceState.VIOLATED for e in self.evidence)
        until = self.judgement.waiting_until
        if settling or until is None:
            return None
        return (until - self.case.clock.now()).total_seconds()

    def progress(self) -> GateProgress:
        """Say how it stands."""
        return GateProgress(
            at=self.history[-1].at,
            verdict=self.judgement.verdict,
            waiting_for=self.judgement.waiting_for,
            waiting_until=self.judgement.waiting_until,
            looks=self.looks,
        )

    def report(self, *, limit_seconds: float | None = None) -> GateReport:
        """Write down everything that the verdict rests on.

        Args:
            limit_seconds: Given when the wait was cut off by it, for words.
        """
        waiting = self.judgement.waiting_for
        if limit_seconds is not None and self.window.full_seconds > limit_seconds:
            limit = format_duration(round(limit_seconds))
            needed = format_duration(round(self.window.full_seconds))
            longer = (
                f"a longer wait than {limit} (gate.wait_at_most, or the run's): tier "
                f"{self.require} takes {needed} here; raise it, or ask for less by gate.require "
                "or gate.window"
            )
            waiting = (*waiting, longer)
        draft = GateReport(
            gate=self.case.name,
            claim=self.claim,
            verdict=self.judgement.verdict,
            tier=self.judgement.tier,
            required_tier=self.require,
            reference=self.case.reference.info,
            window=self.window,
            started_at=self.started_at,
            ended_at=self.history[-1].at,
            evidence=self.evidence,
            trail=self.trail,
            required=self.required,
            waiting_for=waiting,
            waiting_until=self.judgement.waiting_until,
            changes=changes_since(self.case.reference, self.history[-1], self.scope.namespaces),
        )
        return summarize(draft)
