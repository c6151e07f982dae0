"""kstatus: one status per object, from its conditions and counts.

Rules: `pkg/kstatus/status` of kubernetes-sigs/cli-utils (`core.go`, `generic.go`), which Helm 4
waits with, and Flux in a fork. A wait ends well when every object is Current.
"""

from __future__ import annotations

from benchmarks.gates.world import (
    Answer,
    Peer,
    Thing,
    View,
    applied,
    condition,
    dig,
    each,
    holds,
    no,
    number,
    replicas,
    yes,
)

CURRENT, IN_PROGRESS, FAILED, TERMINATING, NOT_FOUND = (
    "Current", "InProgress", "Failed", "Terminating", "NotFound",
)  # fmt: skip


def judge(view: View) -> Answer:
    """Accept when every workload and claim is Current."""
    for plural, name, thing in applied(view):
        found = NOT_FOUND if thing is None else status(plural, thing)
        if found != CURRENT:
            return no(f"{found}: {plural}/{name}")
    for claim in view.now.of("persistentvolumeclaims"):
        if status("persistentvolumeclaims", claim) != CURRENT:
            return no(f"{IN_PROGRESS}: a claim is not bound")
    return yes(CURRENT)


def status(plural: str, thing: Thing) -> str:
    """Return the status of one object."""
    return _generic(thing) or _BY_KIND.get(plural, _by_ready_condition)(thing)


def _generic(thing: Thing) -> str | None:
    if dig(thing, "metadata", "deletionTimestamp"):
        return TERMINATING
    seen = dig(thing, "status", "observedGeneration")
    if seen is not None and seen != dig(thing, "metadata", "generation"):
        return IN_PROGRESS
    if holds(thing, "Reconciling"):
        return IN_PROGRESS
    return FAILED if holds(thing, "Stalled") else None


def _deployment(thing: Thing) -> str:
    progressing = condition(thing, "Progressing")
    if dig(progressing, "reason") == "ProgressDeadlineExceeded":
        return FAILED
    has_deadline = number(thing, "spec", "progressDeadlineSeconds") not in (0, 2**31 - 1)
    settled = not has_deadline or (
        holds(thing, "Progressing") and dig(progressing, "reason") == "NewReplicaSetAvailable"
    )
    wanted = replicas(thing)  # zero is asked for and zero is there: Current
    made, updated, ready, available = (
        number(thing, "status", name)
        for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    )
    counts = made == updated == wanted and available >= updated and ready >= wanted
    return CURRENT if settled and counts and holds(thing, "Available") else IN_PROGRESS


def _stateful_set(thing: Thing) -> str:
    if dig(thing, "spec", "updateStrategy", "type") == "OnDelete":
        return CURRENT
    wanted = replicas(thing)
    made, ready, current, updated = (
        number(thing, "status", name)
        for name in ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas")
    )
    if made != wanted or ready != wanted:
        return IN_PROGRESS
    partition = number(thing, "spec", "updateStrategy", "rollingUpdate", "partition")
    if partition:
        return CURRENT if updated >= wanted - partition else IN_PROGRESS
    same = dig(thing, "status", "currentRevision") == dig(thing, "status", "updateRevision")
    return CURRENT if current == wanted and same else IN_PROGRESS


def _daemon_set(thing: Thing) -> str:
    if dig(thing, "status", "observedGeneration") is None:
        return IN_PROGRESS
    wanted = number(thing, "status", "desiredNumberScheduled")
    counts = (
        number(thing, "status", name)
        for name in (
            "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady",
        )
    )  # fmt: skip
    return CURRENT if all(count >= wanted for count in counts) else IN_PROGRESS


def _job(thing: Thing) -> str:
    if holds(thing, "Failed"):
        return FAILED
    started = dig(thing, "status", "startTime") is not None
    return CURRENT if started or holds(thing, "Complete") else IN_PROGRESS


def _claim(thing: Thing) -> str:
    return CURRENT if dig(thing, "status", "phase") == "Bound" else IN_PROGRESS


def _always(_thing: Thing) -> str:
    return CURRENT


def _by_ready_condition(thing: Thing) -> str:
    known = [c for c in each(thing, "status", "conditions") if c.get("type") == "Ready"]
    return CURRENT if not known or holds(thing, "Ready") else IN_PROGRESS


_BY_KIND = {
    "deployments": _deployment,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "jobs": _job,
    "cronjobs": _always,
    "services": _always,
    "configmaps": _always,
    "persistentvolumeclaims": _claim,
}

KSTATUS = Peer(name="kstatus", source="kubernetes-sigs/cli-utils pkg/kstatus/status", judge=judge)
