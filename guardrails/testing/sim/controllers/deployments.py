"""The Deployment controller: revisions, rolling updates, pauses, roll-backs.

The arithmetic of surge and unavailability is the real controller's, one ReplicaSet change per
sync; `rollout.py` words the status.
"""

from guardrails.testing.sim.controllers.ownership import (
    children,
    claim,
    is_active,
    owner_reference,
    sparse,
    update_status,
)
from guardrails.testing.sim.controllers.recorder import Recorder
from guardrails.testing.sim.controllers.rollout import Counts, conditions_of
from guardrails.testing.sim.controllers.templates import (
    HASH_LABEL,
    resolve_count,
    same_template,
    template_hash,
)
from guardrails.testing.sim.kinds import Obj, part
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.store import clone

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION})


def revision_of(obj: Obj) -> int:
    """The revision annotation as a number."""
    return int(part(obj["metadata"], "annotations").get(REVISION, 0))


def bounds(deployment: Obj) -> tuple[int, int]:
    """How many pods a rollout may add and may miss."""
    spec = deployment["spec"]
    if spec["strategy"]["type"] != "RollingUpdate":
        return 0, spec["replicas"]
    rolling: Obj = part(spec["strategy"], "rollingUpdate")
    surge = resolve_count(rolling.get("maxSurge", "25%"), spec["replicas"], up=True)
    missing = resolve_count(rolling.get("maxUnavailable", "25%"), spec["replicas"], up=False)
    if not surge and not missing:
        # The real controller lets one pod be missing rather than never move.
        missing = 1
    return surge, min(missing, spec["replicas"])


def _available(replica_set: Obj) -> int:
    return int(part(replica_set, "status").get("availableReplicas") or 0)


class Deployments:
    """The controller."""

    reads = ("Deployment", "ReplicaSet")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._kind = registry.kinds.named("Deployment")
        self._sets = registry.kinds.named("ReplicaSet")
        self._events = Recorder(registry.store, "deployment-controller")

    def step(self, now: float) -> float | None:
        """Reconcile every Deployment; asks to be called while a rollout has a deadline."""
        due: float | None = None
        for one in self._store.objects("Deployment"):
            if one["metadata"].get("deletionTimestamp"):
                continue
            done = self._sync(one)
            if not done:
                due = now + 1.0
        return due

    def _sync(self, deployment: Obj) -> bool:
        owned = claim(self._registry, self._sets, deployment)
        owned.sort(key=lambda one: (one["metadata"]["creationTimestamp"], revision_of(one)))
        template = deployment["spec"]["template"]
        new = next((one for one in owned if same_template(one["spec"]["template"], template)), None)
        fresh = ""
        if deployment["spec"].get("paused"):
            if self._rescaled(deployment, owned):
                self._scale_paused(deployment, owned, new)
        else:
            if new is None:
                new = self._create(deployment, owned)
                fresh = "created" if new is not None else ""
            else:
                raised = self._raise_revision(new, owned)
                fresh = "found" if raised is not new else ""
                new = raised
            if new is not None:
                old = [one for one in owned if one["metadata"]["uid"] != new["metadata"]["uid"]]
                self._roll(deployment, new, old)
        return self._finish(deployment, new, fresh)

    # Revisions

    def _create(self, deployment: Obj, owned: list[Obj]) -> Obj | None:
        meta = deployment["metadata"]
        template = clone(deployment["spec"]["template"])
        name_hash = template_hash(template)
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels[HASH_LABEL] = name_hash
        selector = clone(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = name_hash
        revision = max((revision_of(one) for one in owned), default=0) + 1
        recreate = deployment["spec"]["strategy"]["type"] == "Recreate"
        if recreate and any(self._pods_left(one) for one in owned):
            self._scale_all_down(deployment, owned)
            return None
        old_total = sum(one["spec"]["replicas"] for one in owned)
        surge, _ = bounds(deployment)
        wanted: int = deployment["spec"]["replicas"]
        size = min(wanted, max(0, wanted + surge - old_total)) if owned else wanted
        name = f"{meta['name']}-{name_hash}"
        copied = {
            key: value for key, value in part(meta, "annotations").items() if key not in _NOT_COPIED
        }
        made = self._registry.create(
            self._sets,
            {
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": dict(labels),
                    "annotations": {**copied, **self._marks(deployment), REVISION: str(revision)},
                    "ownerReferences": [owner_reference(deployment)],
                },
                "spec": {
                    "replicas": size,
                    "selector": selector,
                    "template": template,
                    **sparse(minReadySeconds=deployment["spec"].get("minReadySeconds") or 0),
                },
            },
            namespace=meta["namespace"],
        )
        if size:
            self._say(deployment, "up", name, 0, size)
        return made

    def _raise_revision(self, new: Obj, owned: list[Obj]) -> Obj:
        """A roll-back reuses the old ReplicaSet under the next revision."""
        highest = max(revision_of(one) for one in owned)
        if revision_of(new) == highest or len(owned) == 1:
            return new
        changed = clone(new)
        changed["metadata"].setdefault("annotations", {})[REVISION] = str(highest + 1)
        return self._store.put("ReplicaSet", changed)

    # Scaling

    @staticmethod
    def _marks(deployment: Obj) -> dict[str, str]:
        surge, _ = bounds(deployment)
        wanted: int = deployment["spec"]["replicas"]
        return {DESIRED: str(wanted), MAX_REPLICAS: str(wanted + surge)}

    def _say(self, deployment: Obj, way: str, name: str, before: int, after: int) -> None:
        self._events.normal(
            deployment,
            "ScalingReplicaSet",
            f"Scaled {way} replica set {name} from {before} to {after}",
        )

    def _set_size(self, deployment: Obj, replica_set: Obj, size: int) -> None:
        current = self._store.get(
            "ReplicaSet",
            replica_set["metadata"]["name"],
            namespace=replica_set["metadata"]["namespace"],
        )
        if current is None:
            return
        before: int = current["spec"]["replicas"]
        changed = clone(current)
        changed["spec"]["replicas"] = size
        changed["metadata"].setdefault("annotations", {}).update(self._marks(deployment))
        if changed == current:
            return
        if size != before:
            changed["metadata"]["generation"] += 1
            way = "up" if size > before else "down"
            self._say(deployment, way, current["metadata"]["name"], before, size)
        self._store.put("ReplicaSet", changed)

    @staticmethod
    def _rescaled(deployment: Obj, owned: list[Obj]) -> bool:
        wanted = str(deployment["spec"]["replicas"])
        return any(
            part(one["metadata"], "annotations").get(DESIRED) != wanted
            for one in owned
            if one["spec"]["replicas"]
        ) or (wanted != "0" and bool(owned) and not any(one["spec"]["replicas"] for one in owned))

    def _scale_paused(self, deployment: Obj, owned: list[Obj], new: Obj | None) -> None:
        # A paused Deployment still scales: its newest ReplicaSet takes the difference.
        latest = new or owned[-1]
        others = sum(
            one["spec"]["replicas"]
            for one in owned
            if one["metadata"]["uid"] != latest["metadata"]["uid"]
        )
        self._set_size(deployment, latest, max(0, deployment["spec"]["replicas"] - others))

    def _pods_left(self, replica_set: Obj) -> bool:
        return bool(replica_set["spec"]["replicas"]) or any(
            is_active(pod) for pod in children(self._store, "Pod", replica_set)
        )

    def _scale_all_down(self, deployment: Obj, owned: list[Obj]) -> None:
        for one in owned:
            if one["spec"]["replicas"]:
                self._set_size(deployment, one, 0)

    def _roll(self, deployment: Obj, new: Obj, old: list[Obj]) -> None:
        wanted: int = deployment["spec"]["replicas"]
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            self._scale_all_down(deployment, old)
            if not any(self._pods_left(one) for one in old):
                self._set_size(deployment, new, wanted)
            return
        surge, missing = bounds(deployment)
        total = new["spec"]["replicas"] + sum(one["spec"]["replicas"] for one in old)
        size: int = new["spec"]["replicas"]
        if size > wanted:
            size = wanted
        elif size < wanted:
            size += min(max(0, wanted + surge - total), wanted - size)
        if size != new["spec"]["replicas"]:
            self._set_size(deployment, new, size)
            return
        self._set_size(deployment, new, size)
        self._shrink_old(deployment, new, old, least=wanted - missing)

    def _shrink_old(self, deployment: Obj, new: Obj, old: list[Obj], *, least: int) -> None:
        total = new["spec"]["replicas"] + sum(one["spec"]["replicas"] for one in old)
        new_missing = max(0, new["spec"]["replicas"] - _available(new))
        spare = total - least - new_missing
        sizes = {one["metadata"]["uid"]: one["spec"]["replicas"] for one in old}
        # Broken old pods go first: they serve nobody.
        for one in old:
            broken = max(0, one["spec"]["replicas"] - _available(one))
            cut = min(broken, max(0, spare))
            sizes[one["metadata"]["uid"]] -= cut
            spare -= cut
        available = _available(new) + sum(
            min(_available(one), sizes[one["metadata"]["uid"]]) for one in old
        )
        spare = available - least
        for one in old:
            cut = min(sizes[one["metadata"]["uid"]], max(0, spare))
            sizes[one["metadata"]["uid"]] -= cut
            spare -= cut
        for one in old:
            if sizes[one["metadata"]["uid"]] != one["spec"]["replicas"]:
                self._set_size(deployment, one, sizes[one["metadata"]["uid"]])

    # Status

    def _finish(self, deployment: Obj, new: Obj | None, fresh: str) -> bool:
        owned = children(self._store, "ReplicaSet", deployment)
        if new is not None and not deployment["spec"].get("paused"):
            deployment = self._annotate(deployment, revision_of(new))
            new = next(
                (one for one in owned if one["metadata"]["uid"] == new["metadata"]["uid"]), None
            )
        counts = Counts.of(owned, new)
        _, missing = bounds(deployment)
        conditions = conditions_of(
            deployment,
            owned,
            new,
            counts=counts,
            least=deployment["spec"]["replicas"] - missing,
            fresh=fresh,
            clock=self._store.clock.now(),
            now=self._store.now(),
        )
        status: Obj = {
            "observedGeneration": deployment["metadata"]["generation"],
            **sparse(
                replicas=counts.replicas,
                updatedReplicas=counts.updated,
                readyReplicas=counts.ready,
                availableReplicas=counts.available,
                unavailableReplicas=max(0, counts.wanted - counts.available),
            ),
            "terminatingReplicas": counts.terminating,
            "conditions": conditions,
        }
        update_status(self._registry, self._kind, deployment, status)
        done = counts.complete(deployment["spec"]["replicas"])
        if done:
            self._forget(deployment, owned, new)
        return done

    def _annotate(self, deployment: Obj, revision: int) -> Obj:
        if revision_of(deployment) == revision:
            return deployment
        changed = clone(deployment)
        changed["metadata"].setdefault("annotations", {})[REVISION] = str(revision)
        return self._store.put("Deployment", changed)

    def _forget(self, deployment: Obj, owned: list[Obj], new: Obj | None) -> None:
        idle = sorted(
            (one for one in owned if one is not new and not one["spec"]["replicas"]),
            key=revision_of,
        )
        surplus = len(idle) - int(deployment["spec"].get("revisionHistoryLimit", 10))
        for one in idle[: max(0, surplus)]:
            meta = one["metadata"]
            self._registry.delete(self._sets, meta["name"], namespace=meta["namespace"])
