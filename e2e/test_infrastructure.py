"""The suite's own ground: the cluster is real where it says so, and faults behave like faults."""

from __future__ import annotations

import json
import os

import pytest

from e2e.alerts import WATCHDOG, arrived, fires, in_prometheus, names, quiet
from e2e.app import NAMESPACE, WORKLOADS
from e2e.clusters.cluster import Cluster, KubectlError
from e2e.clusters.processes import ProcessCluster
from e2e.faults import Fault, load, load_all
from e2e.waiting import wait_until

FAULTS = load_all()


def test_app_is_rolled_out_and_quiet(app: Cluster) -> None:
    """A fresh app has all replicas available, and no alert but the watchdog is known."""
    listed = json.loads(app.kubectl("get", "deployments", "-n", NAMESPACE, "-o", "json"))
    available = {
        each["metadata"]["name"]: each["status"].get("availableReplicas")
        for each in listed["items"]
    }

    assert available == dict.fromkeys(WORKLOADS, 2)
    assert names(app) == set()
    assert fires(app, {"alertname": WATCHDOG})


def test_server_version_is_one_that_clients_can_parse(cluster: Cluster) -> None:
    """The API server reports a release, because the build stamps it."""
    version = json.loads(cluster.kubectl("version", "-o", "json"))

    assert version["serverVersion"]["major"] == "1"
    assert version["serverVersion"]["gitVersion"].startswith("v1.")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_fault_shows_alerts_and_clears(app: Cluster, fault: Fault) -> None:
    """A fault shows in the objects and in Alertmanager; mending the spec takes both away."""
    assert not fault.shows(app)

    fault.bring_about(app)
    wait_until(lambda: fault.shows(app), what=f"{fault.name} shows", timeout=60)
    for labels in fault.alerts:
        wait_until(
            lambda labels=labels: fires(app, labels) and arrived(app, labels),
            what=f"{labels} fires and arrives",
            timeout=90,
            seen=lambda: in_prometheus(app),
        )

    fault.cure(app)
    wait_until(lambda: not fault.shows(app), what=f"{fault.name} is over", timeout=60)
    wait_until(lambda: quiet(app), what="all alerts cleared", timeout=90, seen=lambda: names(app))


def test_crash_loop_counts_restarts_and_keeps_the_reason(app: Cluster) -> None:
    """A crash loop looks like a kubelet's: growing restarts, last state, log of the life before."""
    load("missing-env").bring_about(app)
    crashing = "jsonpath={.items[?(@.status.containerStatuses[0].restartCount>2)].metadata.name}"
    listing = ("get", "pods", "-n", NAMESPACE, "-l", "app=checkout", "-o")
    wait_until(
        lambda: bool(app.kubectl(*listing, crashing)), what="a container restarted", timeout=90
    )
    name = app.kubectl(*listing, crashing).split()[0]

    pod = json.loads(app.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "json"))
    ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (2, "Error")
    assert "PAYMENT_URL" in app.kubectl("logs", name, "-n", NAMESPACE, "--previous")
    events = app.kubectl("events", "-n", NAMESPACE, "--for", f"pod/{name}")
    assert "Back-off restarting failed container" in events


def test_guard_may_read_workloads(app: Cluster) -> None:
    """The guard's token lists what its checks judge."""
    guard = app.kubeconfig_for("guard", "sre")

    for resource in ("pods", "services", "deployments", "endpointslices", "events", "nodes"):
        printed = app.kubectl("get", resource, "-n", NAMESPACE, "-o", "name", kubeconfig=guard)
        assert printed.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "secrets", "-n", NAMESPACE),
        ("delete", "pods", "--all", "-n", NAMESPACE),
        ("scale", "deployment/payment", "--replicas=0", "-n", NAMESPACE),
        ("create", "configmap", "note", "-n", NAMESPACE),
    ],
    ids=["secrets", "delete", "scale", "create"],
)
def test_guard_may_not(app: Cluster, arguments: tuple[str, ...]) -> None:
    """The guard's token is refused with 403 on Secrets and on every write."""
    guard = app.kubeconfig_for("guard", "sre")

    refused = app.try_kubectl(*arguments, kubeconfig=guard)

    assert refused.code != 0
    assert "forbidden" in refused.stderr.lower()
    assert "system:serviceaccount:sre:guard" in refused.stderr


def test_agent_may_mend_the_app_and_nothing_else(app: Cluster) -> None:
    """The agent's token cures a fault in the app's namespace, and is refused elsewhere."""
    agent = app.kubeconfig_for("sre-agent", "sre")
    fault = load("scaled-to-zero")
    fault.bring_about(app)

    fault.cure(app, kubeconfig=agent)

    wait_until(lambda: not fault.shows(app), what="the agent's cure holds")
    with pytest.raises(KubectlError, match="Forbidden"):
        app.kubectl("get", "pods", "-n", "kube-system", kubeconfig=agent)


def test_api_server_comes_back_as_it_was(app: Cluster) -> None:
    """Nothing answers while the API server is stopped; afterwards the app is still there."""
    app.stop_api_server()
    assert app.try_kubectl("get", "pods", "-n", NAMESPACE, "--request-timeout=3s").code != 0

    app.start_api_server()

    listed = app.kubectl("get", "deployments", "-n", NAMESPACE, "-o", "name").split()
    assert listed == [f"deployment.apps/{name}" for name in sorted(WORKLOADS)]


def test_faults_go_on_after_an_api_server_restart(app: Cluster) -> None:
    """Controllers, nodes and exporters take up their work when the API server is back."""
    app.stop_api_server()
    app.start_api_server()
    fault = load("scaled-to-zero")

    fault.bring_about(app)

    wait_until(
        lambda: fires(app, fault.alerts[0]), what="the alert fires", timeout=60,
        seen=lambda: in_prometheus(app),
    )  # fmt: skip


def test_alerts_leave_alertmanager_while_prometheus_is_away(app: Cluster) -> None:
    """Without Prometheus the watchdog expires in Alertmanager, and it comes back with it."""
    watchdog = {"alertname": WATCHDOG}
    assert arrived(app, watchdog)

    app.stop_prometheus()
    wait_until(lambda: not arrived(app, watchdog), what="the watchdog expires", timeout=60)
    app.start_prometheus()

    wait_until(lambda: arrived(app, watchdog), what="the watchdog is back", timeout=60)


def test_every_child_runs_in_a_group_of_its_own(cluster: Cluster) -> None:
    """Each leads its own process group, so a Ctrl-C in the terminal reaches the suite alone."""
    if not isinstance(cluster, ProcessCluster):
        pytest.skip("kind's processes are in containers")

    assert len(cluster.pids) == 10
    assert [os.getpgid(pid) for pid in cluster.pids] == cluster.pids
