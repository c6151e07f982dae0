"""Which recorded snapshot a run is judged against.

The newest healthy one from before the incident, unless something was lost or changed in it shortly
before: a fault that leaves everything "healthy" (replicas at zero, a Service deleted, a probe
removed) must not become what healthy looks like. What has been so for longer is how things are
now, and is asked of nobody.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from guardrails.core.evidence import Evidence, ObjectRef, ReferenceInfo, ReferenceSource
from guardrails.core.incident import Incident
from guardrails.errors import BaselineError
from guardrails.gates.checks import NO_REFERENCE, Check, Reference, Scope
from guardrails.gates.reference.beginning import Beginning, beginning_of
from guardrails.gates.reference.changes import changes
from guardrails.gates.reference.fallback import fall_back
from guardrails.gates.reference.folder import Candidate, Mark
from guardrails.gates.reference.health import Health, Judging, subject_of, unread_alerts
from guardrails.gates.reference.manifests import Declared
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.gates.snapshot import AlertingRule, Snapshot
from guardrails.policy.durations import format_duration

SUSPECT_FOR = timedelta(hours=1)
"""How long before its onset an incident's fault may have been put in: what was lost in this time
may be the fault, what was lost before is how things are now. An hour is the longest `for` that
kube-prometheus gives to a rule about workloads. Twice as long would hold yesterday evening's
planned change against this morning's agent; half as long misses a fault that shows only once the
last connections and caches have gone."""

WITNESS_FOR = timedelta(days=1, hours=1)
"""How far back a snapshot can tell that something was lost only recently. With a recording a day
there is always one; of what was lost some time in the last month nobody can say that."""

_NAMED = 4
"""Passed-over snapshots that a report names."""


class _Fault(IntEnum):
    """Why a snapshot is passed over, the most telling last."""

    LATE = 0
    """Taken after the incident began; there are many, and one line says it of all."""
    NEAR = 1
    """Taken so shortly before that it may hold the fault; likewise."""
    OTHER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A snapshot that was not taken as the reference."""

    name: str
    taken_at: datetime
    reason: str
    why: _Fault = _Fault.OTHER


def choose_reference(
    snapshots: Iterable[tuple[str, Snapshot]],
    incident: Incident,
    *,
    start: Snapshot | None = None,
    checks: Sequence[Check] = DEFAULT_CHECKS,
) -> Reference:
    """Choose what to judge against, among snapshots that are read already.

    Args:
        snapshots: Recorded ones, with names for the report.
        incident: A reference must be older than its earliest alert, by what the alert's rule needs
            to notice; when no alert says when it began, older than `start`.
        start: What the run found when it began.
        checks: How a snapshot is found healthy.

    Returns:
        The newest snapshot that is old enough, healthy, and not changed lately; else the
        newest that shows something broken for long, outside what the incident is about; else one
        from shortly before the alert that still has what the run's start lacks; else what the
        cluster remembers of before, which is partial; else the run's start, which excuses nothing;
        else none. `info.detail` says why others were passed over.
    """
    candidates = [Candidate.of(name, snapshot) for name, snapshot in snapshots]
    return choose_among(candidates, incident, start=start, checks=checks)


def choose_among(
    candidates: Iterable[Candidate],
    incident: Incident,
    *,
    start: Snapshot | None = None,
    checks: Sequence[Check] = DEFAULT_CHECKS,
    manifests: Sequence[Declared] = (),
) -> Reference:
    """Choose as `choose_reference` does, reading only what may be chosen.

    Where no snapshot can be chosen, revisions, last-applied notes and `manifests` stand in; the
    reference is then partial.
    """
    ordered = sorted(candidates, key=lambda c: (c.first, c.name))
    judging = Judging(incident=incident, checks=checks)
    return _Choice(judging=judging, start=start, manifests=manifests).among(ordered)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usable:
    """A snapshot that was read and is old enough."""

    candidate: Candidate
    snapshot: Snapshot
    health: Health


class _Choice:
    """One choice: what was passed over is noted as it goes."""

    def __init__(
        self, *, judging: Judging, start: Snapshot | None, manifests: Sequence[Declared]
    ) -> None:
        self._judging, self._start, self._manifests = judging, start, manifests
        self._passed: dict[str, PassedOver] = {}

    def among(self, ordered: Sequence[Candidate]) -> Reference:
        """Choose among candidates, oldest first."""
        begun = self._beginning(ordered)
        if begun is None:
            for candidate in ordered:
                self._pass(candidate, "nothing says when the incident began")
            return self._without(None)
        old = [c for c in ordered if self._is_old_enough(c, begun)]
        found = self._healthy(old, begun) or self._tolerable(old, begun)
        if found is not None:
            return self._with(found, since=found.candidate.first)
        near = self._near(ordered, begun)
        return self._without(begun) if near is None else self._with(near)

    def _beginning(self, ordered: Sequence[Candidate]) -> Beginning | None:
        rules: list[AlertingRule] = list(_rules(self._start))
        seen = beginning_of(self._judging.incident, start=self._start, rules=rules)
        if seen is None:
            return None
        # What was changed since is asked of the newest snapshot from before.
        for candidate in reversed(ordered):
            if candidate.first < seen.seen and (snapshot := self._read(candidate)) is not None:
                rules += _rules(snapshot)
                break
        return beginning_of(self._judging.incident, start=self._start, rules=rules)

    def _is_old_enough(self, candidate: Candidate, begun: Beginning) -> bool:
        if candidate.first >= begun.seen:
            when = f"{candidate.first:%Y-%m-%d %H:%M:%S}"
            self._pass(candidate, f"taken at {when}, after the incident began", why=_Fault.LATE)
            return False
        if candidate.first > begun.onset or (begun.lead and candidate.first == begun.onset):
            self._pass_near(candidate, begun)
            return False
        return True

    def _pass_near(self, candidate: Candidate, begun: Beginning) -> None:
        self._pass(
            candidate,
            f"taken {_ago(candidate.first, begun.seen)} before the alert, whose rule may take "
            f"{format_duration(begun.lead.total_seconds())} to notice",
            why=_Fault.NEAR,
        )

    def _healthy(self, old: Sequence[Candidate], begun: Beginning) -> "_Usable | None":
        for candidate in old:
            if candidate.mark is Mark.UNWELL:
                self._pass(candidate, "not healthy when it was taken")
        marked = [c for c in old if c.mark is not Mark.UNWELL]
        return self._newest_like_settled(marked, begun, tolerant=False)

    def _tolerable(self, old: Sequence[Candidate], begun: Beginning) -> "_Usable | None":
        if not begun.lead:
            # No alert says when it began, so what was broken in it may be the incident.
            return None
        return self._newest_like_settled(old, begun, tolerant=True)

    def _newest_like_settled(
        self, old: Sequence[Candidate], begun: Beginning, *, tolerant: bool
    ) -> "_Usable | None":
        """Return the newest that is as things were before the suspect time, or else that."""
        suspect = begun.onset - SUSPECT_FOR
        recent = [c for c in old if c.first > suspect]
        settled = (c for c in reversed(old) if c.first <= suspect)
        before = next(self._usable(settled, tolerant=tolerant), None)
        if before is not None and before.candidate.last >= begun.onset - WITNESS_FOR:
            return self._newest_like(before, recent, tolerant=tolerant)
        first = self._first_without_doubt(recent, tolerant=tolerant)
        if first is None:
            return before
        later = [c for c in recent if c.first > first.candidate.first]
        return self._newest_like(first, later, tolerant=tolerant)

    def _newest_like(
        self, before: _Usable, recent: Sequence[Candidate], *, tolerant: bool
    ) -> _Usable:
        for newer in self._usable(reversed(recent), tolerant=tolerant):
            what = self._difference(newer.snapshot, before)
            if what is None:
                return newer
            reason = f"it may hold the fault; since {before.candidate.name}, {what}"
            self._pass(newer.candidate, reason)
        return before

    def _first_without_doubt(
        self, recent: Sequence[Candidate], *, tolerant: bool
    ) -> "_Usable | None":
        """Find one of the suspect time in which all is well: nothing older tells what was so."""
        for usable in self._usable(recent, tolerant=tolerant):
            wrong = usable.health.wrong
            if not wrong:
                return usable
            self._pass(
                usable.candidate,
                f"not healthy, or not known to be: {_said(wrong[0])}, and nothing from before "
                f"tells whether it was so",
            )
        return None

    def _difference(self, newer: Snapshot, older: _Usable) -> str | None:
        """Return the first thing that was lost, or else changed."""
        lost = self._judging.losses(newer, older.snapshot, older.health)
        if lost:
            return _said(lost[0])
        scope = Scope(incident=self._judging.incident)
        return next(changes(newer, older.snapshot, scope.namespaces), None)

    def _usable(self, candidates: Iterable[Candidate], *, tolerant: bool) -> "Iterator[_Usable]":
        for candidate in candidates:
            snapshot = self._read(candidate)
            if snapshot is None:
                continue
            health = self._judging.alone(snapshot)
            self._passed.pop(candidate.name, None)
            reason = self._unfit(snapshot, health, tolerant=tolerant)
            if reason is not None:
                self._pass(candidate, reason)
                continue
            yield _Usable(candidate=candidate, snapshot=snapshot, health=health)

    def _unfit(self, snapshot: Snapshot, health: Health, *, tolerant: bool) -> str | None:
        """Return why a snapshot can be no reference, whatever others show."""
        start, incident = self._start, self._judging.incident
        if start is not None and snapshot.cluster and start.cluster not in {"", snapshot.cluster}:
            return "recorded on another cluster"
        if health.unread:
            return f"incomplete: {health.unread[0].observed}"
        if (unread := unread_alerts(snapshot)) is not None:
            return f"incomplete: {unread.message}"
        if (active := _alert_in(snapshot, incident)) is not None:
            return f"alert {active} of the incident is active in it"
        if health.broken and not (tolerant and not _own(health.broken, incident)):
            return f"not healthy: {_said(health.broken[0])}"
        return None

    def _near(self, ordered: Sequence[Candidate], begun: Beginning) -> "_Usable | None":
        """Find one from within the rule's time that still has what the run's start lacks.

        It is then older than that loss. The oldest is the least likely to hold the fault.
        """
        if self._start is None:
            return None
        near = [c for c in ordered if begun.onset <= c.first < begun.seen]
        marked = [c for c in near if c.mark is not Mark.UNWELL]
        for usable in self._usable(marked, tolerant=False):
            if self._difference(self._start, usable) is not None:
                return usable
            self._pass_near(usable.candidate, begun)
        return None

    def _read(self, candidate: Candidate) -> Snapshot | None:
        try:
            return candidate.load()
        except BaselineError as error:
            self._pass(candidate, str(error).replace(candidate.name, "it"))
            return None

    def _pass(self, candidate: Candidate, reason: str, *, why: _Fault = _Fault.OTHER) -> None:
        self._passed[candidate.name] = PassedOver(
            name=candidate.name, taken_at=candidate.first, reason=reason, why=why
        )

    def _with(self, found: _Usable, *, since: datetime | None = None) -> Reference:
        noted = found.candidate.name
        if found.health.broken:
            noted += f"; {len(found.health.broken)} things were broken in it already"
        better = [p for p in self._passed.values() if since is None or p.taken_at >= since]
        detail = "; ".join(filter(None, (noted, _detail(better))))
        info = ReferenceInfo(
            source=ReferenceSource.SNAPSHOT, taken_at=found.snapshot.at, detail=detail
        )
        return Reference(info=info, snapshot=found.snapshot, start=self._start)

    def _without(self, begun: Beginning | None) -> Reference:
        detail, start = _detail(list(self._passed.values())), self._start
        fallback = fall_back(
            namespaces=Scope(incident=self._judging.incident).namespaces,
            start=start,
            before=begun and begun.onset - SUSPECT_FOR,
            manifests=self._manifests,
        )
        if fallback is not None:
            detail = "; ".join(filter(None, (fallback.detail, detail)))
            info = ReferenceInfo(source=fallback.source, detail=detail)
            return Reference(info=info, snapshot=fallback.snapshot, start=start, partial=True)
        if start is not None:
            info = ReferenceInfo(source=ReferenceSource.RUN_START, taken_at=start.at, detail=detail)
            return Reference(info=info, start=start)
        if not detail:
            return NO_REFERENCE
        return Reference(info=ReferenceInfo(source=ReferenceSource.NONE, detail=detail))


def _own(evidence: Sequence[Evidence], incident: Incident) -> bool:
    scope = Scope(incident=incident)
    return any(
        isinstance(e.subject, ObjectRef)
        and scope.names(e.subject.kind, e.subject.name, e.subject.namespace)
        for e in evidence
    )


def _rules(snapshot: Snapshot | None) -> tuple[AlertingRule, ...]:
    state = snapshot.prometheus if snapshot is not None else None
    return state.rules if state is not None else ()


def _alert_in(snapshot: Snapshot, incident: Incident) -> str | None:
    for alert in snapshot.prometheus.alerts if snapshot.prometheus else ():
        if any(m.matches(alert.labels) for m in incident.alerts):
            return alert.labels.get("alertname", "without a name")
    return None


def _ago(then: datetime, seen: datetime) -> str:
    return format_duration(round((seen - then).total_seconds()))


def _said(evidence: Evidence) -> str:
    field = f" {evidence.field}" if evidence.field else ""
    return f"{evidence.check} {subject_of(evidence)}{field}: {evidence.observed}"


def _detail(passed: Sequence[PassedOver]) -> str:
    """Say why snapshots were passed over, the telling reasons first and one line for the rest."""
    ranked = sorted(passed, key=lambda p: p.taken_at, reverse=True)
    telling = [p for p in ranked if p.why is _Fault.OTHER][:_NAMED]
    lines = [f"{p.name} passed over: {p.reason}" for p in telling]
    for why in (_Fault.NEAR, _Fault.LATE):
        alike = [p for p in ranked if p.why is why]
        if alike:
            more = f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
            lines.append(f"{alike[0].name} passed over: {alike[0].reason}{more}")
    rest = sum(p.why is _Fault.OTHER for p in passed) - len(telling)
    return "; ".join([*lines, f"{rest} more passed over"] if rest else lines)
