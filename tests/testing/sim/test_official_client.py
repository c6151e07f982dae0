"""The official `kubernetes` client finds in SimCluster what it finds in a cluster."""

import threading
from collections.abc import Callable

import pytest
from kubernetes import client, dynamic, watch
from kubernetes.client.exceptions import ApiException

from guardrails.testing import SimCluster

PAIR = {"metadata": {"name": "pair"}, "data": {"a": "1"}}


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


def _names(listed: object) -> list[str]:
    return [item.metadata.name for item in listed.items]


def test_every_served_kind_decodes(sim: SimCluster, api: client.ApiClient) -> None:
    """Nodes, pods, workloads, slices, events and autoscalers pass the client's models."""
    meta = {"name": "web", "namespace": "shop"}
    target = {"kind": "Deployment", "name": "web"}
    scaler = {"metadata": meta, "spec": {"maxReplicas": 3, "scaleTargetRef": target}}
    service = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    sim.apply({"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", **scaler})
    sim.apply({"kind": "Service", "apiVersion": "v1", "metadata": meta, "spec": service})
    sim.settle()
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    lists: dict[str, Callable[[], object]] = {
        "nodes": core.list_node,
        "pods": core.list_pod_for_all_namespaces,
        "events": core.list_event_for_all_namespaces,
        "services": core.list_service_for_all_namespaces,
        "deployments": apps.list_deployment_for_all_namespaces,
        "replicasets": apps.list_replica_set_for_all_namespaces,
        "slices": client.DiscoveryV1Api(api).list_endpoint_slice_for_all_namespaces,
        "scalers": client.AutoscalingV2Api(api).list_horizontal_pod_autoscaler_for_all_namespaces,
        "namespaces": core.list_namespace,
    }
    empty = [name for name, read in lists.items() if not read().items]
    assert empty == []


@pytest.mark.parametrize(
    ("selector", "count"),
    [("app=web", 2), ("app in(web,api)", 2), ("app notin (web)", 0), ("!old,app", 2),
     ("app!=web", 0), ("weight>1", 0)],
)  # fmt: skip
def test_label_selectors_select(
    sim: SimCluster, core: client.CoreV1Api, selector: str, count: int
) -> None:
    """Every form that the API server parses, also without a space before the set."""
    del sim
    assert len(core.list_namespaced_pod("shop", label_selector=selector).items) == count


def test_order_selectors_compare_numbers(core: client.CoreV1Api) -> None:
    """`>` and `<` compare whole numbers; a label that is none does not match."""
    for name, weight in (("light", "1"), ("heavy", "10"), ("odd", "x")):
        core.create_namespaced_config_map(
            "shop", {"metadata": {"name": name, "labels": {"weight": weight}}}
        )
    assert _names(core.list_namespaced_config_map("shop", label_selector="weight>1")) == ["heavy"]
    assert _names(core.list_namespaced_config_map("shop", label_selector="weight<2")) == ["light"]


def test_field_selectors_select(sim: SimCluster, core: client.CoreV1Api) -> None:
    """By phase, by node, by namespace, and negated."""
    pods = sim.objects("Pod")
    node = pods[0]["spec"]["nodeName"]
    on_node = [pod["metadata"]["name"] for pod in pods if pod["spec"]["nodeName"] == node]
    found = core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={node}")
    assert _names(found) == on_node
    assert not core.list_pod_for_all_namespaces(field_selector="status.phase!=Running").items
    assert not core.list_pod_for_all_namespaces(field_selector="metadata.namespace=x").items


def test_a_continue_token_expires(sim: SimCluster, core: client.CoreV1Api) -> None:
    """After a compaction the next page is 410 Expired, and a new list starts over."""
    page = core.list_namespaced_pod("shop", limit=1)
    assert len(page.items) == 1
    sim.store.compact()
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_pod("shop", limit=1, _continue=page.metadata._continue)
    assert refused.value.status == 410
    assert len(core.list_namespaced_pod("shop").items) == 2


def test_a_watch_resumes_at_a_version(core: client.CoreV1Api) -> None:
    """Only what happened since the list, in order."""
    core.create_namespaced_config_map("shop", PAIR)
    since = core.list_namespaced_config_map("shop").metadata.resource_version
    core.patch_namespaced_config_map("pair", "shop", {"data": {"a": "2"}})
    core.delete_namespaced_config_map("pair", "shop")
    seen = []
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_namespaced_config_map, "shop", resource_version=since, timeout_seconds=20
    ):
        seen.append((event["type"], (event["object"].data or {}).get("a")))
        if event["type"] == "DELETED":
            watcher.stop()
    assert seen == [("MODIFIED", "2"), ("DELETED", "2")]


def test_a_watch_from_a_compacted_version_is_410(sim: SimCluster, core: client.CoreV1Api) -> None:
    """The client gets 410 and must list again."""
    since = core.list_namespaced_config_map("shop").metadata.resource_version
    core.create_namespaced_config_map("shop", PAIR)
    sim.store.compact()
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, "shop", resource_version=since, timeout_seconds=20
    )
    with pytest.raises(ApiException) as refused:
        list(stream)
    assert refused.value.status == 410


@pytest.mark.parametrize(
    ("content_type", "patch", "data"),
    [
        ("application/json-patch+json", [{"op": "add", "path": "/data/b", "value": "2"}], "ab"),
        ("application/merge-patch+json", {"data": {"a": None, "c": "3"}}, "c"),
        ("application/strategic-merge-patch+json", {"data": {"d": "4"}}, "ad"),
        ("application/apply-patch+yaml", {"kind": "ConfigMap", "apiVersion": "v1",
         "metadata": {"name": "pair"}, "data": {"e": "5"}}, "ae"),
    ],
)  # fmt: skip
def test_each_patch_type_patches(
    core: client.CoreV1Api, content_type: str, patch: object, data: str
) -> None:
    """JSON patch, merge patch, strategic merge patch and server-side apply."""
    core.create_namespaced_config_map("shop", PAIR)
    manager = {"field_manager": "test"} if "apply" in content_type else {}
    done = core.patch_namespaced_config_map(
        "pair", "shop", patch, _content_type=content_type, **manager
    )
    assert "".join(sorted(done.data)) == data


def test_the_dynamic_client_applies(api: client.ApiClient) -> None:
    """Discovery leads it to the resource; apply creates and owns."""
    resource = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"kind": "ConfigMap", "apiVersion": "v1", **PAIR}
    done = resource.server_side_apply(body=body, namespace="shop", field_manager="test")
    assert done.metadata.managedFields[0].manager == "test"


@pytest.mark.parametrize(("policy", "left"), [("Foreground", 0), ("Background", 0), ("Orphan", 1)])
def test_deletion_propagates(
    sim: SimCluster, api: client.ApiClient, policy: str, left: int
) -> None:
    """Foreground and background take the ReplicaSet along, orphan leaves it."""
    apps = client.AppsV1Api(api)
    apps.delete_namespaced_deployment("web", "shop", propagation_policy=policy)
    sim.settle()
    assert not apps.list_namespaced_deployment("shop").items
    assert len(apps.list_namespaced_replica_set("shop").items) == left


def test_parallel_watchers_see_every_change_in_order(
    core: client.CoreV1Api, api: client.ApiClient
) -> None:
    """Eight watchers under four writers: each sees all writes, versions rising."""
    watchers, writers, each = 8, 4, 10
    since = core.list_namespaced_config_map("shop").metadata.resource_version
    seen: list[list[int]] = [[] for _ in range(watchers)]

    def follow(versions: list[int]) -> None:
        watcher = watch.Watch()
        mine = client.CoreV1Api(client.ApiClient(api.configuration))
        for event in watcher.stream(
            mine.list_namespaced_config_map, "shop", resource_version=since, timeout_seconds=30
        ):
            versions.append(int(event["object"].metadata.resource_version))
            if len(versions) == writers * each * 2:
                watcher.stop()

    def write(writer: int) -> None:
        mine = client.CoreV1Api(client.ApiClient(api.configuration))
        for number in range(each):
            name = f"c-{writer}-{number}"
            mine.create_namespaced_config_map("shop", {"metadata": {"name": name}})
            mine.delete_namespaced_config_map(name, "shop")

    threads = [threading.Thread(target=follow, args=(versions,)) for versions in seen]
    threads += [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [len(versions) for versions in seen] == [writers * each * 2] * watchers
    assert all(versions == sorted(set(versions)) for versions in seen)
