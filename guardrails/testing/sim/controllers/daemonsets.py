"""The DaemonSet controller, simple: one pod on every node that takes it, replaced one by one."""

from guardrails.testing.sim.controllers.ownership import (
    children,
    is_active,
    is_available,
    is_ready,
    sparse,
    update_status,
)
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.controllers.scheduler import refuses
from guardrails.testing.sim.controllers.statefulsets import REVISION_LABEL, note_revision
from guardrails.testing.sim.controllers.templates import (
    create_pod,
    delete_pod,
    pod_from,
    resolve_count,
)
from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of
from guardrails.testing.sim.status import StatusError


class DaemonSets:
    """The controller."""

    reads = ("DaemonSet", "Pod", "Node")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("DaemonSet")
        self._events = Recorder(registry.store, "daemonset-controller")

    def step(self, now: float) -> float | None:
        """Reconcile every DaemonSet."""
        del now  # every change of a pod or node calls for a step by itself
        for one in self._store.objects("DaemonSet"):
            if not one["metadata"].get("deletionTimestamp"):
                self._sync(one)
        return None

    def _sync(self, owner: Obj) -> None:
        update = note_revision(self._registry, owner)
        spec = owner["spec"]["template"]["spec"]
        nodes = self._store.objects("Node")
        wanted = {
            node["metadata"]["name"] for node in nodes if refuses(spec, node, daemon=True) is None
        }
        pods = [pod for pod in children(self._store, "Pod", owner) if is_active(pod)]
        homes = {pod["spec"]["nodeName"]: pod for pod in pods}
        gone = {
            pod["spec"]["nodeName"]
            for pod in children(self._store, "Pod", owner)
            if not is_active(pod)
        }
        for name in sorted(wanted - homes.keys() - gone):
            self._create(owner, name, update)
        for name in sorted(homes.keys() - wanted):
            delete_pod(self._registry, homes[name])
        self._replace(
            owner, [homes[name] for name in sorted(homes.keys() & wanted)], update, len(wanted)
        )
        self._status(owner, wanted, update)

    def _create(self, owner: Obj, home: str, update: str) -> None:
        pod = pod_from(owner["spec"]["template"], owner)
        pod["metadata"].setdefault("labels", {})[REVISION_LABEL] = update
        # The real controller pins by affinity and the scheduler binds; the outcome is the same.
        pod["spec"]["nodeName"] = home
        made = create_pod(self._registry, pod)
        if isinstance(made, StatusError):
            self._events.warning(owner, "FailedCreate", f"Error creating: {made}")
        else:
            name = made["metadata"]["name"]
            self._events.normal(owner, "SuccessfulCreate", f"Created pod: {name}")

    def _replace(self, owner: Obj, pods: list[Obj], update: str, total: int) -> None:
        strategy = owner["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        allowed = resolve_count(strategy["rollingUpdate"]["maxUnavailable"], total, up=True)
        outdated = [pod for pod in pods if labels_of(pod).get(REVISION_LABEL) != update]
        missing = total - sum(1 for pod in pods if is_ready(pod))
        outdated.sort(key=is_ready)
        for pod in outdated:
            if is_ready(pod):
                if missing >= allowed:
                    return
                missing += 1
            delete_pod(self._registry, pod)

    def _status(self, owner: Obj, wanted: set[str], update: str) -> None:
        pods = [pod for pod in children(self._store, "Pod", owner) if is_active(pod)]
        placed = [pod for pod in pods if pod["spec"]["nodeName"] in wanted]
        min_ready = int(owner["spec"].get("minReadySeconds") or 0)
        clock = self._store.clock.now()
        available = sum(1 for p in placed if is_available(p, min_ready=min_ready, now=clock))
        status: Obj = {
            "currentNumberScheduled": len(placed),
            "numberMisscheduled": len(pods) - len(placed),
            "desiredNumberScheduled": len(wanted),
            "numberReady": sum(1 for pod in placed if is_ready(pod)),
            "observedGeneration": owner["metadata"]["generation"],
            **sparse(
                updatedNumberScheduled=sum(
                    1 for pod in placed if labels_of(pod).get(REVISION_LABEL) == update
                ),
                numberAvailable=available,
                numberUnavailable=len(wanted) - available,
            ),
        }
        update_status(self._registry, self._kind, owner, status)
