"""Whether autoscalers have come to rest: not at their limit for want of more, not to and fro.

An autoscaler at its limit in ordinary times tells of a fault that load or slowness makes. What was
at its limit in the reference already is how things are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import HorizontalPodAutoscaler
from guardrails.gates.kubernetes.topology import condition, latest
from guardrails.gates.snapshot import Snapshot

ID = CheckId("autoscaler-settled")

LISTS = ("HorizontalPodAutoscaler",)

CALM_SECONDS = 360.0
"""An autoscaler goes down again only after 5 minutes of lower load, by default; a bit more."""


def judge_scaling(view: View) -> list[Evidence]:
    """Judge every autoscaler in scope by its limit and by the way it moved."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        scalers = view.look.objects(HorizontalPodAutoscaler, namespace)
        found.extend(_judge(witness, view, scaler) for scaler in scalers)
    return found


AUTOSCALER_SETTLED = Check(id=ID, judge=judge_scaling, lists=LISTS)


def _judge(witness: Witness, view: View, scaler: HorizontalPodAutoscaler) -> Evidence:
    name, status = scaler.metadata.name, scaler.status
    scaled = status.last_scale_time
    moves = _moves(view, scaler)
    if _turned(moves):
        return witness.violated(
            refer(scaler),
            field="status.desiredReplicas",
            observed=f"to and fro: {' -> '.join(map(str, moves))}",
            expected="replicas that stay",
            settles_by=(scaled or witness.at) + timedelta(seconds=view.scope.quiet_seconds),
            settling=f"the autoscaler {name} to come to rest",
        )
    if not _is_maxed(scaler):
        return witness.satisfied(
            refer(scaler),
            field="status.desiredReplicas",
            observed=f"{status.desired_replicas} of at most {scaler.spec.max_replicas}",
            expected="within its limits",
        )
    before = _as_it_was(view, scaler)
    if before is None or _is_maxed(before):
        why = "as in the reference" if before else "nothing tells whether it always was"
        return witness.satisfied(
            refer(scaler),
            field="status.currentReplicas",
            observed=f"at its limit of {scaler.spec.max_replicas}; {why}",
            expected="as before",
        )
    return witness.violated(
        refer(scaler),
        field="status.currentReplicas",
        observed=f"{status.current_replicas}: at its limit, and would go higher",
        expected=f"below its limit, as in the reference "
        f"({before.status.current_replicas} of {before.spec.max_replicas})",
        settles_by=_calm_by(view, scaled),
        settling=f"the autoscaler {name} to go below its limit",
    )


def _calm_by(view: View, scaled: datetime | None) -> datetime | None:
    """Return until when load may still be falling after what the agent wrote."""
    if view.scope.last_write_at is None:
        return None
    moved = latest(view.scope.last_write_at, scaled)
    return moved + timedelta(seconds=CALM_SECONDS) if moved else None


def _is_maxed(scaler: HorizontalPodAutoscaler) -> bool:
    """Tell whether it is at its limit and would go higher; one that is pinned never is."""
    limited = condition(scaler.status.conditions, "ScalingLimited")
    return (
        limited is not None
        and limited.status == "True"
        and limited.reason == "TooManyReplicas"
        and scaler.status.current_replicas >= scaler.spec.max_replicas
        and scaler.spec.max_replicas != (scaler.spec.min_replicas or 1)
    )


def _moves(view: View, scaler: HorizontalPodAutoscaler) -> list[int]:
    """Return the numbers that the latest looks saw, as far as one pause would keep them still."""
    since = view.look.at - timedelta(seconds=CALM_SECONDS)
    looks = [look for look in view.history if look.at >= since]
    seen = (_find(look, scaler) for look in looks)
    # Without metrics there is no number: it is shown as 0.
    return [s.status.desired_replicas for s in seen if s is not None and s.status.desired_replicas]


def _turned(moves: Sequence[int]) -> bool:
    steps = [b - a for a, b in pairwise(moves) if a != b]
    return any(a * b < 0 for a, b in pairwise(steps))


def _find(look: Snapshot, scaler: HorizontalPodAutoscaler) -> HorizontalPodAutoscaler | None:
    scalers = look.objects(HorizontalPodAutoscaler, scaler.metadata.namespace)
    return next((s for s in scalers if s.metadata.name == scaler.metadata.name), None)


def _as_it_was(view: View, scaler: HorizontalPodAutoscaler) -> HorizontalPodAutoscaler | None:
    past = view.reference.snapshot
    found = None if past is None or view.reference.partial else _find(past, scaler)
    # One that no controller had looked at tells nothing.
    return found if found is not None and found.status.conditions else None
