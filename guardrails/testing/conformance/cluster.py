"""Facts of the Kubernetes API and its controllers, to be held by any cluster under test.

Give `run_fact` a `ClusterUnderTest` and one of `FACTS`; it gets a namespace of its own and leaves
nothing behind. Only documented behaviour is stated, with bounded polling where it takes time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from guardrails.testing.conformance import (
    api_facts,
    endpoint_facts,
    pod_facts,
    protocol_facts,
    rollout_facts,
    workload_facts,
)
from guardrails.testing.conformance.client import HttpClient, eventually
from guardrails.testing.conformance.workbench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterUnderTest:
    """Where a cluster is and how to get in."""

    url: str
    token: str
    """Of a cluster admin."""
    stranger_token: str
    """Of an authenticated user without any rights."""
    ca_pem: str | None = None
    """Certificate authority of an https URL; `None` for http."""
    image: str = "registry.example/conformance:1"
    """An image that the cluster's nodes run."""
    command: tuple[str, ...] = ()
    """What its containers run so that they stay up; empty for what the image itself runs."""
    bad_image: str = "registry.example/conformance:missing"
    """An image that they cannot pull; for `POD_FACTS`."""
    failing_command: tuple[str, ...] = ("sh", "-c", "exit 1")
    """A command that ends with an error; for `POD_FACTS`."""
    patience: float = 60.0
    """Seconds that a rollout or a slice may take."""


Fact = Callable[[Workbench], None]

FACTS: tuple[Fact, ...] = (
    *api_facts.FACTS,
    *protocol_facts.FACTS,
    *endpoint_facts.FACTS,
    *workload_facts.FACTS,
    *rollout_facts.FACTS,
)
"""Every fact that API server, controllers and scheduler decide; the function's name says it, its
docstring in a sentence."""

POD_FACTS: tuple[Fact, ...] = pod_facts.FACTS
"""Facts that a kubelet decides: for clusters whose nodes run containers, or simulate it."""


def run_fact(fact: Fact, cluster: ClusterUnderTest) -> None:
    """Hold a cluster to one fact, in a namespace of its own.

    Raises:
        AssertionError: If the cluster does not hold it.
    """
    namespace = f"conformance-{uuid4().hex[:8]}"
    admin = HttpClient(cluster.url, token=cluster.token, ca_pem=cluster.ca_pem)
    stranger = HttpClient(cluster.url, token=cluster.stranger_token, ca_pem=cluster.ca_pem)
    nobody = HttpClient(cluster.url, token="not-a-token", ca_pem=cluster.ca_pem)  # noqa: S106  # that is the point
    bench = Workbench(
        admin=admin,
        stranger=stranger,
        nobody=nobody,
        namespace=namespace,
        image=cluster.image,
        command=cluster.command,
        bad_image=cluster.bad_image,
        failing_command=cluster.failing_command,
        patience=cluster.patience,
    )
    created = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace}}
    try:
        admin.call("POST", "/api/v1/namespaces", body=created).expect(201)
        # Pods are refused until the controller manager has made the ServiceAccount.
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        eventually(
            lambda: admin.get(account).status == 200,  # noqa: PLR2004  # OK
            within=cluster.patience,
            what="the default ServiceAccount",
        )
        fact(bench)
    finally:
        admin.call("DELETE", f"/api/v1/namespaces/{namespace}")
        for client in (admin, stranger, nobody):
            client.close()
