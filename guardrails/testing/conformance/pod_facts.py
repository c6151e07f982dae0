"""Facts of pods that do not run well, apart from the others: they need nodes that run containers.

`ClusterUnderTest` says which image cannot be pulled and which command fails; a port on which
nothing listens is a fact of every image.
"""

from guardrails.testing.conformance.client import Json
from guardrails.testing.conformance.workbench import (
    PORT,
    Workbench,
    condition,
    deployment,
    service,
)

RESTARTS = 2
"""Restarts to wait for: a back-off has to grow once at least."""


def _container(bench: Workbench) -> Json | None:
    """The state of the only container of the only pod."""
    for pod in bench.items("pods", labelSelector="app=web"):
        statuses: list[Json] = pod.get("status", {}).get("containerStatuses") or []
        if statuses:
            return statuses[0]
    return None


def _with(bench: Workbench, **container: object) -> None:
    manifest = deployment(bench, "web", replicas=1)
    manifest["spec"]["template"]["spec"]["containers"][0] |= container
    bench.create("deployments", manifest)


def an_image_that_cannot_be_pulled_waits(bench: Workbench) -> None:
    """ImagePullBackOff with a message that names the image; the pod is Pending, never started."""
    _with(bench, image=bench.bad_image)

    def look() -> Json | None:
        found = _container(bench)
        waiting: Json = (found or {}).get("state", {}).get("waiting", {})
        return found if waiting.get("reason") == "ImagePullBackOff" else None

    found = bench.eventually(look, "ImagePullBackOff")
    assert bench.bad_image in found["state"]["waiting"]["message"]
    assert (found["restartCount"], found["ready"]) == (0, False)
    (pod,) = bench.items("pods", labelSelector="app=web")
    assert pod["status"]["phase"] == "Pending"
    assert condition(pod, "Ready")["reason"] == "ContainersNotReady"


def a_failing_command_loops(bench: Workbench) -> None:
    """CrashLoopBackOff with a restart count that grows and the last end on record."""
    _with(bench, command=list(bench.failing_command))

    def look() -> Json | None:
        found = _container(bench)
        waiting: Json = (found or {}).get("state", {}).get("waiting", {})
        loops = waiting.get("reason") == "CrashLoopBackOff"
        return found if loops and found and found["restartCount"] >= RESTARTS else None

    found = bench.eventually(look, f"{RESTARTS} restarts and CrashLoopBackOff")
    last = found["lastState"]["terminated"]
    assert last["exitCode"] != 0
    assert {"reason", "startedAt", "finishedAt"} <= last.keys()
    assert found["ready"] is False
    assert "readyReplicas" not in bench.read("deployments", "web")["status"]


def a_failing_readiness_probe_keeps_a_pod_out_of_service(bench: Workbench) -> None:
    """The container runs, the pod is not ready, its endpoint is neither ready nor serving."""
    _with(bench, readinessProbe={"tcpSocket": {"port": PORT + 1}, "periodSeconds": 1})
    bench.create("services", service("web", app="web"))

    def look() -> Json | None:
        for one in bench.slices("web"):
            endpoints: list[Json] = one.get("endpoints") or []
            if endpoints:
                return endpoints[0]
        return None

    endpoint = bench.eventually(look, "an endpoint")
    assert endpoint["conditions"] == {"ready": False, "serving": False, "terminating": False}
    bench.eventually(
        lambda: "running" in (_container(bench) or {}).get("state", {}), "the container to run"
    )
    (pod,) = bench.items("pods", labelSelector="app=web")
    assert condition(pod, "Ready")["status"] == "False"
    assert condition(bench.read("deployments", "web"), "Available")["status"] == "False"


FACTS = (
    an_image_that_cannot_be_pulled_waits,
    a_failing_command_loops,
    a_failing_readiness_probe_keeps_a_pod_out_of_service,
)
"""All facts of this file."""
