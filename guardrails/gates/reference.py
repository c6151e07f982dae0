"""The picture of "healthy" that a run is judged against: recording one, and choosing one.

A snapshot from when an incident had begun may hold the fault, and so may one from shortly before
its alert fired, because alerts fire late. So a reference must be older than the incident and
found healthy by our own checks; a run's own start only tells what is new.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
)
from guardrails.core.incident import Incident
from guardrails.errors import BaselineError
from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.checks import NO_REFERENCE, Check, Reference, Scope, View
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.look import Sources, take_look
from guardrails.gates.registry import CORE_LISTS, DEFAULT_CHECKS, applicable, lists_of
from guardrails.gates.snapshot import Snapshot, read_snapshot, write_snapshot

SUFFIXES = (".json", ".json.gz")

CLEAN_MARGIN = timedelta(minutes=15)
"""How much older than the incident a snapshot must be to be believed where it shows something
broken: the longest `for` in kube-prometheus is 15 minutes, and a fault precedes its alert by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A snapshot that was not taken as the reference."""

    name: str
    reason: str


def find_snapshots(paths: Iterable[Path]) -> list[Path]:
    """Return the snapshot files that the paths name: files themselves, and those in folders.

    Raises:
        BaselineError: A path does not exist, or a folder holds no snapshot.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES))
            if not inside:
                raise BaselineError(
                    f"{path}: no snapshot in it; record one by `guarded-agent baseline record`"
                )
            found.extend(inside)
        elif path.exists():
            found.append(path)
        else:
            raise BaselineError(f"{path}: no such baseline file or folder")
    return found


def load_snapshots(paths: Iterable[Path]) -> list[tuple[str, Snapshot]]:
    """Read the snapshots that the paths name, each with its file's name.

    Raises:
        BaselineError: A path does not exist or a file is not a snapshot.
    """
    return [(path.name, read_snapshot(path)) for path in find_snapshots(paths)]


def choose_reference(
    snapshots: Sequence[tuple[str, Snapshot]],
    incident: Incident,
    *,
    start: Snapshot | None = None,
    checks: Sequence[Check] = DEFAULT_CHECKS,
) -> Reference:
    """Choose what to judge against.

    Args:
        snapshots: Recorded ones, with names for the report.
        incident: A reference must be older than its earliest alert; when no alert says when it
            began, older than `start`.
        start: What the run found when it began.
        checks: How a snapshot is found healthy.

    Returns:
        The newest snapshot that is old enough and healthy; else the newest that shows something
        broken long before the incident, outside what the incident is about; else the run's start,
        which excuses nothing; else none. `info.detail` says why others were passed over.
    """
    before = incident.began_at or (start.at if start is not None else None)
    newest_first = sorted(snapshots, key=lambda pair: pair[1].at, reverse=True)
    passed: list[PassedOver] = []
    tolerable: tuple[str, Snapshot, int] | None = None
    for name, snapshot in newest_first:
        reason, broken = _judge(snapshot, incident, before, start, checks)
        if reason is None:
            return _chosen(name, snapshot, start, passed, broken=0)
        passed.append(PassedOver(name=name, reason=reason))
        if tolerable is None and broken:
            tolerable = (name, snapshot, broken)
    if tolerable is not None:
        name, snapshot, broken = tolerable
        passed = [p for p in passed if p.name != name]
        return _chosen(name, snapshot, start, passed, broken=broken)
    detail = _detail(passed)
    if start is not None:
        info = ReferenceInfo(source=ReferenceSource.RUN_START, taken_at=start.at, detail=detail)
        return Reference(info=info, start=start)
    if not detail:
        return NO_REFERENCE
    return Reference(info=ReferenceInfo(source=ReferenceSource.NONE, detail=detail))


def _chosen(
    name: str,
    snapshot: Snapshot,
    start: Snapshot | None,
    passed: Sequence[PassedOver],
    *,
    broken: int,
) -> Reference:
    noted = f"{name}; {broken} things were broken in it already" if broken else name
    detail = "; ".join(filter(None, (noted, _detail(passed))))
    info = ReferenceInfo(source=ReferenceSource.SNAPSHOT, taken_at=snapshot.at, detail=detail)
    return Reference(info=info, snapshot=snapshot, start=start)


def _detail(passed: Sequence[PassedOver], most: int = 3) -> str:
    named = [f"{p.name} passed over: {p.reason}" for p in passed[:most]]
    if len(passed) > most:
        named.append(f"{len(passed) - most} more passed over")
    return "; ".join(named)


def _judge(
    snapshot: Snapshot,
    incident: Incident,
    before: datetime | None,
    start: Snapshot | None,
    checks: Sequence[Check],
) -> tuple[str | None, int]:
    """Return why a snapshot is passed over, and how much is tolerably broken in it."""
    if before is None:
        return "nothing says when the incident began", 0
    if snapshot.at >= before:
        return f"taken at {snapshot.at:%Y-%m-%d %H:%M:%S}, after the incident began", 0
    if start is not None and snapshot.cluster and start.cluster not in {"", snapshot.cluster}:
        return "recorded on another cluster", 0
    firing = _alert_in(snapshot, incident)
    if firing is not None:
        return f"alert {firing} of the incident is active in it", 0
    evidence = evidence_of(snapshot, incident, checks)
    unread = [e for e in evidence if e.counts and e.state is EvidenceState.UNKNOWN]
    if unread:
        return f"incomplete: {unread[0].observed}", 0
    broken = [e for e in evidence if e.counts and e.state is EvidenceState.VIOLATED]
    if not broken:
        return None, 0
    reason = f"not healthy: {broken[0].check} {_subject(broken[0])}: {broken[0].observed}"
    scope = Scope(incident=incident)
    own = any(
        isinstance(e.subject, ObjectRef)
        and scope.names(e.subject.kind, e.subject.name, e.subject.namespace)
        for e in broken
    )
    recent = before - snapshot.at < CLEAN_MARGIN
    return reason, 0 if own or recent or incident.began_at is None else len(broken)


def evidence_of(
    snapshot: Snapshot, incident: Incident, checks: Sequence[Check] = DEFAULT_CHECKS
) -> list[Evidence]:
    """Run the object checks over one snapshot, on its own.

    A list that it does not hold (an older version recorded it, or its policy ignored the kind)
    takes nothing from the others, unless everything rests on it.
    """
    asked = {found.key.kind for found in snapshot.lists}
    unasked = frozenset(RESOURCES.keys() - asked - CORE_LISTS)
    scope = Scope(incident=incident, ignored_lists=unasked)
    view = View(reference=NO_REFERENCE, history=(snapshot,), scope=scope)
    chosen = applicable(
        checks, claim=ClaimKind.MITIGATED, has_prometheus=False, has_alertmanager=False
    )
    return [evidence for check in chosen if check.lists for evidence in check.judge(view)]


def _alert_in(snapshot: Snapshot, incident: Incident) -> str | None:
    for alert in snapshot.prometheus.alerts if snapshot.prometheus else ():
        if any(m.matches(alert.labels) for m in incident.alerts):
            return alert.labels.get("alertname", "without a name")
    return None


def _subject(evidence: Evidence) -> str:
    subject = evidence.subject
    return f"{subject.kind} {subject.name}" if isinstance(subject, ObjectRef) else ""


async def record_baseline(  # one keyword per source
    reader: ClusterReader,
    *,
    namespaces: Sequence[str],
    path: Path,
    at: datetime,
    prometheus: PrometheusSource | None = None,
    alertmanager: AlertmanagerSource | None = None,
) -> tuple[Snapshot, list[Evidence]]:
    """Take a snapshot and write it as a baseline file.

    Returns:
        The snapshot, and what our checks find unwell or unread in it, for the person to see.

    Raises:
        BaselineError: No namespace, or the file cannot be written.
    """
    if not namespaces:
        raise BaselineError("a baseline needs at least one namespace (-n)")
    incident = Incident(task="", namespaces=tuple(namespaces))
    sources = Sources(cluster=reader, prometheus=prometheus, alertmanager=alertmanager)
    snapshot = await take_look(
        sources, namespaces=namespaces, kinds=lists_of(DEFAULT_CHECKS), queries=(), at=at
    )
    write_snapshot(snapshot, path)
    wrong = [
        e
        for e in evidence_of(snapshot, incident)
        if e.counts and e.state is not EvidenceState.SATISFIED
    ]
    return snapshot, wrong
