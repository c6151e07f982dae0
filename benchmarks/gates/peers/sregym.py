"""SREGym's default MitigationOracle: the Deployments of a baseline, then a walk over all pods.

Rules: `sregym/conductor/oracles/mitigation.py` of SREGym. What is desired is read from the current
spec, so a Deployment that was scaled down is as ready as it asks to be; only zero is noticed.
"""

from __future__ import annotations

from benchmarks.gates.world import Answer, Peer, View, each, name_of, no, number, replicas, yes
from benchmarks.gates.world import dig as get


def judge(view: View) -> Answer:
    """Accept when all Deployments of the baseline and all pods are ready."""
    for before in view.before.of("deployments"):
        name = name_of(before)
        now = view.now.named("deployments", name)
        if now is None:
            return no(f"deployment {name} is gone")
        wanted = replicas(now)
        if wanted == 0:
            return no(f"deployment {name} is scaled to zero")
        if number(now, "status", "readyReplicas") < wanted:
            return no(f"deployment {name} is not ready")
    pods = view.now.of("pods")
    if not pods:
        return no("no pods")
    for pod in pods:
        phase = get(pod, "status", "phase")
        if phase != "Running":
            return no(f"pod {name_of(pod)} is {phase}")
        for status in each(pod, "status", "containerStatuses"):
            waiting = get(status, "state", "waiting")
            ended = get(status, "state", "terminated", "reason")
            if waiting is not None or (ended and ended != "Completed") or not status.get("ready"):
                return no(f"pod {name_of(pod)} has a container that is not ready")
    return yes("all pods are running")


SREGYM = Peer(
    name="SREGym mitigation", source="SREGym sregym/conductor/oracles/mitigation.py", judge=judge
)
