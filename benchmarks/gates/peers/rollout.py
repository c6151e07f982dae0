"""`kubectl rollout status` over every workload that it knows.

Rules: `rollout_status.go` of k8s.io/kubectl/pkg/polymorphichelpers. Jobs and CronJobs have no
rollout. A StatefulSet always has a partition, because the API server defaults it to 0: the check
of revisions behind that branch is never reached.
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
    no,
    number,
    observed,
    replicas,
    yes,
)


def judge(view: View) -> Answer:
    """Accept when every rollout is reported as successful."""
    for plural, name, thing in applied(view):
        rule = _RULES.get(plural)
        if rule is None:
            continue
        if thing is None:
            return no(f"NotFound: {plural}/{name}")
        unfinished = rule(thing)
        if unfinished:
            return no(f"{plural}/{name}: {unfinished}")
    return yes("successfully rolled out")


def deployment(thing: Thing) -> str | None:
    """Return what a Deployment waits for, or nothing."""
    if not observed(thing):
        return "waiting for the spec update to be observed"
    if dig(condition(thing, "Progressing"), "reason") == "ProgressDeadlineExceeded":
        return "exceeded its progress deadline"
    updated = number(thing, "status", "updatedReplicas")
    if updated < replicas(thing):
        return "new replicas have to be updated"
    if number(thing, "status", "replicas") > updated:
        return "old replicas are pending termination"
    if number(thing, "status", "availableReplicas") < updated:
        return "updated replicas are not available"
    return None


def daemon_set(thing: Thing) -> str | None:
    """Return what a DaemonSet waits for, or nothing."""
    if dig(thing, "spec", "updateStrategy", "type") != "RollingUpdate":
        return "rollout status is only available for RollingUpdate"
    if not observed(thing):
        return "waiting for the spec update to be observed"
    wanted = number(thing, "status", "desiredNumberScheduled")
    if number(thing, "status", "updatedNumberScheduled") < wanted:
        return "new pods have to be updated"
    return "pods are not available" if number(thing, "status", "numberAvailable") < wanted else None


def stateful_set(thing: Thing) -> str | None:
    """Return what a StatefulSet waits for, or nothing."""
    if dig(thing, "spec", "updateStrategy", "type") != "RollingUpdate":
        return "rollout status is only available for RollingUpdate"
    if not observed(thing):
        return "waiting for the spec update to be observed"
    wanted = replicas(thing)
    if number(thing, "status", "readyReplicas") < wanted:
        return "pods are not ready"
    partition = number(thing, "spec", "updateStrategy", "rollingUpdate", "partition")
    if number(thing, "status", "updatedReplicas") < wanted - partition:
        return "the partitioned roll out goes on"
    return None


_RULES = {"deployments": deployment, "daemonsets": daemon_set, "statefulsets": stateful_set}

ROLLOUT_STATUS = Peer(
    name="rollout status",
    source="k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go",
    judge=judge,
)
