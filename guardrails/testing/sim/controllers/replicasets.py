"""The ReplicaSet controller: keeps the wanted number of pods, adopts and releases by selector."""

from datetime import datetime

from guardrails.testing.sim.controllers.ownership import (
    claim,
    is_active,
    is_available,
    is_ready,
    set_condition,
    sparse,
    update_status,
)
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.controllers.templates import create_pod, delete_pod, pod_from
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of
from guardrails.testing.sim.status import StatusError

RETRY = 1.0
"""Seconds between tries after a refused pod; the real controller backs off up to minutes."""


def _deletion_rank(pod: Obj) -> tuple[bool, bool, bool, str, str]:
    """Pods that go first: unscheduled, not running, not ready, then the youngest."""
    created: str = pod["metadata"]["creationTimestamp"]
    newest_first = "".join(chr(255 - ord(letter)) for letter in created)
    return (
        bool(pod["spec"].get("nodeName")),
        pod["status"].get("phase") == "Running",
        is_ready(pod),
        newest_first,
        pod["metadata"]["name"],
    )


class ReplicaSets:
    """The controller."""

    reads = ("ReplicaSet", "Pod", "ResourceQuota")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("ReplicaSet")
        self._pods = registry.kinds.named("Pod")
        self._events = Recorder(registry.store, "replicaset-controller")

    def step(self, now: float) -> float | None:
        """Reconcile every ReplicaSet."""
        due: float | None = None
        for one in self._store.objects("ReplicaSet"):
            if one["metadata"].get("deletionTimestamp"):
                continue
            if self._sync(one):
                due = now + RETRY
        return due

    def _sync(self, replica_set: Obj) -> bool:
        pods = claim(self._registry, self._pods, replica_set)
        active = [pod for pod in pods if is_active(pod)]
        terminating = sum(1 for pod in pods if pod["metadata"].get("deletionTimestamp"))
        wanted: int = replica_set["spec"]["replicas"]
        failure = self._scale(replica_set, active, wanted)
        active = [pod for pod in claim(self._registry, self._pods, replica_set) if is_active(pod)]
        clock = self._store.clock.now()
        status = self._status(replica_set, active, terminating, failure, clock)
        update_status(self._registry, self._kind, replica_set, status)
        min_ready = int(replica_set["spec"].get("minReadySeconds") or 0)
        settling = bool(min_ready) and status.get("readyReplicas") != status.get(
            "availableReplicas"
        )
        return failure is not None or settling

    def _scale(self, replica_set: Obj, active: list[Obj], wanted: int) -> StatusError | None:
        for _ in range(wanted - len(active)):
            made = create_pod(
                self._registry, pod_from(replica_set["spec"]["template"], replica_set)
            )
            if isinstance(made, StatusError):
                self._events.warning(replica_set, "FailedCreate", f"Error creating: {made}")
                return made
            name = made["metadata"]["name"]
            self._events.normal(replica_set, "SuccessfulCreate", f"Created pod: {name}")
        surplus = max(0, len(active) - wanted)
        for pod in sorted(active, key=_deletion_rank)[:surplus]:
            delete_pod(self._registry, pod)
            name = pod["metadata"]["name"]
            self._events.normal(replica_set, "SuccessfulDelete", f"Deleted pod: {name}")
        return None

    def _status(
        self,
        replica_set: Obj,
        active: list[Obj],
        terminating: int,
        failure: StatusError | None,
        clock: datetime,
    ) -> Obj:
        spec = replica_set["spec"]
        min_ready = int(spec.get("minReadySeconds") or 0)
        template_labels = part(part(spec["template"], "metadata"), "labels")
        old: list[Obj] = parts(part(replica_set, "status"), "conditions")
        conditions = [one for one in old if one["type"] != "ReplicaFailure"]
        if failure is not None:
            conditions = set_condition(
                old,
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": str(failure),
                },
                now=self._store.now(),
            )
        status: Obj = {
            "replicas": len(active),
            **sparse(
                fullyLabeledReplicas=sum(
                    1 for pod in active if template_labels.items() <= labels_of(pod).items()
                ),
                readyReplicas=sum(1 for pod in active if is_ready(pod)),
                availableReplicas=sum(
                    1 for pod in active if is_available(pod, min_ready=min_ready, now=clock)
                ),
            ),
            "terminatingReplicas": terminating,
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        if conditions:
            status["conditions"] = conditions
        return status
