"""The app of the suite: put into its namespace, and put back after a test has broken it."""

from __future__ import annotations

from pathlib import Path

from e2e.alerts import names, quiet
from e2e.clusters.cluster import Cluster
from e2e.faults import NAMESPACE
from e2e.waiting import wait_until

WORKLOADS = ("frontend", "catalog", "checkout", "payment")
MANIFESTS = Path(__file__).resolve().parent / "faults" / "app" / "manifests"

THINGS_TESTS_MAKE = (
    "deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,pods,services,"
    "configmaps,secrets,resourcequotas,limitranges,networkpolicies,ingresses,"
    "horizontalpodautoscalers,poddisruptionbudgets,persistentvolumeclaims"
)
"""All that a fault or an agent may have left in the namespace."""


RECOVERY_SECONDS = 120
"""Limit of what takes seconds as a rule: an emptied namespace and a rollout need controllers,
scheduler and nodes one after the other, on a machine that may be busy with a build."""


def reset(cluster: Cluster) -> None:
    """Give the namespace a fresh app: nothing of before, all rolled out, no alert known.

    The namespace itself stays, because deleting one takes longer than all the rest.
    """
    emptying = ("delete", THINGS_TESTS_MAKE, "--all", "-n", NAMESPACE, "--timeout=20s")
    wait_until(
        lambda: cluster.try_kubectl(*emptying).code == 0,
        what="the namespace is empty",
        timeout=RECOVERY_SECONDS,
        seen=lambda: cluster.try_kubectl("get", "all", "-n", NAMESPACE).stdout,
    )
    for node in _cordoned(cluster):
        cluster.kubectl("uncordon", node)
    cluster.kubectl("apply", "-f", str(MANIFESTS))
    wait_for_rollout(cluster)
    wait_until(
        lambda: quiet(cluster),
        what="the fresh app has no alerts",
        timeout=RECOVERY_SECONDS,
        seen=lambda: names(cluster),
    )


def wait_for_rollout(cluster: Cluster) -> None:
    """Wait until every Deployment of the app is rolled out."""
    for workload in WORKLOADS:
        status = ("rollout", "status", f"deployment/{workload}", "-n", NAMESPACE, "--timeout=5s")
        wait_until(
            lambda status=status: cluster.try_kubectl(*status).code == 0,
            what=f"{workload} is rolled out",
            timeout=RECOVERY_SECONDS,
            seen=lambda: cluster.try_kubectl("get", "pods", "-n", NAMESPACE).stdout,
        )


def _cordoned(cluster: Cluster) -> list[str]:
    path = "jsonpath={.items[?(@.spec.unschedulable==true)].metadata.name}"
    return cluster.kubectl("get", "nodes", "-o", path).split()
