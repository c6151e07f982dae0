"""What all workload controllers share: owners, adoption, pod counts and conditions."""

from collections.abc import Iterable
from datetime import UTC, datetime

from guardrails.testing.sim.kinds import Kind, Obj, part, parts
from guardrails.testing.sim.registry import Registry
from guardrails.testing.sim.selectors import labels_of, match_selector
from guardrails.testing.sim.store import Store, clone

_FINISHED = ("Succeeded", "Failed")


def parse_time(text: str) -> datetime:
    """A Kubernetes timestamp as an aware datetime."""
    return datetime.fromisoformat(text).astimezone(UTC)


def owner_reference(owner: Obj) -> Obj:
    """The controller reference that children of `owner` carry."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the controller, if it has one."""
    owners: list[Obj] = parts(obj["metadata"], "ownerReferences")
    return next((owner for owner in owners if owner.get("controller")), None)


def children(store: Store, kind: str, owner: Obj) -> list[Obj]:
    """Objects of a kind that `owner` controls."""
    return list(store.owned(kind).get(owner["metadata"]["uid"], ()))


def claim(registry: Registry, kind: Kind, owner: Obj) -> list[Obj]:
    """The owner's children after adopting matching orphans and releasing what no longer matches."""
    store = registry.store
    selector: Obj = owner["spec"]["selector"]
    uid, home = owner["metadata"]["uid"], owner["metadata"]["namespace"]
    index = store.owned(kind.kind)
    kept: list[Obj] = []
    for obj in list(index.get(uid, ())):
        if match_selector(selector, labels_of(obj)):
            kept.append(obj)
        else:
            release(store, kind.kind, obj, uid=uid)
    for obj in list(index.get("", ())):
        meta = obj["metadata"]
        if meta["namespace"] != home or meta.get("deletionTimestamp"):
            continue
        if match_selector(selector, labels_of(obj)):
            new = clone(obj)
            new["metadata"].setdefault("ownerReferences", []).append(owner_reference(owner))
            kept.append(store.put(kind.kind, new))
    return kept


def release(store: Store, kind: str, obj: Obj, *, uid: str) -> None:
    """Drop an owner from a child."""
    new = clone(obj)
    owners: list[Obj] = new["metadata"].pop("ownerReferences")
    left = [owner for owner in owners if owner["uid"] != uid]
    if left:
        new["metadata"]["ownerReferences"] = left
    store.put(kind, new)


def is_active(pod: Obj) -> bool:
    """Whether a pod counts towards its workload's replicas."""
    finished = pod["status"].get("phase") in _FINISHED
    return not finished and not pod["metadata"].get("deletionTimestamp")


def condition(obj: Obj, name: str) -> Obj | None:
    """An object's condition of one type: looked up by type, since the order varies."""
    conditions: list[Obj] = parts(part(obj, "status"), "conditions")
    return next((one for one in conditions if one["type"] == name), None)


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition is true."""
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def is_available(pod: Obj, *, min_ready: int, now: datetime) -> bool:
    """Whether the pod has been ready for `min_ready` seconds."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return False
    since = parse_time(ready["lastTransitionTime"])
    return min_ready == 0 or (now - since).total_seconds() >= min_ready


def set_condition(
    conditions: Iterable[Obj], new: Obj, *, now: str, updates: bool = False
) -> list[Obj]:
    """Conditions with one replaced; its transition time stays while its status does.

    `updates` also keeps `lastUpdateTime`, as Deployments have.
    """
    kept: list[Obj] = []
    found: Obj | None = None
    for one in conditions:
        if one["type"] == new["type"]:
            found = one
        else:
            kept.append(one)
    same = found is not None and found["status"] == new["status"]
    if (
        same
        and found is not None
        and found.get("reason") == new.get("reason")
        and (found.get("message") == new.get("message"))
    ):
        return list(conditions)
    stamped = dict(new)
    if updates:
        stamped["lastUpdateTime"] = now
    stamped["lastTransitionTime"] = found["lastTransitionTime"] if same and found else now
    return [*kept, stamped]


def update_status(registry: Registry, kind: Kind, obj: Obj, status: Obj) -> Obj:
    """Write an object's status if it differs; the stored object."""
    if status == obj.get("status"):
        return obj
    meta = obj["metadata"]
    current = registry.store.get(kind.kind, meta["name"], namespace=meta.get("namespace", ""))
    if current is None or current["metadata"]["uid"] != meta["uid"]:
        return obj
    new = {**current, "metadata": dict(current["metadata"]), "status": status}
    return registry.store.put(kind.kind, new)


def sparse(**counts: int) -> Obj:
    """Counters without zeros, as `omitempty` fields are sent."""
    return {name: count for name, count in counts.items() if count}
