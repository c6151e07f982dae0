"""The kubelet's Events: one object per pod, reason and message, counted up when it recurs."""

from __future__ import annotations

import hashlib

from e2e.api import KubernetesApi
from e2e.kubelet.lifecycle import NodeEvent, timestamp
from e2e.objects import Pod

REPEAT_EVERY_SECONDS = 2.0
"""An event that recurs at every look is written again at most this often."""

CREATED = 201


class EventRecorder:
    """Writes events, and remembers which it wrote."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._written: dict[tuple[str, str], tuple[int, float]] = {}

    def record(self, pod: Pod, *, event: NodeEvent, now: float) -> None:
        """Create the event, or count it up."""
        name = _name(pod, event=event)
        key = (pod.metadata.uid, name)
        count, written_at = self._written.get(key, (0, float("-inf")))
        if now < written_at + REPEAT_EVERY_SECONDS:
            return
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/events"
        if count:
            body = {"count": count + 1, "lastTimestamp": timestamp(now)}
            self._api.merge_patch(f"{path}/{name}", body)
        elif self._api.create(path, _body(pod, name=name, event=event, now=now)) != CREATED:
            return  # its namespace is going away, or an earlier run wrote it
        self._written[key] = (count + 1, now)

    def forget_all_but(self, uids: set[str]) -> None:
        """Forget what was written about pods that are gone."""
        self._written = {key: value for key, value in self._written.items() if key[0] in uids}


def _name(pod: Pod, *, event: NodeEvent) -> str:
    text = f"{pod.metadata.uid} {event.container} {event.reason} {event.message}"
    return f"{pod.metadata.name}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _body(pod: Pod, *, name: str, event: NodeEvent, now: float) -> dict[str, object]:
    meta = pod.metadata
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
            "fieldPath": f"spec.containers{{{event.container}}}",
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "source": {"component": "kubelet", "host": pod.spec.node_name},
        "firstTimestamp": timestamp(now),
        "lastTimestamp": timestamp(now),
        "count": 1,
    }
