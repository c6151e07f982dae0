"""The state of a pod in the words of `kubectl get pods`, from its status as the API gives it."""

from collections.abc import Sequence

from guardrails.actions.facts.fields import EMPTY, Fields, images, number, part, rows, text


def pod_facts(spec: Fields, status: Fields) -> dict[str, str]:
    """Tell what a pod's status says: one word, readiness, restarts, and why its container ended.

    Args:
        spec: `.spec`; its containers say how many there should be.
        status: `.status`.
    """
    containers = rows(status, "containerStatuses")
    wanted = len(rows(spec, "containers")) or len(containers)
    told = {"status": _status(status, containers)}
    if containers or wanted:
        ready = sum(row.get("ready") is True for row in containers)
        told["ready"] = f"{ready}/{wanted}"
        told["restarts"] = str(sum(number(row, "restartCount") or 0 for row in containers))
    ended = next((end for end in map(_ended, containers) if end), EMPTY)
    told["reason"] = text(ended, "reason") or text(status, "reason")
    if "exitCode" in ended:
        told["exit-code"] = str(ended["exitCode"])
    told["image"] = images(spec)
    told["node"] = text(spec, "nodeName")
    return told | _unmet(status)


def _status(status: Fields, containers: Sequence[Fields]) -> str:
    """Name what keeps the first container that does not run, else the phase."""
    for row in rows(status, "initContainerStatuses"):
        waiting = text(part(part(row, "state"), "waiting"), "reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
    for row in containers:
        state = part(row, "state")
        found = text(part(state, "waiting"), "reason") or text(part(state, "terminated"), "reason")
        if found:
            return found
    return text(status, "reason") or text(status, "phase")


def _ended(row: Fields) -> Fields:
    """Return how a container ended last; one that runs again tells of the time before."""
    return part(part(row, "state"), "terminated") or part(part(row, "lastState"), "terminated")


def _unmet(status: Fields) -> dict[str, str]:
    told: dict[str, str] = {}
    for row in rows(status, "conditions"):
        name, reason = text(row, "type"), text(row, "reason")
        if name in {"PodScheduled", "Ready"} and row.get("status") == "False":
            told[f"condition:{name}"] = f"False ({reason})" if reason else "False"
    return told
