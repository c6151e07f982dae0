"""The Job controller: runs pods to completion or to the back-off limit. CronJobs do not fire."""

from guardrails.testing.sim.controllers.ownership import (
    children,
    is_active,
    is_ready,
    sparse,
    update_status,
)
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.controllers.templates import create_pod, pod_from
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.status import StatusError


class Jobs:
    """The controller."""

    reads = ("Job", "Pod")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("Job")
        self._events = Recorder(registry.store, "job-controller")

    def step(self, now: float) -> float | None:
        """Reconcile every Job."""
        del now  # every change of a pod calls for a step by itself
        for one in self._store.objects("Job"):
            if not one["metadata"].get("deletionTimestamp"):
                self._sync(one)
        return None

    def _sync(self, job: Obj) -> None:
        status: Obj = part(job, "status")
        if any(one["status"] == "True" for one in parts(status, "conditions")):
            return
        pods = children(self._store, "Pod", job)
        done = sum(1 for pod in pods if pod["status"].get("phase") == "Succeeded")
        failed = sum(1 for pod in pods if pod["status"].get("phase") == "Failed")
        active = [pod for pod in pods if is_active(pod)]
        spec = job["spec"]
        end = self._end(spec, done, failed)
        if end is None and not spec.get("suspend"):
            room = min(spec["parallelism"], spec["completions"] - done) - len(active)
            for _ in range(room):
                self._create(job)
            active = [pod for pod in children(self._store, "Pod", job) if is_active(pod)]
        self._status(job, active, done=done, failed=failed, end=end)

    @staticmethod
    def _end(spec: Obj, done: int, failed: int) -> Obj | None:
        if done >= spec["completions"]:
            return {
                "type": "Complete",
                "reason": "CompletionsReached",
                "message": "Reached expected number of succeeded pods",
            }
        if failed > spec["backoffLimit"]:
            return {
                "type": "Failed",
                "reason": "BackoffLimitExceeded",
                "message": "Job has reached the specified backoff limit",
            }
        return None

    def _create(self, job: Obj) -> None:
        made = create_pod(self._registry, pod_from(job["spec"]["template"], job))
        if isinstance(made, StatusError):
            self._events.warning(job, "FailedCreate", f"Error creating: {made}")
            return
        self._events.normal(job, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    def _status(
        self, job: Obj, active: list[Obj], *, done: int, failed: int, end: Obj | None
    ) -> None:
        old: Obj = part(job, "status")
        now = self._store.now()
        status: Obj = {
            "startTime": old.get("startTime", now),
            **sparse(active=len(active), succeeded=done, failed=failed),
            "ready": sum(1 for pod in active if is_ready(pod)),
        }
        if end is not None:
            stamp = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
            status["conditions"] = [{**end, **stamp}]
            if end["type"] == "Complete":
                status["completionTime"] = now
                self._events.normal(job, "Completed", "Job completed")
            else:
                self._events.warning(job, end["reason"], end["message"])
        update_status(self._registry, self._kind, job, status)
