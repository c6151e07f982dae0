"""What agents send by mistake is refused as the API server refuses it, and breaks nothing."""

import httpx2
import pytest

from guardrails.testing import SimCluster

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


def _manifest(**spec: object) -> dict[str, object]:
    full = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        },
    }
    return {"metadata": {"name": "other"}, "spec": {**full, **spec}}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"metadata": {"name": "x"}}, 422, "spec.selector: Required value"),
        ({"metadata": {"name": "x"}, "spec": None}, 422, "spec.selector: Required value"),
        ({"metadata": None}, 422, "name or generateName is required"),
        ({"metadata": "x"}, 400, "cannot be handled as a Deployment"),
        ([1, 2], 400, "not an object"),
        (_manifest(replicas="3"), 400, "$.spec.replicas"),
        (_manifest(replicas=-1), 422, "must be greater than or equal to 0"),
        (_manifest(template={"spec": {"containers": "x"}}), 400, "$.spec.template.spec.containers"),
        (_manifest(strategy={"rollingUpdate": {"maxSurge": "a"}}), 422, "valid percent string"),
    ],
)  # fmt: skip
def test_a_malformed_deployment_is_refused(
    sim: SimCluster, http: httpx2.Client, body: object, status: int, says: str
) -> None:
    """400 for what does not decode, 422 for what does not validate; the cluster goes on."""
    answer = http.post(DEPLOYMENTS, json=body)
    assert (answer.status_code, answer.json()["kind"]) == (status, "Status")
    assert says in answer.json()["message"]
    sim.settle()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/namespaces/shop/services", {"spec": {"ports": [{"port": "http"}]}}),
        ("/api/v1/namespaces/shop/pods", {"spec": {"containers": [{"name": "a"}]}}),
        ("/api/v1/namespaces/shop/configmaps", {"data": {"a": 1}}),
        ("/api/v1/namespaces/shop/resourcequotas", {"spec": {"hard": {"pods": "many"}}}),
        ("/apis/batch/v1/namespaces/shop/jobs", {}),
        ("/apis/policy/v1/namespaces/shop/poddisruptionbudgets", {"spec": {"minAvailable": "x"}}),
        ("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", {}),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {}),
    ],
)  # fmt: skip
def test_a_malformed_object_of_any_kind_is_refused(
    sim: SimCluster, http: httpx2.Client, path: str, body: dict[str, object]
) -> None:
    """None of them reaches a controller, which would stop the cluster."""
    answer = http.post(path, json={"metadata": {"name": "x"}, **body})
    assert answer.status_code in (400, 422)
    assert answer.json()["reason"] in ("BadRequest", "Invalid")
    sim.settle()


@pytest.mark.parametrize(
    ("content_type", "patch", "status"),
    [
        (MERGE, "[1]", 400),
        (MERGE, '{"spec": "x"}', 422),
        (MERGE, '{"spec": {"replicas": "x"}}', 422),
        (JSON_PATCH, '{"op": "add"}', 400),
        (JSON_PATCH, '[{"op": "grow", "path": "/spec"}]', 400),
        (JSON_PATCH, '[{"op": "remove", "path": "/spec/nope"}]', 422),
        (JSON_PATCH, '[{"op": "test", "path": "/spec/replicas", "value": 9}]', 422),
        ("application/apply-patch+yaml", "- 1", 400),
    ],
)  # fmt: skip
def test_a_malformed_patch_is_refused(
    sim: SimCluster, http: httpx2.Client, content_type: str, patch: str, status: int
) -> None:
    """400 for what is no patch, 422 for one that does not apply; nothing changes."""
    before = sim.get("Deployment", "web", "shop")
    path = f"{DEPLOYMENTS}/web?fieldManager=test"
    answer = http.patch(path, content=patch, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert sim.get("Deployment", "web", "shop") == before


@pytest.mark.parametrize(
    "query",
    ["limit=x", "watch=1&timeoutSeconds=x", "continue=garbage", "labelSelector=a%20b",
     "fieldSelector=spec.nothing%3D1", "resourceVersion=x"],
)  # fmt: skip
def test_a_malformed_query_is_a_400(http: httpx2.Client, query: str) -> None:
    """The answer is a Status, on a connection that stays open."""
    answer = http.get(f"/api/v1/pods?{query}")
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


def test_a_scale_of_a_wrong_type_is_a_400(http: httpx2.Client) -> None:
    """Replicas are a number."""
    headers = {"Content-Type": MERGE}
    answer = http.patch(
        f"{DEPLOYMENTS}/web/scale", content='{"spec": {"replicas": "x"}}', headers=headers
    )
    assert answer.status_code == 400
