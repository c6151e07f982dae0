"""When an incident began: earlier than its alerts say, because alerts fire late.

`startsAt` is when an alert fired: after the rule's expression had held for its `for`, and after
enough of its range was filled with bad samples. A snapshot from that time may hold the fault.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.alerts.rules import (
    INTERVALS,
    interval_seconds,
    lookback_seconds,
    rules_for,
)
from guardrails.gates.snapshot import AlertingRule, Snapshot

RANGE_MOST_SECONDS = 3600.0
"""Most of a rule's range that counts. A rate over three days, as error budgets use, fires within
minutes of a bad fault; what creeps for longer than an hour is told by what the snapshots lost."""

UNKNOWN_RULE_SECONDS = 900.0
"""Taken where the rule is not known: the longest `for` that kube-prometheus gives to workloads of
a cluster, but for one, is 15 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """When an incident began, by what is known."""

    seen: datetime
    """When it was first seen: an alert was pending or fired, or else the run began. No snapshot
    from then on can be healthy."""
    onset: datetime
    """From when on the fault may have been there: earlier by what the rule needs to notice."""

    @property
    def lead(self) -> timedelta:
        """How much earlier."""
        return self.seen - self.onset


def beginning_of(
    incident: Incident, *, start: Snapshot | None, rules: Iterable[AlertingRule]
) -> Beginning | None:
    """Work out when an incident began.

    Args:
        incident: Its alerts may say when they fired.
        start: What the run found; it may hold the alerts, with the time since which they are
            active.
        rules: Every rule known, of before and of now.

    Returns:
        None when nothing tells: no alert says when, and there is no start.
    """
    known = list(rules)
    times = [time for alert in incident.alerts for time in _times(alert, start, known)]
    if times:
        return Beginning(seen=min(t.seen for t in times), onset=min(t.onset for t in times))
    return None if start is None else Beginning(seen=start.at, onset=start.at)


def _times(
    alert: AlertMatcher, start: Snapshot | None, rules: Sequence[AlertingRule]
) -> list[Beginning]:
    found: list[Beginning] = []
    if alert.starts_at is not None:
        found.append(_before(alert.starts_at, noticed_seconds(alert, rules)))
    state = start.prometheus if start is not None else None
    for active in state.alerts if state is not None else ():
        if active.active_at is not None and alert.matches(active.labels):
            # Since then it is pending, so `for` is not part of it.
            lead = noticed_seconds(alert, rules, with_for=False)
            found.append(_before(active.active_at, lead))
    return found


def _before(seen: datetime, seconds: float) -> Beginning:
    return Beginning(seen=seen, onset=seen - timedelta(seconds=seconds))


def noticed_seconds(
    alert: AlertMatcher, rules: Sequence[AlertingRule], *, with_for: bool = True
) -> float:
    """Return how long a fault may be there before its alert fires, by the slowest of its rules."""
    slowest = max((_noticed(rule, with_for) for rule in rules_for(alert, rules)), default=None)
    return UNKNOWN_RULE_SECONDS if slowest is None else slowest


def _noticed(rule: AlertingRule, with_for: bool) -> float:  # noqa: FBT001  # private, one caller
    held = rule.for_seconds if with_for else 0.0
    range_ = min(lookback_seconds(rule.query), RANGE_MOST_SECONDS)
    return held + range_ + INTERVALS * interval_seconds(rule)
