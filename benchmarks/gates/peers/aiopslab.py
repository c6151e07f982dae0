"""AIOpsLab's mitigation check: one walk over the containers of all pods.

Rules: `aiopslab/orchestrator/tasks/mitigation.py` and the problems' `eval`. No baseline, and a pod
that has no container status yet (unschedulable) is skipped. It looks once; here it is polled like
the others, which can only help it to accept what heals.
"""

from __future__ import annotations

from benchmarks.gates.world import Answer, Peer, View, dig, each, name_of, no, yes


def judge(view: View) -> Answer:
    """Accept when no container waits in a crash loop, ended badly or is not ready."""
    for pod in view.now.of("pods"):
        for status in each(pod, "status", "containerStatuses"):
            if dig(status, "state", "waiting", "reason") == "CrashLoopBackOff":
                return no(f"{name_of(pod)} is in a crash loop")
            ended = dig(status, "state", "terminated", "reason")
            if ended and ended != "Completed":
                return no(f"{name_of(pod)} ended: {ended}")
            if not status.get("ready"):
                return no(f"{name_of(pod)} is not ready")
    return yes("all containers are ready")


AIOPSLAB = Peer(
    name="AIOpsLab", source="AIOpsLab aiopslab/orchestrator/tasks/mitigation.py", judge=judge
)
