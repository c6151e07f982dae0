"""Quotas, disruption budgets and autoscalers: what bounds the number of pods.

ResourceQuota is enforced at admission, so a pod over quota never exists. The autoscaler has no
metrics unless its target's annotation `sim.guarded-agent/cpu-utilization` gives a percentage.
"""

import math

from guardrails.testing.sim.controllers.ownership import is_ready, set_condition, update_status
from guardrails.testing.sim.controllers.scheduler import requested
from guardrails.testing.sim.controllers.symptoms import PREFIX, annotations_of
from guardrails.testing.sim.controllers.templates import resolve_count
from guardrails.testing.sim.kinds import Kind, Obj, part, parts
from guardrails.testing.sim.quantities import format_bytes, parse_quantity
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of, match_selector
from guardrails.testing.sim.status import forbidden
from guardrails.testing.sim.store import Store, clone

UTILIZATION = PREFIX + "cpu-utilization"
_NO_METRICS = (
    "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to "
    "get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server "
    "could not find the requested resource (get pods.metrics.k8s.io)"
)


def _limit_total(spec: Obj, resource: str) -> float:
    return sum(
        parse_quantity(part(part(one, "resources"), "limits").get(resource, "0"))
        for one in spec["containers"]
    )


def _use(pod: Obj, key: str) -> float:
    if key in ("pods", "count/pods"):
        return 1.0
    if key.startswith("limits."):
        return _limit_total(pod["spec"], key.partition(".")[2])
    resource = key.removeprefix("requests.")
    return requested(pod["spec"], resource) if resource in ("cpu", "memory") else 0.0


def _show(key: str, value: float) -> str:
    return format_bytes(value) if "memory" in key or value == int(value) else f"{value * 1000:.0f}m"


def _used(store: Store, namespace: str, key: str) -> float:
    return sum(
        _use(pod, key)
        for pod in store.objects("Pod", namespace=namespace)
        if pod["status"].get("phase") not in ("Succeeded", "Failed")
    )


class Quotas:
    """Admission and status of ResourceQuotas."""

    reads = ("ResourceQuota", "Pod")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("ResourceQuota")
        registry.admission.append(self.admit)

    def admit(self, kind: Kind, new: Obj, old: Obj | None) -> None:
        """Refuse a new pod that a quota has no room for.

        Raises:
            StatusError: 403, worded as the real admission plugin words it.
        """
        if kind.kind != "Pod" or old is not None:
            return
        meta = new["metadata"]
        for quota in self._store.objects("ResourceQuota", namespace=meta["namespace"]):
            hard: dict[str, str] = part(quota["spec"], "hard")
            over: list[tuple[str, float, float, str]] = []
            for key, limit in sorted(hard.items()):
                wanted, used = _use(new, key), _used(self._store, meta["namespace"], key)
                if wanted and used + wanted > parse_quantity(limit):
                    over.append((key, wanted, used, limit))
            if over:
                ask = ",".join(f"{key}={_show(key, wanted)}" for key, wanted, _, _ in over)
                have = ",".join(f"{key}={_show(key, used)}" for key, _, used, _ in over)
                most = ",".join(f"{key}={limit}" for key, _, _, limit in over)
                why = (
                    f"exceeded quota: {quota['metadata']['name']}, requested: {ask}, "
                    f"used: {have}, limited: {most}"
                )
                raise forbidden(why, kind=kind, name=meta["name"])

    def step(self, now: float) -> float | None:
        """Write how much of each quota is used."""
        del now  # follows changes only
        for quota in self._store.objects("ResourceQuota"):
            hard: dict[str, str] = part(quota["spec"], "hard")
            home = quota["metadata"]["namespace"]
            used = {key: _show(key, _used(self._store, home, key)) for key in hard}
            update_status(self._registry, self._kind, quota, {"hard": hard, "used": used})
        return None


class Budgets:
    """Status of PodDisruptionBudgets."""

    reads = ("PodDisruptionBudget", "Pod")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("PodDisruptionBudget")

    def step(self, now: float) -> float | None:
        """Count healthy pods and what may be disrupted."""
        del now  # follows changes only
        for budget in self._store.objects("PodDisruptionBudget"):
            home = budget["metadata"]["namespace"]
            spec = budget["spec"]
            pods = [
                pod
                for pod in self._store.objects("Pod", namespace=home)
                if match_selector(spec.get("selector"), labels_of(pod))
            ]
            healthy = sum(1 for pod in pods if is_ready(pod))
            if "minAvailable" in spec:
                desired = resolve_count(spec["minAvailable"], len(pods), up=True)
            else:
                allowed = resolve_count(spec.get("maxUnavailable", 1), len(pods), up=True)
                desired = max(0, len(pods) - allowed)
            free = max(0, healthy - desired)
            old: Obj = part(budget, "status")
            condition = {
                "type": "DisruptionAllowed",
                "status": "True" if free else "False",
                "reason": "SufficientPods" if free else "InsufficientPods",
                "message": "",
                "observedGeneration": budget["metadata"]["generation"],
            }
            status: Obj = {
                "observedGeneration": budget["metadata"]["generation"],
                "disruptionsAllowed": free,
                "currentHealthy": healthy,
                "desiredHealthy": desired,
                "expectedPods": len(pods),
                "conditions": set_condition(
                    parts(old, "conditions"), condition, now=self._store.now()
                ),
            }
            update_status(self._registry, self._kind, budget, status)
        return None


class Autoscalers:
    """HorizontalPodAutoscalers, with or without metrics."""

    reads = ("HorizontalPodAutoscaler", "Deployment", "StatefulSet")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("HorizontalPodAutoscaler")

    def step(self, now: float) -> float | None:
        """Hold every target within its bounds."""
        del now  # follows changes only
        for one in self._store.objects("HorizontalPodAutoscaler"):
            self._sync(one)
        return None

    def _sync(self, scaler: Obj) -> None:
        ref = scaler["spec"]["scaleTargetRef"]
        home = scaler["metadata"]["namespace"]
        target = self._store.get(ref["kind"], ref["name"], namespace=home)
        if target is None:
            words = f'{ref["kind"].lower()}s.apps "{ref["name"]}" not found'
            failed = {
                "type": "AbleToScale",
                "status": "False",
                "reason": "FailedGetScale",
                "message": f"the HPA controller was unable to get the target's current "
                f"scale: {words}",
            }
            self._write(scaler, [failed], current=0, desired=0)
            return
        current: int = target["spec"]["replicas"]
        able = {
            "type": "AbleToScale",
            "status": "True",
            "reason": "SucceededGetScale",
            "message": "the HPA controller was able to get the target's current scale",
        }
        if current == 0:
            off = {
                "type": "ScalingActive",
                "status": "False",
                "reason": "ScalingDisabled",
                "message": "scaling is disabled since the replica count of the target is zero",
            }
            self._write(scaler, [able, off], current=0, desired=0)
            return
        percent = annotations_of(target).get(UTILIZATION)
        desired, active = (
            current,
            {
                "type": "ScalingActive",
                "status": "False",
                "reason": "FailedGetResourceMetric",
                "message": _NO_METRICS,
            },
        )
        if percent is not None:
            goal = _goal(scaler)
            desired = math.ceil(current * float(percent) / goal)
            active = {
                "type": "ScalingActive",
                "status": "True",
                "reason": "ValidMetricFound",
                "message": "the HPA was able to successfully calculate a replica count from cpu "
                "resource utilization (percentage of request)",
            }
        least = int(scaler["spec"].get("minReplicas") or 1)
        most = int(scaler["spec"]["maxReplicas"])
        bounded = min(max(desired, least), most)
        conditions = [able, active]
        if percent is not None:
            limited = bounded != desired
            conditions.append(
                {
                    "type": "ScalingLimited",
                    "status": str(limited),
                    "message": "",
                    "reason": ("TooManyReplicas" if desired > most else "TooFewReplicas")
                    if limited
                    else "DesiredWithinRange",
                }
            )
        if bounded != current:
            changed = clone(target)
            changed["spec"]["replicas"] = bounded
            changed["metadata"]["generation"] += 1
            self._store.put(ref["kind"], changed)
        shown = bounded if percent is not None else 0
        self._write(scaler, conditions, current=current, desired=shown)

    def _write(self, scaler: Obj, wanted: list[Obj], *, current: int, desired: int) -> None:
        conditions: list[Obj] = parts(part(scaler, "status"), "conditions")
        for one in wanted:
            conditions = set_condition(conditions, one, now=self._store.now())
        names = {one["type"] for one in wanted}
        kept = [one for one in conditions if one["type"] in names]
        status: Obj = {"currentReplicas": current, "desiredReplicas": desired, "conditions": kept}
        update_status(self._registry, self._kind, scaler, status)


def _goal(scaler: Obj) -> float:
    for metric in parts(scaler["spec"], "metrics"):
        found = part(metric, "resource").get("target", {}).get("averageUtilization")
        if found:
            return float(found)
    return 80.0  # what the real controller assumes when no target is given
