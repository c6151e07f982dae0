"""The StatefulSet controller: ordered names, one at a time, revisions kept as ControllerRevisions.

Simplified: `Parallel` management only lifts the ordering, and volume claim templates make claims
that are bound at once.
"""

from guardrails.testing.sim.controllers.ownership import (
    children,
    is_available,
    is_ready,
    owner_reference,
    sparse,
    update_status,
)
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.controllers.templates import (
    create_pod,
    delete_pod,
    pod_from,
    template_hash,
)
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of
from guardrails.testing.sim.status import StatusError
from guardrails.testing.sim.store import clone

REVISION_LABEL = "controller-revision-hash"
POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"


def note_revision(registry: Registry, owner: Obj) -> str:
    """Keep the owner's template as a ControllerRevision; its name."""
    template = owner["spec"]["template"]
    meta = owner["metadata"]
    name = f"{meta['name']}-{template_hash(template)}"
    kind = registry.kinds.named("ControllerRevision")
    if registry.store.get(kind.kind, name, namespace=meta["namespace"]) is None:
        kept = children(registry.store, kind.kind, owner)
        registry.create(
            kind,
            {
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": {**part(part(template, "metadata"), "labels")},
                    "ownerReferences": [owner_reference(owner)],
                },
                "data": {"spec": {"template": {**clone(template), "$patch": "replace"}}},
                "revision": max((one["revision"] for one in kept), default=0) + 1,
            },
            namespace=meta["namespace"],
        )
    return name


def _ordinal(pod: Obj) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


class StatefulSets:
    """The controller."""

    reads = ("StatefulSet", "Pod")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("StatefulSet")
        self._events = Recorder(registry.store, "statefulset-controller")

    def step(self, now: float) -> float | None:
        """Reconcile every StatefulSet."""
        del now  # every change of a pod calls for a step by itself
        for one in self._store.objects("StatefulSet"):
            if not one["metadata"].get("deletionTimestamp"):
                self._sync(one)
        return None

    def _sync(self, owner: Obj) -> None:
        update = note_revision(self._registry, owner)
        current: str = part(owner, "status").get("currentRevision") or update
        pods = {_ordinal(pod): pod for pod in children(self._store, "Pod", owner)}
        self._scale(owner, pods, update)
        pods = {_ordinal(pod): pod for pod in children(self._store, "Pod", owner)}
        self._status(owner, list(pods.values()), current=current, update=update)

    def _scale(self, owner: Obj, pods: dict[int, Obj], update: str) -> None:
        spec = owner["spec"]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        for ordinal in range(spec["replicas"]):
            pod = pods.get(ordinal)
            if pod is None:
                self._create(owner, ordinal, update)
                if ordered:
                    return
            elif pod["status"].get("phase") in ("Failed", "Succeeded"):
                delete_pod(self._registry, pod)
                return
            elif ordered and (not is_ready(pod) or pod["metadata"].get("deletionTimestamp")):
                # A broken pod of an old revision must not block its own mending.
                if labels_of(pod).get(REVISION_LABEL) != update and not is_ready(pod):
                    self._delete(owner, pod)
                return
        surplus = sorted((at for at in pods if at >= spec["replicas"]), reverse=True)
        for ordinal in surplus:
            if not pods[ordinal]["metadata"].get("deletionTimestamp"):
                self._delete(owner, pods[ordinal])
            if ordered:
                return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            self._replace_one(owner, pods, update)

    def _replace_one(self, owner: Obj, pods: dict[int, Obj], update: str) -> None:
        rolling: Obj = part(owner["spec"]["updateStrategy"], "rollingUpdate")
        for ordinal in sorted(pods, reverse=True):
            pod = pods[ordinal]
            if ordinal < int(rolling.get("partition") or 0):
                return
            if pod["metadata"].get("deletionTimestamp"):
                return
            if labels_of(pod).get(REVISION_LABEL) != update:
                self._delete(owner, pod)
                return
            if not is_ready(pod):
                return

    def _create(self, owner: Obj, ordinal: int, update: str) -> None:
        name = f"{owner['metadata']['name']}-{ordinal}"
        pod = pod_from(owner["spec"]["template"], owner, name=name)
        labels = pod["metadata"].setdefault("labels", {})
        labels[REVISION_LABEL] = update
        labels[POD_NAME_LABEL] = name
        labels["apps.kubernetes.io/pod-index"] = str(ordinal)
        self._claims(owner, pod, name)
        made = create_pod(self._registry, pod)
        set_name = owner["metadata"]["name"]
        if isinstance(made, StatusError):
            self._events.warning(
                owner,
                "FailedCreate",
                f"create Pod {name} in StatefulSet {set_name} failed error: {made}",
            )
        else:
            self._events.normal(
                owner,
                "SuccessfulCreate",
                f"create Pod {name} in StatefulSet {owner['metadata']['name']} successful",
            )

    def _claims(self, owner: Obj, pod: Obj, pod_name: str) -> None:
        kind = self._registry.kinds.named("PersistentVolumeClaim")
        namespace = owner["metadata"]["namespace"]
        for template in parts(owner["spec"], "volumeClaimTemplates"):
            volume = template["metadata"]["name"]
            name = f"{volume}-{pod_name}"
            pod["spec"].setdefault("volumes", []).append(
                {"name": volume, "persistentVolumeClaim": {"claimName": name}}
            )
            if self._store.get(kind.kind, name, namespace=namespace) is None:
                claim = {"metadata": {"name": name}, "spec": clone(template["spec"])}
                self._registry.create(kind, claim, namespace=namespace)

    def _delete(self, owner: Obj, pod: Obj) -> None:
        delete_pod(self._registry, pod)
        name = pod["metadata"]["name"]
        self._events.normal(
            owner,
            "SuccessfulDelete",
            f"delete Pod {name} in StatefulSet {owner['metadata']['name']} successful",
        )

    def _status(self, owner: Obj, pods: list[Obj], *, current: str, update: str) -> None:
        live = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        min_ready = int(owner["spec"].get("minReadySeconds") or 0)
        clock = self._store.clock.now()
        updated = sum(1 for pod in live if labels_of(pod).get(REVISION_LABEL) == update)
        ready = sum(1 for pod in live if is_ready(pod))
        if updated == ready == owner["spec"]["replicas"]:
            current = update
        status: Obj = {
            "observedGeneration": owner["metadata"]["generation"],
            "replicas": len(pods),
            **sparse(
                readyReplicas=ready,
                currentReplicas=sum(1 for p in live if labels_of(p).get(REVISION_LABEL) == current),
                updatedReplicas=updated,
            ),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
            "availableReplicas": sum(
                1 for pod in live if is_available(pod, min_ready=min_ready, now=clock)
            ),
        }
        update_status(self._registry, self._kind, owner, status)
