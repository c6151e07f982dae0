"""What a Deployment's status says about its rollout: counts and conditions, worded as the real."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guardrails.testing.sim.controllers.ownership import condition, parse_time, set_condition
from guardrails.testing.sim.kinds import Obj, part, parts


def _count(obj: Obj, name: str) -> int:
    return int(part(obj, "status").get(name) or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A Deployment's pods, summed over its ReplicaSets."""

    wanted: int
    """What the ReplicaSets are asked for; the basis of `unavailableReplicas`."""
    replicas: int
    updated: int
    ready: int
    available: int
    terminating: int

    @classmethod
    def of(cls, owned: Sequence[Obj], new: Obj | None) -> "Counts":
        """Sum up."""
        return cls(
            wanted=sum(one["spec"]["replicas"] for one in owned),
            replicas=sum(_count(one, "replicas") for one in owned),
            updated=_count(new, "replicas") if new is not None else 0,
            ready=sum(_count(one, "readyReplicas") for one in owned),
            available=sum(_count(one, "availableReplicas") for one in owned),
            terminating=sum(_count(one, "terminatingReplicas") for one in owned),
        )

    def complete(self, wanted: int) -> bool:
        """Whether the rollout is done."""
        return self.updated == self.replicas == self.available == wanted

    def ahead_of(self, old: Obj) -> bool:
        """Whether these counts are progress against an older status."""
        outdated = _count(old, "replicas") - _count(old, "updatedReplicas")
        return (
            self.updated > _count(old, "updatedReplicas")
            or self.replicas - self.updated < outdated
            or self.ready > _count(old, "readyReplicas")
            or self.available > _count(old, "availableReplicas")
        )


def conditions_of(  # a status is drawn from all of this
    deployment: Obj,
    owned: Sequence[Obj],
    new: Obj | None,
    *,
    counts: Counts,
    least: int,
    fresh: str,
    clock: datetime,
    now: str,
) -> list[Obj]:
    """The Deployment's conditions; `fresh` is `created` or `found` when the revision is new."""
    conditions: list[Obj] = list(parts(part(deployment, "status"), "conditions"))
    enough = counts.available >= least
    word, verb = ("Available", "has") if enough else ("Unavailable", "does not have")
    available: Obj = {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": f"MinimumReplicas{word}",
        "message": f"Deployment {verb} minimum availability.",
    }
    conditions = set_condition(conditions, available, now=now, updates=True)
    progressing = _progressing(deployment, new, counts=counts, fresh=fresh, clock=clock)
    if progressing is not None:
        if progressing["reason"] == "ReplicaSetUpdated":
            conditions = _touch(conditions, "Progressing", progressing, now=now)
        else:
            conditions = set_condition(conditions, progressing, now=now, updates=True)
    failures = [found for one in owned if (found := condition(one, "ReplicaFailure"))]
    if failures:
        kept = ("type", "status", "reason", "message")
        failure = {key: failures[0][key] for key in kept}
        return set_condition(conditions, failure, now=now, updates=True)
    return [one for one in conditions if one["type"] != "ReplicaFailure"]


def _touch(conditions: list[Obj], name: str, new: Obj, *, now: str) -> list[Obj]:
    """Progress was made: the update time moves even if the words stay."""
    changed = set_condition(conditions, new, now=now, updates=True)
    return [{**one, "lastUpdateTime": now} if one["type"] == name else one for one in changed]


def _words(status: str, reason: str, message: str) -> Obj:
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def _progressing(
    deployment: Obj, new: Obj | None, *, counts: Counts, fresh: str, clock: datetime
) -> Obj | None:
    current = condition(deployment, "Progressing")
    reason = current["reason"] if current else ""
    if deployment["spec"].get("paused"):
        return _words("Unknown", "DeploymentPaused", "Deployment is paused")
    if reason == "DeploymentPaused":
        return _words("Unknown", "DeploymentResumed", "Deployment is resumed")
    name = new["metadata"]["name"] if new is not None else deployment["metadata"]["name"]
    subject = f'ReplicaSet "{name}"' if new is not None else f'Deployment "{name}"'
    if fresh == "created":
        return _words("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
    if fresh == "found":
        return _words("True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
    settled = reason == "NewReplicaSetAvailable" and counts.replicas == counts.updated
    if settled:
        # After a finished rollout the condition stays, whatever breaks later.
        return None
    if counts.complete(deployment["spec"]["replicas"]):
        message = f"{subject} has successfully progressed."
        return _words("True", "NewReplicaSetAvailable", message)
    if counts.ahead_of(deployment):
        return _words("True", "ReplicaSetUpdated", f"{subject} is progressing.")
    limit = deployment["spec"].get("progressDeadlineSeconds")
    if current is None or limit is None or reason == "ProgressDeadlineExceeded":
        return None
    since = (clock - parse_time(current["lastUpdateTime"])).total_seconds()
    if since > limit:
        message = f"{subject} has timed out progressing."
        return _words("False", "ProgressDeadlineExceeded", message)
    return None
