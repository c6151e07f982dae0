"""Garbage collection: children of deleted owners, foreground deletion, terminating namespaces.

Also gives every namespace its `default` ServiceAccount, as the real controller manager does.
"""

from guardrails.testing.sim.kinds import Obj, parts, texts
from guardrails.testing.sim.registry import FOREGROUND, DeleteOptions, Registry
from guardrails.testing.sim.status import StatusError
from guardrails.testing.sim.store import clone

_NEVER_OWNED = frozenset({"Event", "Namespace", "Node"})
"""Kinds that nobody owns; events alone are as many as everything else together."""


class Collector:
    """The garbage collector and the namespace controller."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store

    @property
    def reads(self) -> tuple[str, ...]:
        """Every kind that can own or be owned, and namespaces."""
        return (*self._kinds(), "Namespace")

    def _kinds(self) -> list[str]:
        return [kind.kind for kind in self._registry.kinds if kind.kind not in _NEVER_OWNED]

    def step(self, now: float) -> float | None:
        """Collect whatever has lost its owner."""
        del now  # follows changes only
        self._namespaces()
        objects = [obj for kind in self._kinds() for obj in self._store.objects(kind)]
        alive = {obj["metadata"]["uid"] for obj in objects}
        alive |= {obj["metadata"]["uid"] for obj in self._store.objects("Node")}
        dependents: dict[str, list[Obj]] = {}
        for obj in objects:
            owners: list[Obj] = parts(obj["metadata"], "ownerReferences")
            for owner in owners:
                dependents.setdefault(owner["uid"], []).append(obj)
            if owners and not any(owner["uid"] in alive for owner in owners):
                self._delete(obj, foreground=False)
        for obj in objects:
            if FOREGROUND in texts(obj["metadata"], "finalizers"):
                self._foreground(obj, dependents.get(obj["metadata"]["uid"], []))
        return None

    def _delete(self, obj: Obj, *, foreground: bool) -> None:
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            return
        options = DeleteOptions(propagation="Foreground" if foreground else "Background")
        if obj["kind"] == "Pod":
            options = DeleteOptions()
        try:
            self._registry.delete(
                self._registry.kinds.named(obj["kind"]),
                meta["name"],
                namespace=meta.get("namespace", ""),
                options=options,
            )
        except StatusError:
            # Gone meanwhile, which is what was wanted.
            return

    def _foreground(self, owner: Obj, dependents: list[Obj]) -> None:
        left = [
            obj
            for obj in dependents
            if self._store.get(
                obj["kind"], obj["metadata"]["name"], namespace=obj["metadata"].get("namespace", "")
            )
            is not None
        ]
        for obj in left:
            self._delete(obj, foreground=True)
        if left:
            return
        meta = owner["metadata"]
        finalizers = [one for one in meta["finalizers"] if one != FOREGROUND]
        if finalizers:
            changed = clone(owner)
            changed["metadata"]["finalizers"] = finalizers
            self._store.put(owner["kind"], changed)
        else:
            self._store.remove(owner["kind"], meta["name"], namespace=meta.get("namespace", ""))

    def _namespaces(self) -> None:
        accounts = self._registry.kinds.named("ServiceAccount")
        for namespace in self._store.objects("Namespace"):
            name = namespace["metadata"]["name"]
            if namespace["metadata"].get("deletionTimestamp"):
                self._empty(name)
            elif self._store.get("ServiceAccount", "default", namespace=name) is None:
                self._registry.create(accounts, {"metadata": {"name": "default"}}, namespace=name)

    def _empty(self, name: str) -> None:
        left = False
        for kind in self._registry.kinds:
            if not kind.namespaced:
                continue
            for obj in self._store.objects(kind.kind, namespace=name):
                self._delete(obj, foreground=False)
                meta = obj["metadata"]
                left |= self._store.get(kind.kind, meta["name"], namespace=name) is not None
        if not left:
            self._store.remove("Namespace", name)
