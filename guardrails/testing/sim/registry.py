"""Create, update, patch and delete with the API server's semantics.

Everything that writes goes through here, the HTTP layer and the controllers alike: generation,
conflicts, no-op writes, finalizers and deletion propagation are decided in one place.
"""

from collections.abc import Callable
from dataclasses import dataclass

from guardrails.testing.sim.apply import apply
from guardrails.testing.sim.defaults import apply_defaults
from guardrails.testing.sim.kinds import Kind, Kinds, Obj, parts, texts
from guardrails.testing.sim.patching import as_object, patched
from guardrails.testing.sim.shapes import fit, misfit
from guardrails.testing.sim.status import (
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from guardrails.testing.sim.store import Store, clone
from guardrails.testing.sim.validation import validate

FOREGROUND = "foregroundDeletion"
_KEPT_META = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "namespace",
    "name",
    "generateName",
)
_STATUS_AT_BIRTH: dict[str, Callable[[], Obj]] = {
    "Pod": lambda: {"phase": "Pending"},
    "Namespace": lambda: {"phase": "Active"},
}
_KEEPS_STATUS = frozenset({"Node"})
"""Kinds whose create strategy keeps the status that was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How an object is to be deleted."""

    propagation: str = "Background"
    grace_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None


class Registry:
    """The verbs of the API over a store."""

    def __init__(self, store: Store, *, kinds: Kinds) -> None:
        self.store = store
        self.kinds = kinds
        self.admission: list[Callable[[Kind, Obj, Obj | None], None]] = []
        """Called with (kind, new, old) before a write; raise a `StatusError` to refuse."""

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Obj:
        """The stored object.

        Raises:
            StatusError: 404.
        """
        found = self.store.get(kind.kind, name, namespace=namespace)
        if found is None:
            raise not_found(kind, name)
        return found

    def create(self, kind: Kind, obj: Obj, *, namespace: str = "", dry: bool = False) -> Obj:
        """Store a new object.

        Raises:
            StatusError: 400, 403, 404 (namespace), 409 or 422.
        """
        obj = fit(kind, clone(obj))
        with self.store.lock:
            meta = self._identity(kind, obj, namespace=namespace)
            if self.store.get(kind.kind, meta["name"], namespace=namespace) is not None:
                raise already_exists(kind, meta["name"])
            obj = _typed(kind, obj)
            self._birth(kind, obj)
            apply_defaults(kind, obj)
            validate(kind, obj, old=None)
            if kind.kind == "Service":
                self._cluster_ip(obj)
            for admit in self.admission:
                admit(kind, obj, None)
            if dry:
                return obj
            if kind.kind == "CustomResourceDefinition":
                self.kinds.add_crd(obj)
            return self.store.put(kind.kind, obj)

    def _identity(self, kind: Kind, obj: Obj, *, namespace: str) -> Obj:
        sent = obj.get("kind", kind.kind), obj.get("apiVersion", kind.api_version)
        if sent != (kind.kind, kind.api_version):
            raise bad_request(
                f"the object provided is a {sent[1]} {sent[0]}, "
                f"but this is the {kind.api_version} {kind.kind} endpoint"
            )
        meta: Obj = obj["metadata"]
        if not meta.get("name"):
            if not meta.get("generateName"):
                why = "Required value: name or generateName is required"
                raise invalid(kind, "", [("FieldValueRequired", "metadata.name", why)])
            meta["name"] = meta["generateName"] + self.store.new_suffix()
        if kind.namespaced:
            if meta.setdefault("namespace", namespace) != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace "
                    "sent on the request"
                )
            home = self.store.get("Namespace", namespace)
            if home is None:
                raise not_found(self.kinds.named("Namespace"), namespace)
        return meta

    def _birth(self, kind: Kind, obj: Obj) -> None:
        meta = obj["metadata"]
        for name in ("deletionTimestamp", "resourceVersion", "selfLink"):
            meta.pop(name, None)
        meta["uid"] = self.store.new_uid()
        meta["creationTimestamp"] = self.store.now()
        if kind.generation:
            meta["generation"] = 1
        if "status" in kind.subresources and kind.kind not in _KEEPS_STATUS:
            obj.pop("status", None)
            born = _STATUS_AT_BIRTH.get(kind.kind)
            if born is not None:
                obj["status"] = born()

    def _cluster_ip(self, obj: Obj) -> None:
        spec = obj["spec"]
        if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
            low, high = self.store.random.randrange(1, 255), self.store.random.randrange(256)
            spec["clusterIP"] = f"10.96.{high}.{low}"
        if spec.get("clusterIP"):
            spec["clusterIPs"] = [spec["clusterIP"]]

    def update(  # the request has this many parts
        self,
        kind: Kind,
        obj: Obj,
        *,
        name: str,
        namespace: str = "",
        subresource: str = "",
        dry: bool = False,
    ) -> Obj:
        """Replace an object, or only its status; a write that changes nothing is no write.

        Raises:
            StatusError: 400, 403, 404, 409 or 422.
        """
        with self.store.lock:
            old = self.get(kind, name, namespace=namespace)
            new = fit(kind, clone(obj))
            self._precondition(kind, name, new, old)
            if subresource == "status":
                new = {**clone(old), "status": new.get("status", {})}
            else:
                new = _typed(kind, new)
                if "status" in kind.subresources:
                    new.pop("status", None)
                    if "status" in old:
                        new["status"] = old["status"]
                self._keep_meta(new["metadata"], old["metadata"])
                if kind.kind == "Service":
                    for field in ("clusterIP", "clusterIPs"):
                        if field in old["spec"]:
                            new["spec"].setdefault(field, old["spec"][field])
                apply_defaults(kind, new)
                validate(kind, new, old=old)
                if kind.generation and _desired(new) != _desired(old):
                    new["metadata"]["generation"] += 1
                for admit in self.admission:
                    admit(kind, new, old)
            return self._commit(kind, new, old, dry=dry)

    def _precondition(self, kind: Kind, name: str, new: Obj, old: Obj) -> None:
        meta: Obj = new["metadata"]
        if meta.get("name", name) != name:
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL "
                f"({name})"
            )
        version = meta.get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise conflict(kind, name)
        uid = meta.get("uid")
        if uid and uid != old["metadata"]["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {uid}, "
                f"UID in object meta: {old['metadata']['uid']}"
            )
            raise conflict(kind, name, why=why)

    @staticmethod
    def _keep_meta(new: Obj, old: Obj) -> None:
        for field in _KEPT_META:
            new.pop(field, None)
            if field in old:
                new[field] = old[field]
        if "managedFields" in old:
            new.setdefault("managedFields", old["managedFields"])

    def _commit(self, kind: Kind, new: Obj, old: Obj, *, dry: bool) -> Obj:
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old or dry:
            return new
        meta = new["metadata"]
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and kind.kind != "Pod":
            return (
                self.store.remove(kind.kind, meta["name"], namespace=meta.get("namespace", ""))
                or new
            )
        return self.store.put(kind.kind, new)

    def patch(
        self,
        kind: Kind,
        patch: object,
        *,
        name: str,
        content_type: str,
        namespace: str = "",
        subresource: str = "",
        manager: str = "",
        force: bool = False,
        dry: bool = False,
    ) -> tuple[Obj, bool]:
        """Patch an object; the result, and whether apply created it.

        Raises:
            StatusError: 400, 403, 404, 409, 415 or 422.
        """
        with self.store.lock:
            if content_type == "application/apply-patch+yaml":
                return self._apply(
                    kind,
                    as_object(patch),
                    name=name,
                    namespace=namespace,
                    subresource=subresource,
                    manager=manager,
                    force=force,
                    dry=dry,
                )
            old = self.get(kind, name, namespace=namespace)
            new = patched(old, patch, content_type=content_type)
            why = misfit(kind.kind, new)
            if why is not None:
                raise invalid(kind, name, [("FieldValueInvalid", "patch", f"Invalid value: {why}")])
            done = self.update(
                kind, new, name=name, namespace=namespace, subresource=subresource, dry=dry
            )
            return done, False

    def _apply(  # the request has this many parts
        self,
        kind: Kind,
        config: Obj,
        *,
        name: str,
        namespace: str,
        subresource: str,
        manager: str,
        force: bool,
        dry: bool,
    ) -> tuple[Obj, bool]:
        if not manager:
            why = "Required value: is required for apply patch"
            raise invalid(kind, name, [("FieldValueRequired", "fieldManager", why)])
        config = fit(kind, {"kind": kind.kind, "apiVersion": kind.api_version, **config})
        config["metadata"].setdefault("name", name)
        live = self.store.get(kind.kind, name, namespace=namespace)
        now = self.store.now()
        if live is None:
            blank: Obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {}}
            obj = apply(blank, config, manager=manager, force=force, now=now)
            return self.create(kind, obj, namespace=namespace, dry=dry), True
        obj = apply(live, config, manager=manager, force=force, now=now)
        done = self.update(
            kind, obj, name=name, namespace=namespace, subresource=subresource, dry=dry
        )
        return done, False

    def delete(
        self, kind: Kind, name: str, *, namespace: str = "", options: DeleteOptions | None = None
    ) -> tuple[Obj, bool]:
        """Delete an object; its last state, and whether it is gone already.

        Raises:
            StatusError: 404 or 409 (preconditions).
        """
        options = options or DeleteOptions()
        with self.store.lock:
            old = self.get(kind, name, namespace=namespace)
            meta = old["metadata"]
            if options.uid and options.uid != meta["uid"]:
                why = (
                    f"Precondition failed: UID in precondition: {options.uid}, "
                    f"UID in object meta: {meta['uid']}"
                )
                raise conflict(kind, name, why=why)
            if options.resource_version and options.resource_version != meta["resourceVersion"]:
                raise conflict(kind, name)
            if options.propagation == "Orphan":
                self._orphan(meta["uid"])
            finalizers: list[str] = list(texts(meta, "finalizers"))
            if options.propagation == "Foreground" and FOREGROUND not in finalizers:
                finalizers.append(FOREGROUND)
            grace = self._grace(kind, old, options)
            if not finalizers and grace == 0 and kind.kind != "Namespace":
                return self.store.remove(kind.kind, name, namespace=namespace) or old, True
            return self._mark(kind, old, finalizers=finalizers, grace=grace), False

    @staticmethod
    def _grace(kind: Kind, obj: Obj, options: DeleteOptions) -> int:
        if kind.kind != "Pod" or not obj["spec"].get("nodeName"):
            return 0
        if obj["status"].get("phase") in ("Succeeded", "Failed"):
            return 0
        if options.grace_seconds is not None:
            return options.grace_seconds
        return int(obj["spec"].get("terminationGracePeriodSeconds", 30))

    def _mark(self, kind: Kind, old: Obj, *, finalizers: list[str], grace: int) -> Obj:
        new = clone(old)
        meta = new["metadata"]
        if finalizers:
            meta["finalizers"] = finalizers
        if not meta.get("deletionTimestamp"):
            meta["deletionTimestamp"] = self.store.now()
            meta["deletionGracePeriodSeconds"] = grace
            if kind.generation:
                meta["generation"] += 1
        if kind.kind == "Namespace":
            new["status"] = {"phase": "Terminating"}
        return self.store.put(kind.kind, new) if new != old else old

    def _orphan(self, uid: str) -> None:
        for kind in self.kinds:
            for obj in self.store.objects(kind.kind):
                owners: list[Obj] = parts(obj["metadata"], "ownerReferences")
                left = [owner for owner in owners if owner["uid"] != uid]
                if len(left) != len(owners):
                    new = clone(obj)
                    new["metadata"]["ownerReferences"] = left
                    if not left:
                        del new["metadata"]["ownerReferences"]
                    self.store.put(kind.kind, new)


def _typed(kind: Kind, obj: Obj) -> Obj:
    return {"kind": kind.kind, "apiVersion": kind.api_version, **obj}


def _desired(obj: Obj) -> Obj:
    """What the generation counts: everything but metadata and status."""
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}
