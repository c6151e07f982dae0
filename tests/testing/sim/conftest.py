"""A simulated cluster with one workload, and the clients that people use on it."""

from collections.abc import Iterator

import httpx2
import pytest
from kubernetes import client

from guardrails.testing import SimCluster

WEB = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {"name": "app", "image": "web:1", "ports": [{"containerPort": 8080}]}
                ]
            },
        },
    },
}


@pytest.fixture
def sim() -> Iterator[SimCluster]:
    """A running cluster that moves only by `step` and `settle`; `shop/web` is rolled out."""
    with SimCluster(autorun=False) as running:
        running.apply(WEB)
        running.settle()
        yield running


@pytest.fixture
def api(sim: SimCluster) -> Iterator[client.ApiClient]:
    """The official client, as the cluster's admin."""
    configuration = client.Configuration(host=sim.kubernetes_url)
    configuration.api_key = {"authorization": f"Bearer {sim.users.token('admin')}"}
    with client.ApiClient(configuration) as made:
        yield made


@pytest.fixture
def http(sim: SimCluster) -> Iterator[httpx2.Client]:
    """Bare HTTP to the Kubernetes API, as the cluster's admin."""
    headers = {"Authorization": f"Bearer {sim.users.token('admin')}"}
    with httpx2.Client(base_url=sim.kubernetes_url, headers=headers) as made:
        yield made
