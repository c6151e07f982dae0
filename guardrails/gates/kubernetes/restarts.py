"""Whether containers stay up: no restart while the gate looks, and none shortly before.

Readiness alone is fooled by a crash loop, whose container is ready between two crashes.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, Scope, View, Witness, unread_lists
from guardrails.gates.kubernetes.objects import ContainerStatus, Pod
from guardrails.gates.kubernetes.pods import LISTS, is_for_job, owner_ref, stands
from guardrails.gates.kubernetes.topology import Owner, Territory, latest, territory
from guardrails.gates.snapshot import Snapshot

ID = CheckId("restarts-quiet")

LOOP_SECONDS = 300.0
"""How long a life between two crashes still makes a loop: the kubelet's longest back-off."""

Counts = dict[tuple[str, str], int]
"""Restarts by pod uid and container name, when this gate first saw them."""


def judge_restarts(view: View) -> list[Evidence]:
    """Judge the restarts of all pods in scope, one piece of evidence per owner."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        land = territory(look, namespace)
        before = _first_counts(view.history[:-1], namespace)
        for owner, pods in land.by_owner.items():
            standing = [p for p in pods if stands(p)]
            if standing and not is_for_job(look, owner, namespace):
                found.append(_judge_owner(witness, land, owner, standing, before, view.scope))
    return found


RESTARTS_QUIET = Check(id=ID, judge=judge_restarts, lists=(*LISTS, "Job"))


def _first_counts(history: Sequence[Snapshot], namespace: str) -> Counts:
    counts: Counts = {}
    for look in history:
        for pod in look.objects(Pod, namespace):
            for status in _containers(pod):
                counts.setdefault((pod.metadata.uid, status.name), status.restart_count)
    return counts


def _containers(pod: Pod) -> Iterator[ContainerStatus]:
    yield from pod.status.init_container_statuses or ()
    yield from pod.status.container_statuses or ()


def _judge_owner(  # private; one call
    witness: Witness,
    land: Territory,
    owner: Owner,
    pods: Sequence[Pod],
    before: Counts,
    scope: Scope,
) -> Evidence:
    quiet_at: datetime | None = None
    recent = ""
    for pod in pods:
        for status in _containers(pod):
            known = before.get((pod.metadata.uid, status.name), status.restart_count)
            if status.restart_count > known and not land.is_outdated(pod):
                return _grew(witness, land, owner, pod, status, known)
            until = _quiet_at(status, scope.quiet_seconds)
            if until is not None and until > witness.at and (quiet_at is None or until > quiet_at):
                quiet_at, recent = until, _words(pod, status)
    subject = owner_ref(land, owner)
    if quiet_at is None:
        total = sum(s.restart_count for p in pods for s in _containers(p))
        return witness.satisfied(
            subject,
            field="restartCount",
            observed=f"none in the last {scope.quiet_seconds:g} s ({total} ever)",
            expected="no recent restart",
        )
    return witness.violated(
        subject,
        field="lastState.terminated",
        observed=recent,
        expected=f"no restart for {scope.quiet_seconds:g} s",
        settles_by=quiet_at,
        settling=f"{owner.kind} {owner.name} to stay up for {scope.quiet_seconds:g} s",
    )


def _grew(  # private; one call
    witness: Witness,
    land: Territory,
    owner: Owner,
    pod: Pod,
    status: ContainerStatus,
    known: int,
) -> Evidence:
    return witness.violated(
        owner_ref(land, owner),
        field="restartCount",
        observed=f"{_words(pod, status)}; was {known} when the gate began to look",
        expected="no restart while the gate looks",
    )


def _quiet_at(status: ContainerStatus, quiet_seconds: float) -> datetime | None:
    """Return from when a restarted container counts as staying up; None when it never ended.

    Counted from its end and from its new start, which a back-off of minutes may lie between. One
    that crashed more than once must outlive its last life, too.
    """
    last = status.last_state.terminated if status.last_state else None
    if last is None:
        return None
    running = status.state.running if status.state else None
    began = running.started_at if running is not None and status.restart_count else None
    patience = quiet_seconds
    if status.restart_count > 1 and last.started_at and last.finished_at:
        life = (last.finished_at - last.started_at).total_seconds()
        patience = max(patience, life if life <= LOOP_SECONDS else 0.0)
    ends = (
        last.finished_at + timedelta(seconds=quiet_seconds) if last.finished_at else None,
        began + timedelta(seconds=patience) if began else None,
    )
    return latest(*ends)


def _words(pod: Pod, status: ContainerStatus) -> str:
    last = status.last_state.terminated if status.last_state else None
    why = f", last ended {last.reason or 'Error'} with exit code {last.exit_code}" if last else ""
    return (
        f"pod {pod.metadata.name}: container {status.name} restarted "
        f"{status.restart_count} times{why}"
    )
