"""SimCluster is held to the same facts as a real control plane."""

from collections.abc import Iterator

import pytest

from guardrails.testing import AlertRule, SimCluster
from guardrails.testing.conformance import alerts, cluster


@pytest.fixture(scope="module")
def sim() -> Iterator[SimCluster]:
    with SimCluster(tick_seconds=0.01) as running:
        yield running


@pytest.mark.parametrize(
    "fact", [*cluster.FACTS, *cluster.POD_FACTS], ids=lambda fact: fact.__name__
)
def test_the_simulated_cluster_holds_the_fact(fact: cluster.Fact, sim: SimCluster) -> None:
    """What the kit states of Kubernetes is true of SimCluster."""
    cluster.run_fact(
        fact,
        cluster.ClusterUnderTest(
            url=sim.kubernetes_url,
            token=sim.users.token("admin"),
            stranger_token=sim.add_user("stranger", rules=[]),
            patience=15,
        ),
    )


@pytest.mark.parametrize("fact", alerts.FACTS, ids=lambda fact: fact.__name__)
def test_the_simulated_alerting_holds_the_fact(fact: alerts.Fact, sim: SimCluster) -> None:
    """What the kit states of Prometheus and Alertmanager is true of SimCluster."""
    name = fact.__name__.replace("_", "-")
    expr = f'kube_node_spec_unschedulable{{node="{name}"}} == 1'
    node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name}, "spec": {}}
    sim.apply({**node, "status": {}})
    sim.add_rule(AlertRule(name=name, expr=expr, for_seconds=0.3, interval_seconds=0.05))
    alerts.run_fact(
        fact,
        alerts.AlertsUnderTest(
            prometheus_url=sim.prometheus_url,
            alertmanager_url=sim.alertmanager_url,
            alert=name,
            fire=lambda: sim.apply({**node, "spec": {"unschedulable": True}}),
            clear=lambda: sim.apply(node),
            patience=15,
        ),
    )
