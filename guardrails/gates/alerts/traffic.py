"""Whether the services in scope are still used: error alerts go quiet when nobody asks anything.

How many requests there were is read from the counters that the rules themselves look at, with the
labels that tell an outcome left out; a policy may name others. Compared with the rate from before
the incident; where nothing is known of that time, with the start of the run, when some came.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, SourceRef, Tier
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.gates.alerts.checks import VOLATILE_LABELS, clears_by, own_alerts
from guardrails.gates.alerts.rules import (
    INTERVAL_DEFAULT_SECONDS,
    interval_seconds,
    lookback_seconds,
    rules_for,
)
from guardrails.gates.alerts.selectors import (
    OUTCOMES,
    Selector,
    requests_of,
    selectors,
    speaks_of,
    written,
)
from guardrails.gates.checks import Check, Reference, Scope, View, Witness, aside
from guardrails.gates.snapshot import AlertingRule, QueryResult, Read, ReadStatus, Snapshot

ID = CheckId("traffic-kept")

TRAFFIC = SourceRef(source="prometheus", detail="request rate")

ENOUGH = 50.0
"""Requests in one range, from which half of them is no chance: a Poisson count of 50 falls below
25 once in 10,000 looks."""

SOME = 10.0
"""Requests in one range, from which none at all is no chance (once in 20,000 looks)."""

MARGIN = timedelta(seconds=30)
"""Beside the range and the `for` that a rule needs to fire: scrapes and evaluations are not in
step."""

CALLERS = timedelta(seconds=10)
"""For callers that had given up: pools, back-offs and cached names take some seconds to come back,
however short the range is that they are counted over."""

MOST = 6
"""Measures asked for; an incident may name many alerts over the same few counters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One rate of requests."""

    query: str
    range_seconds: float
    interval_seconds: float = INTERVAL_DEFAULT_SECONDS
    """Of the evaluations of the rule that it comes from."""

    def before(self, at: datetime) -> str:
        """Return the query for the same rate at an earlier time, whatever the expression is."""
        return f"last_over_time(({self.query})[5s:1s] @ {at.timestamp():.0f})"


def traffic_queries(
    incident: Incident, reference: Reference, seen: Snapshot | None, named: Sequence[str]
) -> tuple[str, ...]:
    """Return what must be asked to judge the traffic."""
    found = measures(incident, reference, seen, named)
    before = [m.before(at) for at in _times(incident, reference) for m in found]
    return (*(m.query for m in found), *before)


def measures(
    incident: Incident, reference: Reference, seen: Snapshot | None, named: Sequence[str]
) -> tuple[Measure, ...]:
    """Return the rates that show the traffic of an incident.

    Args:
        incident: Its alerts say which rules, and which services.
        reference: Rules as they were, which no run can have changed.
        seen: A look, for its rules where the reference has none.
        named: Rates that the policy names instead.
    """
    if named:
        return tuple(Measure(query=q, range_seconds=lookback_seconds(q)) for q in named[:MOST])
    rules = _rules(reference, seen)
    own = [
        measure
        for alert in incident.alerts
        for rule in rules_for(alert, rules)
        for measure in _measures(rule, alert, incident)
    ]
    if not own:
        namespaces = Scope(incident=incident).namespaces
        near = [rule for rule in rules if speaks_of(rule.query, namespaces)]
        anything = AlertMatcher(labels={})
        own = [
            measure
            for rule in near
            for measure in _measures(rule, anything, incident)
            if "namespace" in measure.query
        ]
    return tuple(dict.fromkeys(own))[:MOST]


def _rules(reference: Reference, seen: Snapshot | None) -> list[AlertingRule]:
    for look in (reference.snapshot, reference.start, seen):
        state = look.prometheus if look is not None else None
        if state is not None and state.rules:
            return list(state.rules)
    return []


def _measures(rule: AlertingRule, alert: AlertMatcher, incident: Incident) -> Iterator[Measure]:
    """Yield the rates of all requests behind the counters of a rule."""
    found = selectors(rule.query)
    grouping = frozenset[str]().union(*(s.grouping for s in found))
    for selector in found:
        metric = requests_of(selector)
        if metric is None:
            continue
        series = written(metric, _narrowed(selector, grouping, alert, incident))
        query = f"sum(rate({series}[{selector.range_seconds * 1000:.0f}ms]))"
        yield Measure(
            query=query,
            range_seconds=selector.range_seconds,
            interval_seconds=interval_seconds(rule),
        )


def _narrowed(
    selector: Selector, grouping: frozenset[str], alert: AlertMatcher, incident: Incident
) -> list[tuple[str, str, str]]:
    """Return the matchers that keep the requests to the services of an alert."""
    kept = [m for m in selector.matchers if m[0] != "__name__" and not OUTCOMES.search(m[0])]
    told = {name for name, _, _ in kept}
    mine = {
        name: value
        for name, value in alert.labels.items()
        if name in grouping and name not in told | VOLATILE_LABELS and not OUTCOMES.search(name)
    }
    kept += [(name, "=", value) for name, value in sorted(mine.items())]
    namespaces = Scope(incident=incident).namespaces
    if "namespace" in grouping and "namespace" not in told | mine.keys() and namespaces:
        kept.append(("namespace", "=~", "|".join(namespaces)))
    return kept


def healthy_at(incident: Incident, reference: Reference) -> datetime | None:
    """Return a time shortly before the incident; None when nothing tells one.

    The alert fired by what came before it, so its range and `for` are gone back, too.
    """
    rules = _rules(reference, None)
    start, recorded = reference.start, None if reference.partial else reference.snapshot
    state = start.prometheus if start is not None else None
    began = [a.starts_at for a in incident.alerts if a.starts_at is not None]
    if not began and state is not None:
        active = [a for m in incident.alerts for a in own_alerts(m, state.alerts, ())]
        began = [a.active_at for a in active if a.active_at is not None]
    if began:
        mine = [rule for alert in incident.alerts for rule in rules_for(alert, rules)]
        needs = max((_to_fire(rule) for rule in mine), default=0.0)
        before = min(began) - timedelta(seconds=needs) - MARGIN
        # What was recorded as healthy is so, however shortly before the alert.
        return before if recorded is None else max(before, recorded.at)
    return None if recorded is None else recorded.at


def _times(incident: Incident, reference: Reference) -> tuple[datetime, ...]:
    """Return when requests came that may be missed: before the incident, and as the run began."""
    start = reference.start.at if reference.start is not None else None
    return tuple(at for at in (healthy_at(incident, reference), start) if at is not None)


def _to_fire(rule: AlertingRule) -> float:
    return lookback_seconds(rule.query) + rule.for_seconds + interval_seconds(rule)


def judge_traffic(view: View) -> list[Evidence]:
    """Judge whether each rate is at least a share of what it was before the incident."""
    state = view.look.prometheus
    if state is None:
        return []
    witness = Witness(check=ID, at=view.look.at, tier=Tier.ALERTS)
    scope = view.scope
    found = measures(scope.incident, view.reference, view.look, scope.traffic)
    times = _times(scope.incident, view.reference)
    if not found or not times:
        said = "no counter of requests is known" if not found else "no time before it is known"
        unknown = witness.unknown(TRAFFIC, observed=said, expected="gate.traffic in the policy")
        return [aside(unknown)]
    answers = {q.query: q for q in state.queries}
    judging = _Judging(
        witness=witness,
        answers=answers,
        scope=scope,
        healthy_at=healthy_at(scope.incident, view.reference),
        times=times,
    )
    return [judging.judge(measure) for measure in found]


TRAFFIC_KEPT = Check(id=ID, judge=judge_traffic, tier=Tier.ALERTS, needs_prometheus=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    """All answers of one look."""

    witness: Witness
    answers: dict[str, QueryResult]
    scope: Scope
    healthy_at: datetime | None
    times: tuple[datetime, ...]

    def judge(self, measure: Measure) -> Evidence:
        subject = SourceRef(source="prometheus", detail=measure.query)
        now = self.answers.get(measure.query)
        asked = [self.answers.get(measure.before(at)) for at in self.times]
        befores = [before for before in asked if before is not None]
        if now is None or len(befores) < len(asked):
            return self.witness.unknown(subject, observed="was not asked yet", temporary=True)
        if not now.read.ok:
            return self.witness.unread(subject, now.read)
        unread = next((before.read for before in befores if not before.read.ok), None)
        if unread is not None:
            found = self.witness.unread(subject, unread)
            # A server that does not know `@` refuses the query for good.
            return found if unread.temporary or _refused(unread) else aside(found)
        rates = [(at, _total(b.values)) for at, b in zip(self.times, befores, strict=True)]
        at, before = next((known for known in rates if known[1] > 0), rates[0])
        return self._compare(measure, _total(now.values), before=before, at=at)

    def _compare(self, measure: Measure, now: float, *, before: float, at: datetime) -> Evidence:
        subject = SourceRef(source="prometheus", detail=measure.query)
        floor = self.scope.traffic_floor
        if at == self.healthy_at:
            kept, share = now >= floor * before, f"at least {floor:.0%}"
        else:
            # As the run began, callers that try again may have asked more than ever.
            kept, share = now > 0 or floor == 0, "some"
        expected = f"{share} of the {before:.3g} requests/s of {at:%H:%M:%S}"
        observed = f"{now:.3g} requests/s"
        usual = before * measure.range_seconds
        if kept or before == 0:
            found = self.witness.satisfied(subject, observed=observed, expected=expected)
            return found if before > 0 else aside(found)
        found = self.witness.violated(
            subject,
            field="traffic",
            observed=observed,
            expected=expected,
            query=measure.query,
            settles_by=self._settles(measure),
            settling="requests to come as they did before the incident",
        )
        told = usual >= ENOUGH or (now == 0 and usual >= SOME)
        return found if told else aside(found)

    def _settles(self, measure: Measure) -> datetime | None:
        rule = AlertingRule(name="", query=measure.query, interval_seconds=measure.interval_seconds)
        measured = clears_by([rule], self.scope)
        return None if measured is None else measured + CALLERS


def _refused(read: Read) -> bool:
    return read.status in {ReadStatus.FORBIDDEN, ReadStatus.UNAUTHORIZED}


def _total(values: Iterable[str]) -> float:
    return sum(float(value) for value in values if value != "NaN")
