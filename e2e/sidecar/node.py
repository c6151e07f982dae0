"""A kubelet for images of the suite's own: their containers run as processes on this machine.

What a pod is given is read from the API server, with its ServiceAccount's own token, and what
becomes of it is written there, so that `kubectl rollout status` and `helm test` mean something.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from e2e.api import KubernetesApi
from e2e.clusters.child import Child, answers
from e2e.clusters.cluster import Cluster
from e2e.clusters.ports import free_ports
from e2e.kubelet.inputs import RUN_BY_A_TEST
from e2e.kubelet.lifecycle import timestamp
from e2e.sidecar.containers import Manifest, Mounts, NotYetError

LOOK_EVERY_SECONDS = 0.3
PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What stands for an image here."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Over the container's."""
    answers: str = ""
    """Its probes ask here, for `/readyz` and `/healthz`."""
    port_variable: str = ""
    """Names the variable that says where it listens: a port of each pod, as old and new
    ones live side by side in a rollout. It is ready once a connection is taken there."""


@dataclass(slots=True)
class _Process:
    """One container."""

    child: Child
    image: Image
    name: str
    began: float
    sidecar: bool
    port: int


@dataclass(slots=True)
class _Life:
    """One pod."""

    manifest: Manifest
    processes: list[_Process] = field(default_factory=list["_Process"])
    written: object = None


class Node:
    """Runs pods until it is stopped.

    Args:
        cluster: Whose pods.
        folder: Where their files and logs go.
        images: By the image's name.
        renamed: Texts of pods by what stands in their place here.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        images: Mapping[str, Image],
        renamed: Mapping[str, str],
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._images = images
        self._renamed = renamed
        self._api = KubernetesApi(cluster.admin_kubeconfig)
        self._http = httpx2.Client(timeout=PROBE_SECONDS, trust_env=False)
        self._lives: dict[str, _Life] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="node")
        self.trouble: Exception | None = None
        """Why it stopped by itself."""

    def start(self) -> None:
        """Begin to look at pods."""
        self._thread.start()

    def stop(self) -> None:
        """End every process."""
        self._ended.set()
        self._thread.join()
        for life in self._lives.values():
            _stop(life)
        self._http.close()
        self._api.close()
        if self.trouble is not None:
            raise self.trouble

    def port(self, container: str) -> int:
        """Return where the newest container of a name listens."""
        found = [p for life in list(self._lives.values()) for p in life.processes]
        alive = [one for one in found if one.name == container and one.child.running]
        return max(alive, key=lambda one: one.began).port

    def log(self, pod: str, container: str) -> str:
        """Return what a container has printed, of the newest pod whose name begins so."""
        found = [p for p in self._folder.glob(f"{pod}*/{container}.log") if p.is_file()]
        newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
        return newest.read_text(encoding="utf-8", errors="replace") if newest else ""

    def _look_on(self) -> None:
        try:
            while not self._ended.wait(LOOK_EVERY_SECONDS):
                self._look()
        except Exception as error:  # noqa: BLE001  # raised again by `stop`, in the test's thread
            self.trouble = error

    def _look(self) -> None:
        pods = {
            pod["metadata"]["uid"]: pod
            for pod in self._api.list("/api/v1/pods", dict[str, Any])
            if pod["spec"].get("nodeName")
            and "deletionTimestamp" not in pod["metadata"]
            and any(one["image"].startswith(RUN_BY_A_TEST) for one in pod["spec"]["containers"])
        }
        for uid in [uid for uid in self._lives if uid not in pods]:
            _stop(self._lives.pop(uid))
        for uid, pod in pods.items():
            life = self._lives.setdefault(uid, _Life(pod))
            life.manifest = pod
            try:
                self._advance(life)
            except NotYetError:
                continue
            self._write(life)

    def _advance(self, life: _Life) -> None:
        """Start the container whose turn it is: sidecars first, each when the one before is up."""
        spec = life.manifest["spec"]
        sidecars = spec.get("initContainers", [])
        for container in (*sidecars, *spec["containers"]):
            begun = {one.name: one for one in life.processes}
            if container["name"] not in begun:
                life.processes.append(self._start(life.manifest, container, container in sidecars))
            elif container in sidecars and self._is_up(begun[container["name"]], "/healthz"):
                continue
            if container in sidecars:
                return

    def _start(self, pod: Manifest, container: Manifest, sidecar: bool) -> _Process:  # noqa: FBT001
        meta = pod["metadata"]
        folder = self._folder / meta["name"]
        folder.mkdir(exist_ok=True)
        image = self._images[container["image"].partition(":")[0]]
        mounts = Mounts(
            cluster=self._cluster,
            namespace=meta["namespace"],
            root=folder,
            spec=pod["spec"],
            renamed=self._renamed,
        )
        given = mounts.give(container)
        (port,) = free_ports(1) if image.port_variable else (0,)
        listens = {image.port_variable: str(port)} if port else {}
        child = Child(
            container["name"],
            command=[*image.command, *given.arguments],
            log=folder / f"{container['name']}.log",
            environment={**given.environment, **image.environment, **listens},
        )
        child.start()
        return _Process(child, image, container["name"], time.time(), sidecar, port)

    def _is_up(self, process: _Process, path: str) -> bool:
        if not process.child.running:
            return False
        if process.port:
            with socket.socket() as connection:
                return connection.connect_ex(("127.0.0.1", process.port)) == 0
        url = process.image.answers
        return not url or answers(f"{url}{path}", http=self._http)

    def _write(self, life: _Life) -> None:
        """Write the pod's status, when it is another than before."""
        spec, meta = life.manifest["spec"], life.manifest["metadata"]
        main = [one for one in life.processes if not one.sidecar]
        begun = len(main) == len(spec["containers"])
        # A pod that restarts is never over. None is started again here: the test sees its log.
        ends = spec["restartPolicy"] != "Always"
        over = ends and begun and not any(one.child.running for one in main)
        codes = [one.child.code for one in main]
        ready = {one.name: self._is_up(one, "/readyz") for one in life.processes}
        all_ready = bool(main) and all(ready.values())
        phase = ("Failed" if any(codes) else "Succeeded") if over else "Running"
        body = {
            "phase": phase if main else "Pending",
            "conditions": [
                *({"type": t, "status": "True"} for t in ("PodScheduled", "Initialized")),
                *({"type": t, "status": str(all_ready)} for t in ("ContainersReady", "Ready")),
            ],
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            **{
                field: [_status(one, ready[one.name]) for one in life.processes if one.sidecar is s]
                for field, s in (("initContainerStatuses", True), ("containerStatuses", False))
            },
        }
        if body != life.written:
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
            patch = {"metadata": {"uid": meta["uid"]}, "status": body}
            if self._api.merge_patch(path, patch) == httpx2.codes.OK.value:
                life.written = body


def _status(process: _Process, ready: bool) -> Manifest:  # noqa: FBT001
    at = timestamp(process.began)
    code = process.child.code
    state: Manifest = (
        {"running": {"startedAt": at}}
        if code is None
        else {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
    )
    return {
        "name": process.name,
        "image": process.name,
        "imageID": process.name,
        "ready": ready,
        "started": process.child.running,
        "restartCount": 0,
        "state": state,
    }


def _stop(life: _Life) -> None:
    """Stop a pod's containers, sidecars last."""
    for process in sorted(life.processes, key=lambda one: one.sidecar):
        process.child.stop()


@contextmanager
def node(
    cluster: Cluster, folder: Path, *, images: Mapping[str, Image], renamed: Mapping[str, str]
) -> Generator[Node]:
    """Run pods for as long as it is needed."""
    folder.mkdir(parents=True)
    running = Node(cluster, folder, images=images, renamed=renamed)
    running.start()
    try:
        yield running
    finally:
        running.stop()
