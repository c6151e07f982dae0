"""Argo CD's health of an application: the worst of its resources.

Rules: `pkg/health` of argoproj/gitops-engine. The HPA rule is the one of gitops-engine, which
stops at the first `AbleToScale=True`; argo-cd's own tree has since mended it with two passes.
"""

from __future__ import annotations

from benchmarks.gates.peers.rollout import daemon_set, deployment
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
    observed,
    replicas,
    yes,
)

ORDER = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")
"""From best to worst."""

HPA_BROKEN = frozenset(
    {
        *("FailedGetScale", "FailedUpdateScale", "FailedComputeMetricsReplicas"),
        *("FailedGetResourceMetric", "FailedGetPodsMetric", "FailedGetObjectMetric"),
        *("FailedGetExternalMetric", "FailedGetContainerResourceMetric", "InvalidSelector"),
    }
)


def judge(view: View) -> Answer:
    """Accept when the application is Healthy."""
    found = [
        ("Missing" if thing is None else _WORKLOADS[plural](thing), f"{plural}/{name}")
        for plural, name, thing in applied(view)
    ]
    for plural, rule in _OTHERS.items():
        found += [(rule(thing), plural) for thing in view.now.of(plural)]
    if not found:
        return yes("Healthy")
    worst, where = max(found, key=lambda pair: ORDER.index(pair[0]))
    return yes(worst) if worst == "Healthy" else no(f"{worst}: {where}")


def _deployment(thing: Thing) -> str:
    if dig(thing, "spec", "paused"):
        return "Suspended"
    if not observed(thing):
        return "Progressing"
    if dig(condition(thing, "Progressing"), "reason") == "ProgressDeadlineExceeded":
        return "Degraded"
    return "Progressing" if deployment(thing) else "Healthy"


def _stateful_set(thing: Thing) -> str:
    if not observed(thing) or number(thing, "status", "readyReplicas") < replicas(thing):
        return "Progressing"
    if dig(thing, "spec", "updateStrategy", "type") == "OnDelete":
        return "Healthy"
    partition = number(thing, "spec", "updateStrategy", "rollingUpdate", "partition")
    updated = number(thing, "status", "updatedReplicas")
    return "Progressing" if updated < replicas(thing) - partition else "Healthy"


def _daemon_set(thing: Thing) -> str:
    if observed(thing) and dig(thing, "spec", "updateStrategy", "type") == "OnDelete":
        return "Healthy"
    return "Progressing" if daemon_set(thing) else "Healthy"


def _job(thing: Thing) -> str:
    if condition(thing, "Failed"):  # the condition's status is not looked at
        return "Degraded"
    if condition(thing, "Complete"):
        return "Healthy"
    return "Suspended" if holds(thing, "Suspended") else "Progressing"


def _cron_job(thing: Thing) -> str:
    if dig(thing, "spec", "suspend"):
        return "Healthy"
    scheduled = dig(thing, "status", "lastScheduleTime")
    succeeded = dig(thing, "status", "lastSuccessfulTime")
    if not scheduled or not succeeded or each(thing, "status", "active"):
        return "Healthy"
    return "Degraded" if succeeded < scheduled else "Healthy"


def _service(thing: Thing) -> str:
    if dig(thing, "spec", "type") != "LoadBalancer":
        return "Healthy"
    return "Healthy" if each(thing, "status", "loadBalancer", "ingress") else "Progressing"


def _claim(thing: Thing) -> str:
    return {"Lost": "Degraded", "Pending": "Progressing", "Bound": "Healthy"}.get(
        str(dig(thing, "status", "phase")), "Unknown"
    )


def _hpa(thing: Thing) -> str:
    for one in each(thing, "status", "conditions"):
        if one.get("reason") in HPA_BROKEN:
            return "Degraded"
        if one.get("type") in {"AbleToScale", "ScalingLimited"} and one.get("status") == "True":
            return "Healthy"
    return "Progressing"


def _budget(thing: Thing) -> str:
    broken = any(
        one.get("status") == "False" and one.get("reason") != "InsufficientPods"
        for one in each(thing, "status", "conditions")
    )
    return "Degraded" if broken else "Healthy"


_WORKLOADS = {
    "deployments": _deployment,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "jobs": _job,
    "cronjobs": _cron_job,
}
_OTHERS = {
    "services": _service,
    "persistentvolumeclaims": _claim,
    "horizontalpodautoscalers": _hpa,
    "poddisruptionbudgets": _budget,
}

ARGOCD = Peer(name="Argo CD", source="argoproj/gitops-engine pkg/health", judge=judge)
