"""A cluster of 500 Deployments and 5,000 pods, served in a process of its own.

`python -m benchmarks.large_cluster KUBECONFIG` writes the kubeconfig, says `ready`, and serves
until its standard input ends, so that it never outlives the benchmark that started it.
"""

import sys
from pathlib import Path
from typing import Any

from guardrails.testing.sim import SimCluster

NAMESPACE = "large"
DEPLOYMENTS = 500
REPLICAS = 10

PADDING = "x" * 4_500
"""Fills a pod up to what a real one has in `managedFields`, tolerations and mounts: a list of
1,000 pods is 7.3 MB from a 1.36 API server."""


def deployment(number: int) -> dict[str, Any]:
    """A Deployment that calls the one before it."""
    name = f"service-{number:03}"
    container = {
        "name": "server",
        "image": f"registry.example/{name}:1.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [
            {"name": "UPSTREAM_URL", "value": f"http://service-{max(0, number - 1):03}"},
            *({"name": f"SETTING_{n}", "value": f"value {n}"} for n in range(10)),
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "128Mi"}},
    }
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels, "annotations": {"padding": PADDING}},
        "spec": {"containers": [container]},
    }
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template},
    }


def service(number: int) -> dict[str, Any]:
    """The Service of a Deployment."""
    name = f"service-{number:03}"
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }


def main() -> None:
    """Serve until the standard input ends."""
    kubeconfig = Path(sys.argv[1])
    with SimCluster(autorun=False) as cluster:
        cluster.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": NAMESPACE}})
        for number in range(DEPLOYMENTS):
            cluster.apply(deployment(number))
            cluster.apply(service(number))
        cluster.settle()
        cluster.write_kubeconfig(kubeconfig)
        print("ready", len(cluster.store.objects("Pod")), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
