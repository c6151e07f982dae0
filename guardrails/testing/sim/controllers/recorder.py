"""Events: what controllers and the kubelet model say happened, counted as the real ones are."""

from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.store import Store, clone

KEPT = 2_000
"""Events kept per cluster; the real server drops them after an hour."""


class Recorder:
    """Writes events for one component."""

    def __init__(self, store: Store, component: str) -> None:
        self._store = store
        self._component = component
        self._names: dict[tuple[str, str, str], str] = {}

    def normal(self, about: Obj, reason: str, message: str) -> None:
        """Record a Normal event."""
        self._record(about, "Normal", reason, message)

    def warning(self, about: Obj, reason: str, message: str) -> None:
        """Record a Warning event."""
        self._record(about, "Warning", reason, message)

    def _record(self, about: Obj, kind: str, reason: str, message: str) -> None:
        meta = about["metadata"]
        namespace = meta.get("namespace") or "default"
        if self._store.get("Namespace", namespace) is None:
            return
        key = (meta["uid"], reason, message)
        now = self._store.now()
        old = self._store.get("Event", self._names.get(key, ""), namespace=namespace)
        if old is not None:
            new = clone(old)
            new["count"] += 1
            new["lastTimestamp"] = now
            self._store.put("Event", new)
            return
        if len(self._names) >= KEPT:
            self._names.clear()
        name = f"{meta['name']}.{self._store.random.getrandbits(64):016x}"
        self._names[key] = name
        involved = {
            "kind": about["kind"],
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": meta["resourceVersion"],
        }
        if meta.get("namespace"):
            involved["namespace"] = namespace
        self._store.put(
            "Event",
            {
                "kind": "Event",
                "apiVersion": "v1",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": self._store.new_uid(),
                    "creationTimestamp": now,
                },
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "source": {"component": self._component},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
                "type": kind,
                "eventTime": None,
                "reportingComponent": self._component,
                "reportingInstance": "",
            },
        )
