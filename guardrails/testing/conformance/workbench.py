"""What a conformance fact works with: clients, a namespace of its own, and small manifests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from guardrails.testing.conformance.client import Answer, HttpClient, Json, eventually

T = TypeVar("T")

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
PORT = 8080
REPLICAS = 2
"""Of a Deployment in these facts, unless it says otherwise."""

_ROOTS = {
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """One fact's surroundings."""

    admin: HttpClient
    stranger: HttpClient
    nobody: HttpClient
    namespace: str
    image: str
    command: tuple[str, ...]
    bad_image: str
    failing_command: tuple[str, ...]
    patience: float

    def path(self, plural: str, name: str = "") -> str:
        """The path of a collection or object in the fact's namespace."""
        root = _ROOTS.get(plural, "/api/v1")
        path = f"{root}/namespaces/{self.namespace}/{plural}"
        return f"{path}/{name}" if name else path

    def create(self, plural: str, manifest: Json) -> Json:
        """Create an object."""
        return self.admin.call("POST", self.path(plural), body=manifest).expect(201)

    def read(self, plural: str, name: str) -> Json:
        """Read an object."""
        return self.admin.get(self.path(plural, name)).expect(200)

    def items(self, plural: str, **params: str) -> list[Json]:
        """List objects; null items are none."""
        return self.admin.get(self.path(plural), **params).expect(200)["items"] or []

    def patch(self, plural: str, name: str, body: object, *, kind: str = STRATEGIC) -> Answer:
        """Patch an object."""
        return self.admin.call("PATCH", self.path(plural, name), body=body, content_type=kind)

    def delete(self, plural: str, name: str, *, propagation: str = "Background") -> Answer:
        """Delete an object."""
        options = {
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation
        }  # fmt: skip
        return self.admin.call("DELETE", self.path(plural, name), body=options)

    def eventually(self, look: Callable[[], T | None], what: str) -> T:
        """The first value that is not None or False, within the cluster's patience."""
        return eventually(look, within=self.patience, what=what)

    def settled(self, name: str) -> Json:
        """A Deployment whose rollout is complete."""

        def look() -> Json | None:
            found = self.read("deployments", name)
            status, wanted = found.get("status", {}), found["spec"]["replicas"]
            done = (
                status.get("observedGeneration") == found["metadata"]["generation"]
                and status.get("updatedReplicas", 0) == wanted
                and status.get("replicas", 0) == wanted
                and status.get("availableReplicas", 0) == wanted
            )
            return found if done else None

        return self.eventually(look, f"the rollout of {name}")

    def slices(self, service: str) -> list[Json]:
        """A Service's EndpointSlices."""
        return self.items("endpointslices", labelSelector=f"kubernetes.io/service-name={service}")


def config_map(name: str, *, labels: dict[str, str] | None = None, **data: str) -> Json:
    """A ConfigMap's manifest."""
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": name, "labels": labels or {}},
        "data": data,
    }


def deployment(bench: Workbench, name: str, *, replicas: int = REPLICAS, **spec: object) -> Json:
    """A Deployment's manifest: one container that listens on port `http`."""
    container: Json = {
        "name": "app",
        "image": bench.image,
        "ports": [{"name": "http", "containerPort": PORT}],
    }
    if bench.command:
        container["command"] = list(bench.command)
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
            **spec,
        },
    }


def service(name: str, *, app: str, target: int | str = "http") -> Json:
    """A Service's manifest."""
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "spec": {
            "selector": {"app": app},
            "ports": [{"name": "http", "port": 80, "targetPort": target}],
        },
    }


def condition(obj: Json, name: str) -> Json:
    """A condition by its type; empty if there is none."""
    status: Json = obj.get("status", {})
    found: list[Json] = status.get("conditions", [])
    for one in found:
        if one["type"] == name:
            return one
    return {}
