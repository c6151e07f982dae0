"""The scheduler: binds pending pods to nodes, or says why no node fits.

Filters for cordons, taints, node selectors and required node affinity, host anti-affinity, claims
that do not exist, pod count and memory or cpu requests; spreads by the number of pods per node.
"""

from collections import Counter

from guardrails.testing.sim.controllers.ownership import set_condition, update_status
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.quantities import parse_quantity
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of, match_selector
from guardrails.testing.sim.store import clone

_CORDON = "node.kubernetes.io/unschedulable"
_RESOURCES = ("cpu", "memory")


def requested(spec: Obj, resource: str) -> float:
    """What a pod spec requests of one resource; a limit alone counts as the request."""
    total = 0.0
    for container in spec["containers"]:
        resources: Obj = part(container, "resources")
        value = part(resources, "requests").get(resource)
        if value is None:
            value = part(resources, "limits").get(resource)
        total += parse_quantity(value) if value is not None else 0.0
    return total


def tolerates(spec: Obj, taint: Obj) -> bool:
    """Whether a pod spec tolerates one taint."""
    for toleration in parts(spec, "tolerations"):
        if toleration.get("effect") not in (None, "", taint.get("effect")):
            continue
        if toleration.get("operator") == "Exists" and toleration.get("key") in (None, taint["key"]):
            return True
        if (toleration.get("key"), toleration.get("value", "")) == (
            taint["key"],
            taint.get("value", ""),
        ):
            return True
    return False


def _affinity(spec: Obj, node: Obj) -> bool:
    wanted: dict[str, str] = part(spec, "nodeSelector")
    labels = labels_of(node)
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity: Obj = part(part(spec, "affinity"), "nodeAffinity")
    required: Obj | None = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(
        match_selector({"matchExpressions": term.get("matchExpressions")}, labels)
        for term in required["nodeSelectorTerms"]
    )


def refuses(spec: Obj, node: Obj, *, daemon: bool = False) -> str | None:
    """Why a node cannot take a pod by its labels and taints, or None."""
    taints: list[Obj] = list(parts(node["spec"], "taints"))
    cordoned = node["spec"].get("unschedulable") and not daemon
    if cordoned and not tolerates(spec, {"key": _CORDON, "effect": "NoSchedule"}):
        return "node(s) were unschedulable"
    for taint in taints:
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not tolerates(spec, taint):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not _affinity(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return None


class Scheduler:
    """The default scheduler."""

    reads = ("Pod", "Node", "PersistentVolumeClaim")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("Pod")
        self._events = Recorder(registry.store, "default-scheduler")

    def step(self, now: float) -> float | None:
        """Bind every pod that fits somewhere."""
        del now  # pods are bound at once
        pods = self._store.objects("Pod")
        pending = [
            pod
            for pod in pods
            if not pod["spec"].get("nodeName") and not pod["metadata"].get("deletionTimestamp")
        ]
        if not pending:
            return None
        nodes = self._store.objects("Node")
        placed: dict[str, list[Obj]] = {node["metadata"]["name"]: [] for node in nodes}
        used: Counter[tuple[str, str]] = Counter()
        for pod in pods:
            home = pod["spec"].get("nodeName")
            if home in placed and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                self._place(pod, home, placed, used)
        for pod in pending:
            refusals: Counter[str] = Counter()
            fits: list[str] = []
            for node in nodes:
                why = self._fit(pod, node, placed, used)
                if why is None:
                    fits.append(node["metadata"]["name"])
                else:
                    refusals[why] += 1
            claim = self._missing_claim(pod)
            if fits and claim is None:
                home = min(fits, key=lambda name: (len(placed[name]), name))
                self._place(pod, home, placed, used)
                self._bind(pod, home)
            else:
                self._fail(pod, refusals, len(nodes), claim=claim)
        return None

    @staticmethod
    def _place(
        pod: Obj, home: str, placed: dict[str, list[Obj]], used: Counter[tuple[str, str]]
    ) -> None:
        placed[home].append(pod)
        for resource in _RESOURCES:
            # Milli-units keep the counter whole.
            used[home, resource] += round(requested(pod["spec"], resource) * 1000)

    def _fit(
        self, pod: Obj, node: Obj, placed: dict[str, list[Obj]], used: Counter[tuple[str, str]]
    ) -> str | None:
        why = refuses(pod["spec"], node)
        if why is not None:
            return why
        name = node["metadata"]["name"]
        capacity: Obj = part(part(node, "status"), "allocatable")
        if len(placed[name]) >= int(capacity.get("pods", 110)):
            return "Too many pods"
        for resource in _RESOURCES:
            total = capacity.get(resource)
            wanted = round(requested(pod["spec"], resource) * 1000)
            if (
                total is not None
                and wanted
                and (used[name, resource] + wanted > parse_quantity(total) * 1000)
            ):
                return f"Insufficient {resource}"
        if _anti_affine(pod, placed[name]):
            return "node(s) didn't match pod anti-affinity rules"
        return None

    def _missing_claim(self, pod: Obj) -> str | None:
        for volume in parts(pod["spec"], "volumes"):
            name = part(volume, "persistentVolumeClaim").get("claimName")
            home = pod["metadata"]["namespace"]
            if name and self._store.get("PersistentVolumeClaim", name, namespace=home) is None:
                return f'persistentvolumeclaim "{name}" not found'
        return None

    def _bind(self, pod: Obj, home: str) -> None:
        new = clone(pod)
        new["spec"]["nodeName"] = home
        new["status"]["conditions"] = set_condition(
            parts(new["status"], "conditions"),
            {"type": "PodScheduled", "status": "True", "lastProbeTime": None},
            now=self._store.now(),
        )
        bound = self._store.put("Pod", new)
        meta = pod["metadata"]
        self._events.normal(
            bound,
            "Scheduled",
            f"Successfully assigned {meta['namespace']}/{meta['name']} to {home}",
        )

    def _fail(self, pod: Obj, refusals: Counter[str], total: int, *, claim: str | None) -> None:
        if claim is not None:
            message = f"0/{total} nodes are available: {claim}."
        elif not total:
            message = "no nodes available to schedule pods"
        else:
            reasons = ", ".join(f"{count} {why}" for why, count in sorted(refusals.items()))
            message = f"0/{total} nodes are available: {reasons}."
        old: Obj = pod["status"]
        conditions = set_condition(
            parts(old, "conditions"),
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
                "lastProbeTime": None,
            },
            now=self._store.now(),
        )
        if conditions != old.get("conditions"):
            update_status(self._registry, self._kind, pod, {**old, "conditions": conditions})
            self._events.warning(pod, "FailedScheduling", message)


def _anti_affine(pod: Obj, others: list[Obj]) -> bool:
    affinity: Obj = part(part(pod["spec"], "affinity"), "podAntiAffinity")
    for term in parts(affinity, "requiredDuringSchedulingIgnoredDuringExecution"):
        if term.get("topologyKey") != "kubernetes.io/hostname":
            continue
        for other in others:
            same_home = other["metadata"]["namespace"] == pod["metadata"]["namespace"]
            if same_home and match_selector(term.get("labelSelector"), labels_of(other)):
                return True
    return False
