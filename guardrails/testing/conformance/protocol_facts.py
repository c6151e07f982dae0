"""Facts of the protocol beyond single objects: refusals of bad requests, tables, first events."""

from guardrails.testing.conformance.client import Json
from guardrails.testing.conformance.workbench import (
    JSON_PATCH,
    MERGE,
    Workbench,
    config_map,
    deployment,
)


def a_field_of_a_wrong_type_is_a_400(bench: Workbench) -> None:
    """What does not decode is a BadRequest, before any validation."""
    broken = deployment(bench, "web", replicas=0)
    broken["spec"]["replicas"] = "three"
    answer = bench.admin.call("POST", bench.path("deployments"), body=broken)
    answer.expect(400)
    assert answer.reason == "BadRequest"
    assert "cannot be handled as a Deployment" in answer.message


def what_is_required_is_named(bench: Workbench) -> None:
    """An object without a spec is a 422 that says what is missing."""
    empty = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}}
    answer = bench.admin.call("POST", bench.path("deployments"), body=empty)
    fields = {cause["field"] for cause in answer.expect(422)["details"]["causes"]}
    assert {"spec.selector", "spec.template.spec.containers"} <= fields


def a_patch_of_a_stale_version_is_a_409(bench: Workbench) -> None:
    """A patch that carries a resourceVersion holds only for that version."""
    first = bench.create("configmaps", config_map("one", a="1"))
    bench.patch("configmaps", "one", {"data": {"a": "2"}}).expect(200)
    version = {"resourceVersion": first["metadata"]["resourceVersion"]}
    stale = bench.patch("configmaps", "one", {"metadata": version, "data": {"a": "3"}}, kind=MERGE)
    stale.expect(409)
    assert stale.reason == "Conflict"


def a_json_patch_that_does_not_apply_is_a_422(bench: Workbench) -> None:
    """A failed `test` changes nothing."""
    bench.create("configmaps", config_map("one", a="1"))
    operations = [
        {"op": "test", "path": "/data/a", "value": "9"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    bench.patch("configmaps", "one", operations, kind=JSON_PATCH).expect(422)
    assert bench.read("configmaps", "one")["data"] == {"a": "1"}


def a_continue_token_of_nobody_is_a_400(bench: Workbench) -> None:
    """Not an empty page."""
    bench.admin.get(bench.path("configmaps"), limit="1", **{"continue": "garbage"}).expect(400)


def an_object_can_be_asked_for_as_a_table(bench: Workbench) -> None:
    """Columns, and a row per object with its metadata."""
    bench.create("deployments", deployment(bench, "web", replicas=0))
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    found = bench.admin.call("GET", bench.path("deployments"), accept=accept).expect(200)
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    names = [column["name"] for column in found["columnDefinitions"]]
    assert names[:4] == ["Name", "Ready", "Up-to-date", "Available"]
    (row,) = found["rows"]
    assert row["cells"][:2] == ["web", "0/0"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "web"


def a_list_can_be_asked_for_as_metadata(bench: Workbench) -> None:
    """Without spec and status."""
    bench.create("deployments", deployment(bench, "web", replicas=0))
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    found = bench.admin.call("GET", bench.path("deployments"), accept=accept).expect(200)
    assert found["kind"] == "PartialObjectMetadataList"
    (item,) = found["items"]
    assert item["metadata"]["name"] == "web"
    assert "spec" not in item


def a_watch_can_begin_with_what_is_there(bench: Workbench) -> None:
    """`sendInitialEvents`: the objects as ADDED, then a bookmark that says that was all."""
    bench.create("configmaps", config_map("one", labels={"set": "c"}))
    params = {
        "watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true", "timeoutSeconds": "10", "labelSelector": "set=c",
    }  # fmt: skip
    seen: list[Json] = []
    with bench.admin.lines(bench.path("configmaps"), **params) as events:
        for event in events:
            seen.append(event)
            if event["type"] == "BOOKMARK":
                break
    assert [event["type"] for event in seen] == ["ADDED", "BOOKMARK"]
    annotations = seen[-1]["object"]["metadata"]["annotations"]
    assert annotations["k8s.io/initial-events-end"] == "true"


FACTS = (
    a_field_of_a_wrong_type_is_a_400,
    what_is_required_is_named,
    a_patch_of_a_stale_version_is_a_409,
    a_json_patch_that_does_not_apply_is_a_422,
    a_continue_token_of_nobody_is_a_400,
    an_object_can_be_asked_for_as_a_table,
    a_list_can_be_asked_for_as_metadata,
    a_watch_can_begin_with_what_is_there,
)
"""All facts of this file."""
