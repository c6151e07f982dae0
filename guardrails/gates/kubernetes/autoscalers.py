"""Whether the autoscalers in scope can do their work.

An autoscaler without metrics leaves every pod ready, so six trusted tools call it healthy; the
next load finds it missing. All conditions are read before a verdict: real controllers report
AbleToScale=True before ScalingActive=False.
"""

from datetime import timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, Scope, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import HorizontalPodAutoscaler
from guardrails.gates.kubernetes.topology import condition, latest, reaction_to_write

ID = CheckId("autoscaler-active")

LISTS = ("HorizontalPodAutoscaler",)

SYNC_SECONDS = 45.0
"""The HPA controller looks every 15 s by default; three rounds."""


def judge_autoscalers(view: View) -> list[Evidence]:
    """Judge every HorizontalPodAutoscaler in scope."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        scalers = look.objects(HorizontalPodAutoscaler, namespace)
        found.extend(_judge(witness, scaler, view.scope) for scaler in scalers)
    return found


AUTOSCALER_ACTIVE = Check(id=ID, judge=judge_autoscalers, lists=LISTS)


def _judge(witness: Witness, scaler: HorizontalPodAutoscaler, scope: Scope) -> Evidence:
    for type_ in ("AbleToScale", "ScalingActive"):
        found = condition(scaler.status.conditions, type_)
        # ScalingDisabled means that its target is at zero, which is judged as such.
        if found is None or found.status == "True" or found.reason == "ScalingDisabled":
            continue
        made = scaler.metadata.creation_timestamp
        synced = latest(made, scope.last_write_at)
        return witness.violated(
            refer(scaler),
            field=f"status.conditions[{type_}]",
            observed=f"{found.status} {found.reason}: {found.message}".rstrip(": "),
            expected="True",
            settles_by=synced + timedelta(seconds=SYNC_SECONDS)
            if synced
            else reaction_to_write(scope),
            settling=f"the autoscaler {scaler.metadata.name} to read its metrics",
        )
    return witness.satisfied(
        refer(scaler), field="status.conditions", observed="able to scale", expected="able to scale"
    )
