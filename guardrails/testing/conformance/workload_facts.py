"""Facts of Deployments: rollouts, scaling, pauses, roll-backs, adoption, garbage collection."""

from guardrails.testing.conformance.client import Json
from guardrails.testing.conformance.workbench import REPLICAS, Workbench, condition, deployment

REVISION = "deployment.kubernetes.io/revision"
_MEMORY_QUOTA = "16Mi"


def _owned(bench: Workbench, plural: str, uid: str) -> list[Json]:
    def owners(one: Json) -> list[Json]:
        found: list[Json] | None = one["metadata"].get("ownerReferences")
        return found or []

    return [one for one in bench.items(plural) if any(at["uid"] == uid for at in owners(one))]


def _template(bench: Workbench, name: str, **annotations: str) -> None:
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    bench.patch("deployments", name, body).expect(200)


def a_deployment_rolls_out(bench: Workbench) -> None:
    """Counts, both conditions with their reasons, the revision, one owned ReplicaSet."""
    bench.create("deployments", deployment(bench, "web", replicas=3))
    done = bench.settled("web")
    bench.eventually(
        lambda: (
            condition(bench.read("deployments", "web"), "Progressing").get("reason")
            == "NewReplicaSetAvailable"
        ),
        "the Progressing condition",
    )
    done = bench.read("deployments", "web")
    status = done["status"]
    assert (status["replicas"], status["readyReplicas"], status["updatedReplicas"]) == (3, 3, 3)
    assert "unavailableReplicas" not in status
    assert condition(done, "Available")["reason"] == "MinimumReplicasAvailable"
    assert condition(done, "Progressing")["status"] == "True"
    assert done["metadata"]["annotations"][REVISION] == "1"
    (owned,) = _owned(bench, "replicasets", done["metadata"]["uid"])
    hash_label = owned["metadata"]["labels"]["pod-template-hash"]
    assert owned["metadata"]["name"] == f"web-{hash_label}"
    pods = _owned(bench, "pods", owned["metadata"]["uid"])
    assert [pod["metadata"]["labels"]["pod-template-hash"] for pod in pods] == [hash_label] * 3


def a_new_template_makes_a_new_replica_set(bench: Workbench) -> None:
    """The old one stays for roll-back with no replicas; the revision rises."""
    bench.create("deployments", deployment(bench, "web"))
    first = bench.settled("web")
    _template(bench, "web", change="1")
    bench.settled("web")
    owned = _owned(bench, "replicasets", first["metadata"]["uid"])
    sizes = {one["metadata"]["annotations"][REVISION]: one["spec"]["replicas"] for one in owned}
    assert sizes == {"1": 0, "2": 2}


def a_roll_back_reuses_the_old_replica_set(bench: Workbench) -> None:
    """The old template gets its ReplicaSet back, under the next revision."""
    bench.create("deployments", deployment(bench, "web"))
    first = bench.settled("web")
    before = _owned(bench, "replicasets", first["metadata"]["uid"])[0]["metadata"]["uid"]
    _template(bench, "web", change="1")
    bench.settled("web")
    back = {"spec": {"template": {"metadata": {"annotations": {"change": None}}}}}
    bench.patch("deployments", "web", back).expect(200)
    done = bench.settled("web")
    owned = _owned(bench, "replicasets", first["metadata"]["uid"])
    serving = next(one for one in owned if one["spec"]["replicas"])
    assert serving["metadata"]["uid"] == before
    assert {one["metadata"]["uid"] for one in owned} > {before}
    assert done["metadata"]["annotations"][REVISION] == "3"


def scaled_to_zero_looks_healthy(bench: Workbench) -> None:
    """Available stays True and the counts are left out: why zero replicas need a reference."""
    bench.create("deployments", deployment(bench, "web"))
    bench.settled("web")
    bench.patch("deployments", "web", {"spec": {"replicas": 0}}).expect(200)
    done = bench.settled("web")
    assert condition(done, "Available")["status"] == "True"
    assert "replicas" not in done["status"]
    assert "readyReplicas" not in done["status"]


def the_scale_subresource_scales(bench: Workbench) -> None:
    """GET shows spec and status; PATCH changes the Deployment."""
    bench.create("deployments", deployment(bench, "web", replicas=1))
    bench.settled("web")
    path = bench.path("deployments", "web/scale")
    scale = bench.admin.get(path).expect(200)
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"]["replicas"], scale["status"]["selector"]) == (1, "app=web")
    bench.patch("deployments", "web/scale", {"spec": {"replicas": REPLICAS}}).expect(200)
    assert bench.read("deployments", "web")["spec"]["replicas"] == REPLICAS
    bench.settled("web")


def a_paused_deployment_does_not_roll(bench: Workbench) -> None:
    """Progressing is Unknown/DeploymentPaused and the new template waits."""
    bench.create("deployments", deployment(bench, "web"))
    first = bench.settled("web")
    bench.patch("deployments", "web", {"spec": {"paused": True}}).expect(200)
    bench.eventually(
        lambda: (
            condition(bench.read("deployments", "web"), "Progressing").get("reason")
            == "DeploymentPaused"
        ),
        "the pause",
    )
    _template(bench, "web", change="1")
    bench.eventually(
        lambda: bench.read("deployments", "web")["status"]["observedGeneration"] == 3,  # noqa: PLR2004  # pause and change
        "the change to be seen",
    )
    paused = bench.read("deployments", "web")
    assert "updatedReplicas" not in paused["status"]
    assert len(_owned(bench, "replicasets", first["metadata"]["uid"])) == 1
    bench.patch("deployments", "web", {"spec": {"paused": False}}).expect(200)
    bench.settled("web")
    assert len(_owned(bench, "replicasets", first["metadata"]["uid"])) > 1


def a_relabelled_pod_is_orphaned_and_replaced(bench: Workbench) -> None:
    """The ReplicaSet lets it go and makes another; the orphan goes on running."""
    bench.create("deployments", deployment(bench, "web"))
    bench.settled("web")
    victim = bench.items("pods", labelSelector="app=web")[0]["metadata"]["name"]
    bench.patch("pods", victim, {"metadata": {"labels": {"app": "elsewhere"}}}).expect(200)
    bench.eventually(
        lambda: not bench.read("pods", victim)["metadata"].get("ownerReferences"), "the release"
    )
    bench.eventually(
        lambda: len(bench.items("pods", labelSelector="app=web")) == REPLICAS,
        "the replacement",
    )
    bench.settled("web")
    assert bench.read("pods", victim)["status"]["phase"] == "Running"


def a_deleted_pod_comes_back_as_another(bench: Workbench) -> None:
    """Same count, new uid."""
    bench.create("deployments", deployment(bench, "web", replicas=1))
    bench.settled("web")
    (before,) = bench.items("pods", labelSelector="app=web")
    bench.delete("pods", before["metadata"]["name"]).expect(200)

    def look() -> Json | None:
        found = [
            one
            for one in bench.items("pods", labelSelector="app=web")
            if one["metadata"]["uid"] != before["metadata"]["uid"]
        ]
        return found[0] if found else None

    assert bench.eventually(look, "another pod")["metadata"]["name"] != before["metadata"]["name"]


def deleting_in_the_background_collects_the_children(bench: Workbench) -> None:
    """ReplicaSets and pods follow their Deployment."""
    bench.create("deployments", deployment(bench, "web"))
    bench.settled("web")
    bench.delete("deployments", "web").expect(200)
    bench.admin.get(bench.path("deployments", "web")).expect(404)
    bench.eventually(lambda: not bench.items("replicasets"), "the ReplicaSets to go")
    bench.eventually(lambda: not bench.items("pods"), "the pods to go")


def deleting_with_orphan_leaves_the_children(bench: Workbench) -> None:
    """The ReplicaSet stays, without an owner, and keeps its pods."""
    bench.create("deployments", deployment(bench, "web"))
    bench.settled("web")
    bench.delete("deployments", "web", propagation="Orphan").expect(200)
    bench.eventually(
        lambda: bench.admin.get(bench.path("deployments", "web")).status == 404,  # noqa: PLR2004  # gone
        "the Deployment to go",
    )
    (left,) = bench.items("replicasets")
    assert not left["metadata"].get("ownerReferences")
    assert len(bench.items("pods", labelSelector="app=web")) == REPLICAS


def a_quota_refuses_pods_before_they_exist(bench: Workbench) -> None:
    """No pod is pending: the ReplicaSet and the Deployment say ReplicaFailure/FailedCreate."""
    quota = {
        "kind": "ResourceQuota",
        "apiVersion": "v1",
        "metadata": {"name": "memory"},
        "spec": {"hard": {"requests.memory": _MEMORY_QUOTA}},
    }
    bench.create("resourcequotas", quota)
    manifest = deployment(bench, "web", replicas=1)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"memory": "64Mi"}}
    bench.create("deployments", manifest)
    found = bench.eventually(
        lambda: condition(bench.read("deployments", "web"), "ReplicaFailure") or None,
        "the ReplicaFailure condition",
    )
    assert (found["status"], found["reason"]) == ("True", "FailedCreate")
    assert "exceeded quota: memory, requested: requests.memory=64Mi" in found["message"]
    assert bench.items("pods") == []
    bench.delete("resourcequotas", "memory").expect(200)
    bench.settled("web")


FACTS = (
    a_deployment_rolls_out,
    a_new_template_makes_a_new_replica_set,
    a_roll_back_reuses_the_old_replica_set,
    scaled_to_zero_looks_healthy,
    the_scale_subresource_scales,
    a_paused_deployment_does_not_roll,
    a_relabelled_pod_is_orphaned_and_replaced,
    a_deleted_pod_comes_back_as_another,
    deleting_in_the_background_collects_the_children,
    deleting_with_orphan_leaves_the_children,
    a_quota_refuses_pods_before_they_exist,
)
"""All facts of this file."""
