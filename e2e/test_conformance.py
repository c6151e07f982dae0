"""The simulated cluster's facts, held against the real thing; where they differ, it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.api import read_kubeconfig
from e2e.app import reset
from e2e.clusters.cluster import Cluster
from guardrails.testing.conformance import alerts
from guardrails.testing.conformance import cluster as kubernetes

IDENTITIES = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: conformance-admin, namespace: sre}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: conformance-stranger, namespace: sre}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: conformance-admin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: conformance-admin, namespace: sre}
"""

STAYS_UP = ("sleep", "86400")

CORDONED = "NodeCordoned"
"""The rule that the alert facts set off, by cordoning a node."""


SINCE = {"a_watch_can_begin_with_what_is_there": 34}
"""Facts that are so since a minor version: WatchList is on by default from 1.34 on. The simulator
has it; no part of the guard needs it."""


def _minor(cluster: Cluster) -> int:
    """Return the minor version of the API server."""
    told = json.loads(cluster.kubectl("version", "-o", "json"))
    return int(told["serverVersion"]["minor"].rstrip("+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Tokens of a cluster admin and of a user without any rights."""

    admin: str
    stranger: str


@pytest.fixture(scope="module")
def identities(cluster: Cluster) -> Iterator[Identities]:
    """Make the two users of the kit, and take them away again."""
    reset(cluster)
    cluster.kubectl("apply", "-f", "-", stdin=IDENTITIES)
    yield Identities(
        admin=cluster.kubectl("create", "token", "conformance-admin", "-n", "sre").strip(),
        stranger=cluster.kubectl("create", "token", "conformance-stranger", "-n", "sre").strip(),
    )
    cluster.kubectl("delete", "-f", "-", "--wait=false", stdin=IDENTITIES)


@pytest.fixture(scope="module")
def node(cluster: Cluster) -> str:
    """The last node, which on `kind` is a worker."""
    return cluster.kubectl("get", "nodes", "-o", "name").split()[-1]


@pytest.mark.parametrize(
    "fact", [*kubernetes.FACTS, *kubernetes.POD_FACTS], ids=lambda fact: fact.__name__
)
def test_the_real_cluster_holds_the_fact(
    fact: kubernetes.Fact, identities: Identities, cluster: Cluster
) -> None:
    """What the kit states of Kubernetes is true of a real API server and its controllers."""
    since = SINCE.get(fact.__name__)
    if since is not None and _minor(cluster) < since:
        pytest.skip(f"so since Kubernetes 1.{since}")
    admin = read_kubeconfig(cluster.admin_kubeconfig)
    kubernetes.run_fact(
        fact,
        kubernetes.ClusterUnderTest(
            url=admin.server,
            token=identities.admin,
            stranger_token=identities.stranger,
            ca_pem=admin.authority_pem,
            image="busybox:1.36",
            command=STAYS_UP,
            bad_image="busybox:missing",
        ),
    )


@pytest.mark.parametrize("fact", alerts.FACTS, ids=lambda fact: fact.__name__)
def test_the_real_alerting_holds_the_fact(fact: alerts.Fact, node: str, cluster: Cluster) -> None:
    """What the kit states of Prometheus and Alertmanager is true of the real ones."""
    alerts.run_fact(
        fact,
        alerts.AlertsUnderTest(
            prometheus_url=cluster.prometheus_url,
            alertmanager_url=cluster.alertmanager_url,
            alert=CORDONED,
            fire=lambda: cluster.kubectl("cordon", node),
            clear=lambda: cluster.kubectl("uncordon", node),
        ),
    )
