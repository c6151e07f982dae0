"""Whether the alert servers have run for long enough that what they do not say means something.

A Prometheus that has just started lists no alert until its rules were true for their `for` again;
an Alertmanager keeps alerts in memory only, and hears of them again within a minute.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, EvidenceState, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.gates.alerts.checks import known_rules
from guardrails.gates.alerts.inputs import carriers_in
from guardrails.gates.alerts.rules import (
    INTERVAL_DEFAULT_SECONDS,
    INTERVALS,
    interval_seconds,
    rules_for,
)
from guardrails.gates.checks import Check, View, Witness, aside
from guardrails.gates.snapshot import JobTargets, Read, ReadStatus
from guardrails.policy.durations import format_duration

PROMETHEUS_ID = CheckId("prometheus-settled")
ALERTMANAGER_ID = CheckId("alertmanager-settled")

RESEND_SECONDS = 120.0
"""Prometheus sends a firing alert again every minute (`--rules.alert.resend-delay`); twice that,
as measured after a restart of Alertmanager: the alert was back after 61 s."""

SCRAPE_SECONDS = 120.0
"""Prometheus waits 5 s before it scrapes at all, and then for its interval, a minute by default."""

RUNTIME = SourceRef(source="prometheus", detail="GET /api/v1/status/runtimeinfo")
STATUS = SourceRef(source="alertmanager", detail="GET /api/v2/status")


def judge_prometheus(view: View) -> list[Evidence]:
    """Judge whether Prometheus has run for the longest `for` in scope, and two evaluations."""
    state = view.look.prometheus
    if state is None:
        return []
    witness = Witness(check=PROMETHEUS_ID, at=view.look.at, tier=Tier.ALERTS)
    server = state.server
    if server.started_at is None:
        return _not_told(witness, RUNTIME, server.read)
    hold = _hold_seconds(view)
    now = server.now or view.look.at
    settled = _settled(witness, RUNTIME, server.started_at, now=now, hold=hold)
    idle = _unscraped(view, state.jobs, server.started_at)
    if settled.state is not EvidenceState.SATISFIED or not idle:
        return [settled]
    return [
        witness.violated(
            RUNTIME,
            field="up",
            observed=f"has not scraped job {idle[0]} since it started",
            expected="fresh samples, and not those of before",
            query="timestamp(up)",
            settles_by=witness.at + timedelta(seconds=SCRAPE_SECONDS) - (now - server.started_at),
            settling=f"prometheus, started at {server.started_at:%H:%M:%S}, to scrape {idle[0]}",
        )
    ]


PROMETHEUS_SETTLED = Check(
    id=PROMETHEUS_ID, judge=judge_prometheus, tier=Tier.ALERTS, needs_prometheus=True
)


def _unscraped(view: View, jobs: Sequence[JobTargets], started: datetime) -> list[str]:
    """Return the jobs behind the incident's rules that are only known from before the start.

    A server that ends writes no end to its series: for five minutes they look alive.
    """
    feeding = carriers_in(view.look)
    fresh = {x.job for x in jobs if x.scraped_at >= started.timestamp()}
    known = {x.job for x in jobs}
    return sorted((feeding & known) - fresh)


def _hold_seconds(view: View) -> float:
    rules = known_rules(view.reference, view.look)
    wanted = [rule for alert in view.scope.incident.alerts for rule in rules_for(alert, rules)]
    return max(
        (rule.for_seconds + INTERVALS * interval_seconds(rule) for rule in wanted),
        default=INTERVALS * INTERVAL_DEFAULT_SECONDS if view.scope.incident.alerts else 0.0,
    )


def judge_alertmanager(view: View) -> list[Evidence]:
    """Judge whether Alertmanager was started since the reference, and has heard of all since."""
    state = view.look.alertmanager
    if state is None:
        return []
    alone = view.look.prometheus is None
    tier = Tier.STATE if alone else Tier.ALERTS
    witness = Witness(check=ALERTMANAGER_ID, at=view.look.at, tier=tier)
    if state.started_at is None:
        return _not_told(witness, STATUS, state.status_read)
    # Revisions and manifests speak of a time at which nobody asked this server.
    whole = None if view.reference.partial else view.reference.snapshot
    looks = (whole, view.reference.start, view.history[0])
    since = min(look.at for look in looks if look is not None)
    hold = RESEND_SECONDS if alone or state.started_at > since else 0.0
    return [_settled(witness, STATUS, state.started_at, now=view.look.at, hold=hold)]


ALERTMANAGER_SETTLED = Check(
    id=ALERTMANAGER_ID, judge=judge_alertmanager, tier=Tier.ALERTS, needs_alertmanager=True
)


def _not_told(witness: Witness, source: SourceRef, read: Read) -> list[Evidence]:
    if read.ok or read.status is ReadStatus.MISSING:
        # Thanos and Mimir have no start time to tell.
        said = read.message or "no start time in the answer"
        return [aside(witness.unknown(source, observed=said, expected="a start time"))]
    return [witness.unread(source, read)]


def _settled(
    witness: Witness, source: SourceRef, started: datetime, *, now: datetime, hold: float
) -> Evidence:
    left = (started + timedelta(seconds=hold) - now).total_seconds()
    needed = format_duration(round(hold))
    if left <= 0:
        return witness.satisfied(
            source, observed=f"running since {started:%Y-%m-%d %H:%M:%S}", expected="settled"
        )
    return witness.violated(
        source,
        field="started",
        observed=f"started at {started:%H:%M:%S}, {(now - started).total_seconds():.0f} s ago",
        expected=f"running for {needed}, so that what it does not list is known to be clear",
        query=source.detail,
        settles_by=witness.at + timedelta(seconds=left),
        settling=f"{source.source}, started at {started:%H:%M:%S}, to run for {needed}",
    )
