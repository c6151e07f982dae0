"""Pods that the API server refused to make: by whom, and until when their makers try again.

A refused pod never exists, so there is no Pending pod to look at: the only trace is a condition
of its ReplicaSet, in the words of the admission plugin.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.gates.checks import Scope, View
from guardrails.gates.kubernetes.objects import (
    Condition,
    LimitRange,
    PodTemplate,
    ReplicaSet,
    ResourceQuota,
)
from guardrails.gates.kubernetes.quantities import amount
from guardrails.gates.kubernetes.topology import (
    REACTION_SECONDS,
    condition,
    controller_of,
    latest,
    reaction_to_write,
    revision_of,
    territory,
)
from guardrails.gates.snapshot import Snapshot

RETRY_SECONDS_MOST = 1000.0
"""The longest back-off of a controller's queue (client-go's default): it doubles from 5 ms, so
that the next try comes at most as long after now as failing has lasted."""

MOVE_SECONDS = 120.0
"""What a rollout gets between two steps: an image pull and a slow start take about a minute."""

_OVER = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.*?), used: (?P<used>.*?), "
    r"limited: (?P<most>.*)"
)
_UNSPECIFIED = re.compile(r"failed quota: (?P<name>[^:]+): (?P<why>.*)")
_LIMITS = re.compile(r"(?:maximum|minimum) \S+ usage per \S+ is|per \S+ is .*limit to request")

PODS = frozenset({"pods", "count/pods"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one ReplicaSet cannot make its pods."""

    replicaset: ReplicaSet
    condition: Condition
    quota: str = ""
    """Name of the ResourceQuota that refuses, when the message names one."""
    asked: Mapping[str, float]
    """What a pod asks of the quota, by resource."""
    by_limits: bool = False
    """A LimitRange refuses; the message does not say which."""


def refusals(look: Snapshot, namespace: str) -> Iterator[Refusal]:
    """Return the refusals of one namespace, less those of revisions that are being replaced."""
    land = territory(look, namespace)
    for held in land.replicasets.values():
        failure = condition(held.status.conditions, "ReplicaFailure")
        if failure is None or failure.status != "True" or held.spec.replicas == 0:
            continue
        parent = controller_of(held.metadata)
        above = land.workload(parent.kind, parent.name) if parent else None
        if above is not None and revision_of(above.metadata) != revision_of(held.metadata):
            continue
        yield refusal_of(held, failure)


def refusal_of(held: ReplicaSet, failure: Condition) -> Refusal:
    """Read the admission plugin's words."""
    over = _OVER.search(failure.message)
    bare = _UNSPECIFIED.search(failure.message)
    named = over or bare
    return Refusal(
        replicaset=held,
        condition=failure,
        quota=named["name"].strip() if named else "",
        asked=_amounts(over["asked"]) if over else {},
        by_limits=bool(_LIMITS.search(failure.message)),
    )


def _amounts(text: str) -> dict[str, float]:
    pairs = (part.partition("=") for part in text.split(","))
    return {key.strip(): found for key, _, said in pairs if (found := amount(said)) is not None}


def room(quota: ResourceQuota, asked: Mapping[str, float]) -> str | None:
    """Return the first resource of which a quota has too little left, or None."""
    hard = quota.status.hard or quota.spec.hard or {}
    used = quota.status.used or {}
    for key, wanted in asked.items():
        most, has = amount(hard.get(key, "")), amount(used.get(key, 0))
        if most is not None and has is not None and has + wanted > most:
            return key
    return None


def needs(template: PodTemplate) -> dict[str, float]:
    """Return what one pod of a template takes from a quota, by the quota's names."""
    found = dict.fromkeys(PODS, 1.0)
    for container in template.spec.containers or ():
        resources = container.resources
        for prefix, given in (
            ("requests.", resources.requests if resources else None),
            ("limits.", resources.limits if resources else None),
        ):
            for name, quantity in (given or {}).items():
                value = amount(quantity) or 0.0
                names = (prefix + name, name) if prefix == "requests." else (prefix + name,)
                for key in names:
                    found[key] = found.get(key, 0.0) + value
    return found


def quota_named(look: Snapshot, namespace: str, name: str) -> ResourceQuota | None:
    """Return a ResourceQuota by name."""
    quotas = look.objects(ResourceQuota, namespace)
    return next((q for q in quotas if q.metadata.name == name), None)


def still_refused(refusal: Refusal, look: Snapshot) -> bool | None:
    """Tell whether what refused a pod would refuse it again; None when it cannot be told."""
    namespace = refusal.replicaset.metadata.namespace
    if refusal.quota:
        if not _is_read(look, ResourceQuota.__name__, namespace):
            return None
        quota = quota_named(look, namespace, refusal.quota)
        if quota is None:
            return False
        return room(quota, refusal.asked) is not None if refusal.asked else None
    if refusal.by_limits and _is_read(look, LimitRange.__name__, namespace):
        return None if look.objects(LimitRange, namespace) else False
    return None


def _is_read(look: Snapshot, kind: str, namespace: str) -> bool:
    found = look.list_of(kind, namespace)
    return found is not None and found.read.ok


def retried_by(refusal: Refusal, view: View) -> datetime | None:
    """Return until when a refused pod may still come by itself; None when it will not.

    While the quota still has no room, only what the agent wrote just now can help. Once it has,
    or when nothing tells, the controller's own back-off decides.
    """
    refused = still_refused(refusal, view.look)
    if refused:
        return latest(reaction_to_write(view.scope), _moving_until(refusal, view.look))
    return backed_off_by(refusal.condition, view, known=refused is False)


def _moving_until(refusal: Refusal, look: Snapshot) -> datetime | None:
    """Return until when a rollout that is under way may still make room for its own pods.

    A quota that just fits the workload refuses the surge; the rollout goes on without it as long
    as it may take old pods away.
    """
    held = refusal.replicaset.metadata
    parent = controller_of(held)
    above = territory(look, held.namespace).workload(parent.kind, parent.name) if parent else None
    progress = condition(above.status.conditions, "Progressing") if above else None
    if progress is None or progress.reason != "ReplicaSetUpdated":
        return None
    moved = progress.last_update_time
    return moved + timedelta(seconds=MOVE_SECONDS) if moved else None


def backed_off_by(failure: Condition, view: View, *, known: bool) -> datetime | None:
    """Return when a controller that fails since some time tries again at the latest.

    Args:
        failure: Its condition, which tells since when it fails.
        view: What is seen.
        known: What was in its way is gone; else only a write of the agent gives it time.
    """
    changed = _changed_at(view.scope, view.history[0].at if known else None)
    if changed is None:
        return None
    since = failure.last_transition_time
    failing = (changed - since).total_seconds() if since else 0.0
    wait = min(max(failing, REACTION_SECONDS), RETRY_SECONDS_MOST)
    return changed + timedelta(seconds=wait)


def _changed_at(scope: Scope, first_look: datetime | None) -> datetime | None:
    return scope.last_write_at or latest(first_look)
