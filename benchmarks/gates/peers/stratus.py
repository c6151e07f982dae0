"""STRATUS's two oracles: pods look well, and no alert fires for a while.

Rules: `clients/stratus/weak_oracles` of SREGym. Judged on the incident's namespace: the published
driver leaves the namespace out and looks at `default`, which would accept anything. An unreadable
alert list is silence, as published. An empty pod list passes.
"""

from __future__ import annotations

from benchmarks.gates.world import Answer, Peer, View, World, dig, each, name_of, no, yes

SCALE = 30.0
"""Rules here have seconds where production has minutes (a `for` of 2 s to 4 s instead of 30 s to
2 m in SREGym's rules), so its waits are divided by the same."""

BUFFER_SECONDS = 30.0 / SCALE
SILENCE_SECONDS = 120.0 / SCALE


def judge(view: View) -> Answer:
    """Accept when the pods look well and nothing fired during the silence."""
    wrong = pods_wrong(view.now)
    if wrong:
        return no(wrong)
    began = view.since[0].at if view.since else view.now.at
    # An attempt that hears an alert fails; the next one waits for a silence of its own.
    loud = [w.at for w in view.since if w.at - began >= BUFFER_SECONDS and firing(w)]
    quiet_from = max(loud, default=began + BUFFER_SECONDS)
    if view.now.at - quiet_from < SILENCE_SECONDS:
        return no(f"alert {firing(view.now)} fires" if firing(view.now) else "not silent yet")
    return yes("pods are well, and no alert fired")


def pods_wrong(world: World) -> str | None:
    """Return what is wrong with the pods, if anything (ClusterStateOracle)."""
    for pod in world.of("pods"):
        if dig(pod, "metadata", "deletionTimestamp"):
            continue
        phase = dig(pod, "status", "phase")
        if phase not in {"Running", "Succeeded"}:
            return f"pod {name_of(pod)} is {phase}"
        for status in each(pod, "status", "containerStatuses"):
            if dig(status, "state", "waiting") is not None:
                return f"a container of {name_of(pod)} waits"
            ended = dig(status, "state", "terminated", "reason")
            if ended and ended != "Completed":
                return f"a container of {name_of(pod)} ended: {ended}"
            if not status.get("ready") and phase != "Succeeded":
                return f"a container of {name_of(pod)} is not ready"
    return None


def firing(world: World) -> str | None:
    """Return an alert that fires with the namespace's label, if any (AlertOracle)."""
    for alert in world.alerts or ():
        if alert.get("state") == "firing" and dig(alert, "labels", "namespace"):
            return str(dig(alert, "labels", "alertname"))
    return None


STRATUS = Peer(name="STRATUS", source="SREGym clients/stratus/weak_oracles", judge=judge)
