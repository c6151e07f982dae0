"""The node simulator's process: reads the pods of every node and writes what becomes of them.

kwok keeps the nodes alive and removes deleted pods; this takes the part that kwok's stages cannot
say, because it depends on other objects (a missing ConfigMap), on quantities (a memory limit) or
on time (a growing back-off). It looks at all pods a few times a second: at the suite's size that
costs less than a watch costs to get right, and it picks up by itself after an API server restart.
"""

from __future__ import annotations

import argparse
import base64
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import msgspec

from e2e.api import KubernetesApi
from e2e.kubelet.events import EventRecorder
from e2e.kubelet.inputs import Keys, NodeInputs, run_by_a_test
from e2e.kubelet.lifecycle import ContainerLife, waiting
from e2e.kubelet.logs import LogBook, serve_logs
from e2e.kubelet.pods import PodLife, look, status_of
from e2e.objects import ApiStruct, Metadata, Pod

LOOK_EVERY_SECONDS = 0.15
"""Shorter than any delay that is simulated."""


class _DataObject(ApiStruct, frozen=True, kw_only=True):
    """A ConfigMap or a Secret."""

    metadata: Metadata
    data: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class NodeAgent:
    """The pods of all nodes, remembered by uid."""

    def __init__(self, api: KubernetesApi, *, book: LogBook) -> None:
        self._api = api
        self._book = book
        self._events = EventRecorder(api)
        self._lives: dict[str, PodLife] = {}
        self._addresses_given = 0

    def look_once(self, *, now: float) -> None:
        """Advance every scheduled pod and write the statuses that changed."""
        pods = self._api.list("/api/v1/pods", Pod, fieldSelector="spec.nodeName!=")
        inputs = NodeInputs(
            config_maps=self._data("configmaps"),
            secrets={key: _decoded(data) for key, data in self._data("secrets").items()},
        )
        for pod in pods:
            if pod.metadata.deletion_timestamp is None and not run_by_a_test(pod):
                self._advance(pod, inputs=inputs, now=now, taken=pods)
        alive = {pod.metadata.uid for pod in pods}
        self._lives = {uid: life for uid, life in self._lives.items() if uid in alive}
        self._events.forget_all_but(alive)
        self._book.keep_only(alive)

    def _advance(self, pod: Pod, *, inputs: NodeInputs, now: float, taken: list[Pod]) -> None:
        uid = pod.metadata.uid
        before = self._lives.get(uid) or self._adopt(pod, now=now, taken=taken)
        life, events = look(before, pod=pod, inputs=inputs, now=now)
        self._book.write(pod, life=life)
        status = status_of(life, pod=pod, now=now)
        if status != pod.status and not self._write_status(pod, body=msgspec.to_builtins(status)):
            return  # the pod is gone or was replaced; the next look sees what took its place
        self._lives[uid] = life
        for event in events:
            self._events.record(pod, event=event, now=now)

    def _write_status(self, pod: Pod, *, body: object) -> bool:
        meta = pod.metadata
        # With the uid, the server refuses to write onto a successor of the same name.
        code = self._api.merge_patch(
            f"/api/v1/namespaces/{meta.namespace}/pods/{meta.name}/status",
            {"metadata": {"uid": meta.uid}, "status": body},
        )
        return code < httpx2.codes.BAD_REQUEST.value

    def _adopt(self, pod: Pod, *, now: float, taken: list[Pod]) -> PodLife:
        """Begin a pod's life, or take it up where an earlier run of this process left it."""
        containers: dict[str, ContainerLife] = {}
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
            fresh = waiting("ContainerCreating", now=now)
            containers[status.name] = ContainerLife(
                state=fresh.state,
                last_state=status.last_state,
                restarts=status.restart_count,
                since=now,
            )
        return PodLife(ip=pod.status.pod_ip or self._free_address(taken), containers=containers)

    def _free_address(self, taken: list[Pod]) -> str:
        used = {pod.status.pod_ip for pod in taken}
        while True:
            self._addresses_given += 1
            high, low = divmod(self._addresses_given, 250)
            address = f"10.244.{high % 250}.{low + 1}"
            if address not in used:
                return address

    def _data(self, resource: str) -> Keys:
        return {
            (each.metadata.namespace, each.metadata.name): each.data
            for each in self._api.list(f"/api/v1/{resource}", _DataObject)
        }


def _decoded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--log-port", type=int, required=True)
    parser.add_argument("--tls-certificate", type=Path, required=True)
    parser.add_argument("--tls-key", type=Path, required=True)
    options = parser.parse_args()
    book = LogBook()
    serve_logs(
        book, port=options.log_port, certificate=options.tls_certificate, key=options.tls_key
    )
    agent = NodeAgent(KubernetesApi(options.kubeconfig), book=book)
    while True:
        try:
            agent.look_once(now=time.time())
        except httpx2.HTTPError as error:
            # The suite stops the API server on purpose; pods go on living meanwhile.
            sys.stderr.write(f"cannot reach the API server: {error}\n")
        time.sleep(LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    main()
