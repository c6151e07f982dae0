"""Facts of rollouts that get stuck, of scaling and of ownership; no kubelet has to fail for them.

A template that no node can take is how a rollout gets stuck here: scheduler and controllers are
enough to show it.
"""

from guardrails.testing.conformance.client import Json
from guardrails.testing.conformance.workbench import (
    MERGE,
    PORT,
    REPLICAS,
    Workbench,
    condition,
    config_map,
    deployment,
    service,
)

_NOWHERE = {"conformance.guarded-agent.dev/no-such-node": "true"}


def _strand(bench: Workbench) -> None:
    """Give the Deployment a template that fits on no node."""
    body = {"spec": {"template": {"spec": {"nodeSelector": _NOWHERE}}}}
    bench.patch("deployments", "web", body).expect(200)


def _standing(bench: Workbench) -> set[str]:
    """Uids of the pods that nobody has deleted."""
    pods = [pod["metadata"] for pod in bench.items("pods", labelSelector="app=web")]
    return {meta["uid"] for meta in pods if not meta.get("deletionTimestamp")}


def a_pod_that_fits_nowhere_says_why(bench: Workbench) -> None:
    """Pending, with PodScheduled False/Unschedulable and the count of nodes."""
    bench.create("deployments", deployment(bench, "web", replicas=0))
    _strand(bench)
    bench.patch("deployments", "web", {"spec": {"replicas": 1}}).expect(200)

    def look() -> Json | None:
        for pod in bench.items("pods", labelSelector="app=web"):
            found = condition(pod, "PodScheduled")
            if found.get("reason") == "Unschedulable":
                return pod
        return None

    pod = bench.eventually(look, "the Unschedulable condition")
    assert pod["status"]["phase"] == "Pending"
    assert condition(pod, "PodScheduled")["status"] == "False"
    assert "nodes are available" in condition(pod, "PodScheduled")["message"]
    assert not pod["spec"].get("nodeName")


def a_stuck_rollout_keeps_its_old_pods_and_runs_out_of_time(bench: Workbench) -> None:
    """With maxUnavailable 0 nothing is taken away; Progressing turns False at the deadline."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    manifest = deployment(bench, "web", progressDeadlineSeconds=2, strategy=strategy)
    bench.create("deployments", manifest)
    bench.settled("web")
    _strand(bench)

    def look() -> Json | None:
        found = bench.read("deployments", "web")
        late = condition(found, "Progressing").get("reason") == "ProgressDeadlineExceeded"
        return found if late else None

    found = bench.eventually(look, "ProgressDeadlineExceeded")
    assert condition(found, "Progressing")["status"] == "False"
    assert condition(found, "Available")["status"] == "True"
    status = found["status"]
    assert (status["availableReplicas"], status["updatedReplicas"]) == (REPLICAS, 1)
    assert (status["replicas"], status["unavailableReplicas"]) == (REPLICAS + 1, 1)


def a_workload_comes_back_from_zero(bench: Workbench) -> None:
    """The same ReplicaSet, new pods, under an observed generation that has risen twice."""
    bench.create("deployments", deployment(bench, "web"))
    first = bench.settled("web")
    before = _standing(bench)
    bench.patch("deployments", "web", {"spec": {"replicas": 0}}).expect(200)
    bench.settled("web")
    bench.patch("deployments", "web", {"spec": {"replicas": REPLICAS}}).expect(200)
    back = bench.settled("web")
    assert not before & _standing(bench)
    assert len(bench.items("replicasets")) == 1
    risen = back["status"]["observedGeneration"] - first["status"]["observedGeneration"]
    assert risen == 2  # noqa: PLR2004  # down and up


def a_selector_cannot_be_changed(bench: Workbench) -> None:
    """A Deployment's selector is immutable: 422 with the field."""
    bench.create("deployments", deployment(bench, "web", replicas=0))
    labels = {"app": "other"}
    template = {"metadata": {"labels": labels}}
    body = {"spec": {"selector": {"matchLabels": labels}, "template": template}}
    refused = bench.patch("deployments", "web", body)
    causes = refused.expect(422)["details"]["causes"]
    assert "spec.selector" in [cause["field"] for cause in causes]


def a_port_name_is_resolved_pod_by_pod(bench: Workbench) -> None:
    """Two workloads behind one Service, the name on two numbers: two slices."""
    for name, port in (("one", PORT), ("two", PORT + 1)):
        manifest = deployment(bench, name, replicas=1)
        template = manifest["spec"]["template"]
        template["metadata"]["labels"]["shared"] = "yes"
        template["spec"]["containers"][0]["ports"][0]["containerPort"] = port
        bench.create("deployments", manifest)
    manifest = service("web", app="")
    manifest["spec"]["selector"] = {"shared": "yes"}
    bench.create("services", manifest)

    def look() -> bool:
        ports = {port["port"] for one in bench.slices("web") for port in one.get("ports") or ()}
        return ports == {PORT, PORT + 1}

    bench.eventually(look, "a slice for each number of the port")


def deleting_in_the_foreground_takes_the_children_first(bench: Workbench) -> None:
    """The Deployment stays, marked, until its ReplicaSets and pods are gone."""
    bench.create("deployments", deployment(bench, "web"))
    bench.settled("web")
    marked = bench.delete("deployments", "web", propagation="Foreground").expect(200)
    assert marked["metadata"]["deletionTimestamp"]
    assert "foregroundDeletion" in marked["metadata"]["finalizers"]
    bench.eventually(
        lambda: bench.admin.get(bench.path("deployments", "web")).status == 404,  # noqa: PLR2004  # gone
        "the Deployment to go",
    )
    assert bench.items("replicasets") == []


def what_has_lost_its_owner_is_collected(bench: Workbench) -> None:
    """Any kind: a ConfigMap goes with the ConfigMap that owns it."""
    owner = bench.create("configmaps", config_map("owner"))
    owned = config_map("owned")
    meta = owner["metadata"]
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": meta["uid"]}
    ]
    bench.create("configmaps", owned)
    bench.delete("configmaps", "owner").expect(200)
    bench.eventually(
        lambda: bench.admin.get(bench.path("configmaps", "owned")).status == 404,  # noqa: PLR2004  # gone
        "the owned ConfigMap to go",
    )


def a_finalizer_holds_an_object_back(bench: Workbench) -> None:
    """Deleted it is only marked; it goes when the finalizer does."""
    manifest = config_map("held")
    manifest["metadata"]["finalizers"] = ["conformance.guarded-agent.dev/hold"]
    bench.create("configmaps", manifest)
    bench.delete("configmaps", "held").expect(200)
    assert bench.read("configmaps", "held")["metadata"]["deletionTimestamp"]
    bench.patch("configmaps", "held", {"metadata": {"finalizers": None}}, kind=MERGE).expect(200)
    bench.admin.get(bench.path("configmaps", "held")).expect(404)


FACTS = (
    a_pod_that_fits_nowhere_says_why,
    a_stuck_rollout_keeps_its_old_pods_and_runs_out_of_time,
    a_workload_comes_back_from_zero,
    a_selector_cannot_be_changed,
    a_port_name_is_resolved_pod_by_pod,
    deleting_in_the_foreground_takes_the_children_first,
    what_has_lost_its_owner_is_collected,
    a_finalizer_holds_an_object_back,
)
"""All facts of this file."""
