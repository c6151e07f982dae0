"""What kube-state-metrics publishes about the simulated objects, under its documented names."""

from collections.abc import Callable, Iterator

from guardrails.testing.sim.controllers.ownership import controller_of
from guardrails.testing.sim.kinds import Obj, part
from guardrails.testing.sim.scraping import Reading
from guardrails.testing.sim.store import Store
from guardrails.testing.sim.tsdb import labels_of

JOB = "kube-state-metrics"
_INSTANCE = "kube-state-metrics:8080"
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_STATES = ("true", "false", "unknown")

Pairs = tuple[str, dict[str, str], float]


def _status(obj: Obj) -> Obj:
    return part(obj, "status")


def _count(obj: Obj, name: str) -> float:
    return float(_status(obj).get(name) or 0)


def _conditions(obj: Obj, metric: str, about: dict[str, str]) -> Iterator[Pairs]:
    for one in _status(obj).get("conditions") or ():
        for state in _STATES:
            labels = {**about, "condition": one["type"], "status": state}
            yield metric, labels, float(one["status"].lower() == state)


def _pod(pod: Obj) -> Iterator[Pairs]:
    meta = pod["metadata"]
    about = {"namespace": meta["namespace"], "pod": meta["name"], "uid": meta["uid"]}
    owner = controller_of(pod) or {}
    node = pod["spec"].get("nodeName", "")
    yield "kube_pod_info", {**about, "node": node, "pod_ip": _status(pod).get("podIP", "")}, 1.0
    yield (
        "kube_pod_owner",
        {
            **about,
            "owner_kind": owner.get("kind", "<none>"),
            "owner_name": owner.get("name", "<none>"),
            "owner_is_controller": "true" if owner else "<none>",
        },
        1.0,
    )
    for phase in _PHASES:
        labels = {**about, "phase": phase}
        yield "kube_pod_status_phase", labels, float(_status(pod).get("phase") == phase)
    for one in _status(pod).get("conditions") or ():
        metric = {"Ready": "kube_pod_status_ready", "PodScheduled": "kube_pod_status_scheduled"}
        if one["type"] in metric:
            for state in _STATES:
                labels = {**about, "condition": state}
                yield metric[one["type"]], labels, float(one["status"].lower() == state)
    for one in _status(pod).get("containerStatuses") or ():
        yield from _container(one, {**about, "container": one["name"]})


def _container(status: Obj, about: dict[str, str]) -> Iterator[Pairs]:
    prefix = "kube_pod_container_status_"
    state: Obj = part(status, "state")
    yield f"{prefix}restarts_total", about, float(status.get("restartCount", 0))
    yield f"{prefix}ready", about, float(bool(status.get("ready")))
    for name in ("running", "waiting", "terminated"):
        yield f"{prefix}{name}", about, float(name in state)
        reason = state.get(name, {}).get("reason")
        if reason:
            yield f"{prefix}{name}_reason", {**about, "reason": reason}, 1.0
    last: Obj = part(part(status, "lastState"), "terminated")
    if last.get("reason"):
        yield f"{prefix}last_terminated_reason", {**about, "reason": last["reason"]}, 1.0


def _workload(
    kind: str, spec: dict[str, str], status: dict[str, str]
) -> Callable[[Obj], Iterator[Pairs]]:
    def read(obj: Obj) -> Iterator[Pairs]:
        meta = obj["metadata"]
        about = {"namespace": meta["namespace"], kind: meta["name"]}
        for metric, field in spec.items():
            yield f"kube_{kind}_{metric}", about, float(obj["spec"].get(field) or 0)
        for metric, field in status.items():
            yield f"kube_{kind}_{metric}", about, _count(obj, field)
        yield f"kube_{kind}_metadata_generation", about, float(meta.get("generation", 0))
        yield from _conditions(obj, f"kube_{kind}_status_condition", about)

    return read


def _deployment(obj: Obj) -> Iterator[Pairs]:
    yield from _workload(
        "deployment",
        {"spec_replicas": "replicas"},
        {
            "status_replicas": "replicas",
            "status_replicas_ready": "readyReplicas",
            "status_replicas_available": "availableReplicas",
            "status_replicas_unavailable": "unavailableReplicas",
            "status_replicas_updated": "updatedReplicas",
            "status_observed_generation": "observedGeneration",
        },
    )(obj)
    about = {"namespace": obj["metadata"]["namespace"], "deployment": obj["metadata"]["name"]}
    yield "kube_deployment_spec_paused", about, float(bool(obj["spec"].get("paused")))


def _node(node: Obj) -> Iterator[Pairs]:
    about = {"node": node["metadata"]["name"]}
    yield "kube_node_info", about, 1.0
    unschedulable = float(bool(node["spec"].get("unschedulable")))
    yield "kube_node_spec_unschedulable", about, unschedulable
    yield from _conditions(node, "kube_node_status_condition", about)


def _service(service: Obj) -> Iterator[Pairs]:
    meta = service["metadata"]
    labels = {
        "namespace": meta["namespace"],
        "service": meta["name"],
        "cluster_ip": service["spec"].get("clusterIP", ""),
    }
    yield "kube_service_info", labels, 1.0


def _autoscaler(scaler: Obj) -> Iterator[Pairs]:
    meta, spec = scaler["metadata"], scaler["spec"]
    about = {"namespace": meta["namespace"], "horizontalpodautoscaler": meta["name"]}
    prefix = "kube_horizontalpodautoscaler_"
    yield f"{prefix}spec_min_replicas", about, float(spec.get("minReplicas") or 1)
    yield f"{prefix}spec_max_replicas", about, float(spec["maxReplicas"])
    yield f"{prefix}status_current_replicas", about, _count(scaler, "currentReplicas")
    yield f"{prefix}status_desired_replicas", about, _count(scaler, "desiredReplicas")


_READERS: dict[str, Callable[[Obj], Iterator[Pairs]]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "StatefulSet": _workload(
        "statefulset",
        {"replicas": "replicas"},
        {
            "status_replicas": "replicas",
            "status_replicas_ready": "readyReplicas",
            "status_replicas_available": "availableReplicas",
            "status_replicas_updated": "updatedReplicas",
            "status_observed_generation": "observedGeneration",
        },
    ),
    "DaemonSet": _workload(
        "daemonset",
        {},
        {
            "status_desired_number_scheduled": "desiredNumberScheduled",
            "status_current_number_scheduled": "currentNumberScheduled",
            "status_number_ready": "numberReady",
            "status_number_available": "numberAvailable",
            "status_number_unavailable": "numberUnavailable",
            "status_updated_number_scheduled": "updatedNumberScheduled",
        },
    ),
    "ReplicaSet": _workload(
        "replicaset",
        {"spec_replicas": "replicas"},
        {
            "status_replicas": "replicas",
            "status_ready_replicas": "readyReplicas",
        },
    ),
    "Job": _workload(
        "job",
        {"spec_completions": "completions"},
        {
            "status_active": "active",
            "status_succeeded": "succeeded",
            "status_failed": "failed",
        },
    ),
    "Node": _node,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
}


class Exporter:
    """kube-state-metrics of the simulated cluster; a scrape target."""

    def __init__(self, store: Store) -> None:
        self.job = JOB
        self.up = True
        self._store = store
        self._read: dict[str, tuple[str, list[Reading]]] = {}

    def collect(self) -> Iterator[Reading]:
        """Every series; an object that did not change is not read again."""
        fresh: dict[str, tuple[str, list[Reading]]] = {}
        for kind, read in _READERS.items():
            for obj in self._store.objects(kind):
                uid, version = obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
                known = self._read.get(uid)
                if known is None or known[0] != version:
                    where = {"job": JOB, "instance": _INSTANCE}
                    known = (
                        version,
                        [
                            (labels_of(name, {**labels, **where}.items()), value)
                            for name, labels, value in read(obj)
                        ],
                    )
                fresh[uid] = known
                yield from known[1]
        self._read = fresh
