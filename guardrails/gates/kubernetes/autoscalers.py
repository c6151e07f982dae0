"""Whether the autoscalers in scope can do their work.

An autoscaler without metrics leaves every pod ready, so six trusted tools call it healthy; the
next load finds it missing. All conditions are read before a verdict: real controllers report
AbleToScale=True before ScalingActive=False.
"""

from datetime import timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import HorizontalPodAutoscaler
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    condition,
    latest,
    territory,
)

ID = CheckId("autoscaler-active")

LISTS = ("HorizontalPodAutoscaler", *WORKLOAD_LISTS)

SYNC_SECONDS = 45.0
"""The HPA controller looks every 15 s by default; three rounds."""


def judge_autoscalers(view: View) -> list[Evidence]:
    """Judge every HorizontalPodAutoscaler in scope."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        scalers = look.objects(HorizontalPodAutoscaler, namespace)
        found.extend(_judge(witness, view, scaler) for scaler in scalers)
    return found


AUTOSCALER_ACTIVE = Check(id=ID, judge=judge_autoscalers, lists=LISTS)


def _judge(witness: Witness, view: View, scaler: HorizontalPodAutoscaler) -> Evidence:
    wrong = _wrong(view, scaler)
    if wrong is None:
        return witness.satisfied(
            refer(scaler),
            field="status.conditions",
            observed="able to scale",
            expected="able to scale",
        )
    field, observed, expected = wrong
    synced = latest(scaler.metadata.creation_timestamp, view.scope.last_write_at)
    return witness.violated(
        refer(scaler),
        field=field,
        observed=observed,
        expected=expected,
        settles_by=synced + timedelta(seconds=SYNC_SECONDS) if synced else None,
        settling=f"the autoscaler {scaler.metadata.name} to read its metrics",
    )


def _wrong(view: View, scaler: HorizontalPodAutoscaler) -> tuple[str, str, str] | None:
    """Return field, what was seen and what is expected, or None when it works."""
    target = scaler.spec.scale_target_ref
    if _is_gone(view, scaler):
        return "spec.scaleTargetRef", f"{target.kind} {target.name} does not exist", "it exists"
    if scaler.status.conditions is None:
        return "status.conditions", "none: nobody has looked at it", "AbleToScale True"
    for type_ in ("AbleToScale", "ScalingActive"):
        found = condition(scaler.status.conditions, type_)
        # ScalingDisabled means that its target is at zero, which is judged as such.
        if found is None or found.status == "True" or found.reason == "ScalingDisabled":
            continue
        said = f"{found.status} {found.reason}: {found.message}".rstrip(": ")
        return f"status.conditions[{type_}]", said, "True"
    return None


def _is_gone(view: View, scaler: HorizontalPodAutoscaler) -> bool:
    """Tell whether its target is none of the workloads that were read."""
    target, home = scaler.spec.scale_target_ref, scaler.metadata.namespace
    listed = view.look.list_of(target.kind, home)
    return (
        target.kind in WORKLOAD_LISTS
        and listed is not None
        and listed.read.ok
        and territory(view.look, home).workload(target.kind, target.name) is None
    )
