"""Facts of the API itself: errors, versions, conflicts, lists, pages, watches, patches."""

from collections.abc import Iterator

from guardrails.testing.conformance.client import Json
from guardrails.testing.conformance.workbench import (
    APPLY,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Workbench,
    config_map,
    deployment,
)


def a_missing_object_is_a_404_status(bench: Workbench) -> None:
    """The answer names the resource and the object, with reason NotFound."""
    answer = bench.admin.get(bench.path("configmaps", "nope"))
    body = answer.expect(404)
    assert (body["kind"], body["status"], answer.reason) == ("Status", "Failure", "NotFound")
    assert answer.message == 'configmaps "nope" not found'
    assert body["details"] == {"name": "nope", "kind": "configmaps"}
    grouped = bench.admin.get(bench.path("deployments", "nope"))
    assert grouped.message == 'deployments.apps "nope" not found'
    assert grouped.body["details"]["group"] == "apps"


def an_unknown_token_is_a_401(bench: Workbench) -> None:
    """A token that nobody issued gets Unauthorized, not an empty list."""
    answer = bench.nobody.get(bench.path("pods"))
    answer.expect(401)
    assert answer.reason == "Unauthorized"


def a_user_without_rights_gets_a_403(bench: Workbench) -> None:
    """The message names user, verb, resource, group and namespace."""
    listed = bench.stranger.get(bench.path("pods"))
    listed.expect(403)
    assert listed.reason == "Forbidden"
    assert listed.message.startswith("pods is forbidden: User ")
    tail = f'cannot list resource "pods" in API group "" in the namespace "{bench.namespace}"'
    assert listed.message.endswith(tail)
    named = bench.stranger.get(bench.path("deployments", "web"))
    assert named.message.startswith('deployments.apps "web" is forbidden: User ')
    wide = bench.stranger.get("/api/v1/nodes")
    assert wide.message.endswith('resource "nodes" in API group "" at the cluster scope')


def anyone_may_ask_what_they_may(bench: Workbench) -> None:
    """A SelfSubjectAccessReview answers every authenticated user."""
    review = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {
            "resourceAttributes": {
                "verb": "list", "resource": "pods", "namespace": bench.namespace
            }
        },
    }  # fmt: skip
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    mine = bench.admin.call("POST", path, body=review).expect(201)
    theirs = bench.stranger.call("POST", path, body=review).expect(201)
    assert (mine["status"]["allowed"], theirs["status"]["allowed"]) == (True, False)


def a_taken_name_is_a_409(bench: Workbench) -> None:
    """Creating twice answers AlreadyExists."""
    bench.create("configmaps", config_map("one", a="1"))
    again = bench.admin.call("POST", bench.path("configmaps"), body=config_map("one", a="1"))
    again.expect(409)
    assert again.reason == "AlreadyExists"
    assert again.message == 'configmaps "one" already exists'


def a_stale_write_is_a_409(bench: Workbench) -> None:
    """An update with an old resourceVersion answers Conflict and changes nothing."""
    first = bench.create("configmaps", config_map("one", a="1"))
    bench.patch("configmaps", "one", {"data": {"a": "2"}}).expect(200)
    stale = bench.admin.call("PUT", bench.path("configmaps", "one"), body=first)
    stale.expect(409)
    assert stale.reason == "Conflict"
    assert "the object has been modified" in stale.message
    assert bench.read("configmaps", "one")["data"] == {"a": "2"}


def an_invalid_object_is_a_422(bench: Workbench) -> None:
    """A Deployment whose selector misses its template is Invalid, with the field as cause."""
    broken = deployment(bench, "web")
    broken["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    answer = bench.admin.call("POST", bench.path("deployments"), body=broken)
    body = answer.expect(422)
    assert answer.reason == "Invalid"
    assert answer.message.startswith('Deployment.apps "web" is invalid: ')
    fields = [cause["field"] for cause in body["details"]["causes"]]
    assert "spec.template.metadata.labels" in fields


def an_object_is_born_with_identity(bench: Workbench) -> None:
    """Uid, creation time, resourceVersion, and generation 1 where the kind has one."""
    made = bench.create("deployments", deployment(bench, "web", replicas=0))
    meta = made["metadata"]
    assert meta["uid"]
    assert meta["creationTimestamp"].endswith("Z")
    assert int(meta["resourceVersion"]) > 0
    assert meta["generation"] == 1
    plain = bench.create("configmaps", config_map("one", a="1"))
    assert "generation" not in plain["metadata"]


def only_the_spec_moves_the_generation(bench: Workbench) -> None:
    """A label changes the resourceVersion, replicas change both."""
    made = bench.create("deployments", deployment(bench, "web", replicas=0))
    labelled = bench.patch("deployments", "web", {"metadata": {"labels": {"x": "y"}}}).expect(200)
    assert labelled["metadata"]["generation"] == made["metadata"]["generation"]
    assert labelled["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    scaled = bench.patch("deployments", "web", {"spec": {"minReadySeconds": 1}}).expect(200)
    assert scaled["metadata"]["generation"] == made["metadata"]["generation"] + 1


def a_write_that_changes_nothing_is_no_write(bench: Workbench) -> None:
    """A patch with the same values keeps the resourceVersion."""
    made = bench.create("configmaps", config_map("one", a="1"))
    same = bench.patch("configmaps", "one", {"data": {"a": "1"}}).expect(200)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def a_list_carries_its_kind_and_version(bench: Workbench) -> None:
    """The list has kind, apiVersion and resourceVersion; its items only themselves."""
    bench.create("configmaps", config_map("one", a="1"))
    listed = bench.admin.get(bench.path("configmaps")).expect(200)
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert int(listed["metadata"]["resourceVersion"]) > 0
    assert all("kind" not in item and "apiVersion" not in item for item in listed["items"])


def label_selectors_select(bench: Workbench) -> None:
    """Equality, inequality, sets and existence, joined by commas."""
    bench.create("configmaps", config_map("a", labels={"app": "a", "tier": "web", "set": "c"}))
    bench.create("configmaps", config_map("b", labels={"app": "b", "tier": "db", "set": "c"}))
    bench.create("configmaps", config_map("n", labels={"set": "c"}))
    for selector, names in {
        "app=a,set=c": ["a"],
        "app!=a,set=c": ["b", "n"],
        "app in (a,b),set": ["a", "b"],
        "app notin (a),set": ["b", "n"],
        "!app,set": ["n"],
        "tier,app==b": ["b"],
    }.items():
        found = bench.items("configmaps", labelSelector=selector)
        assert [item["metadata"]["name"] for item in found] == names, selector


def field_selectors_select(bench: Workbench) -> None:
    """By name on every kind; by an unknown field not at all."""
    bench.create("configmaps", config_map("a", x="1"))
    bench.create("configmaps", config_map("b", x="1"))
    found = bench.items("configmaps", fieldSelector="metadata.name=b")
    assert [item["metadata"]["name"] for item in found] == ["b"]
    wrong = bench.admin.get(bench.path("configmaps"), fieldSelector="data.x=1")
    wrong.expect(400)
    known = 'only "metadata.name", "metadata.namespace"'
    assert wrong.message == f'"data.x" is not a known field selector: {known}'
    of_pods = bench.admin.get(bench.path("pods"), fieldSelector="spec.x=1")
    of_pods.expect(400)
    assert of_pods.message == "field label not supported: spec.x"


def a_list_comes_in_pages(bench: Workbench) -> None:
    """`limit` and `continue` give every object once, at one resourceVersion."""
    for number in range(5):
        bench.create("configmaps", config_map(f"paged-{number}", n=str(number)))
    total = len(bench.items("configmaps"))
    names: list[str] = []
    versions: set[str] = set()
    params = {"limit": "2"}
    while True:
        page = bench.admin.get(bench.path("configmaps"), **params).expect(200)
        names += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] == total - len(names)
        bench.create("configmaps", config_map(f"late-{len(names)}"))
        params = {"limit": "2", "continue": token}
    assert len(names) == len(set(names)) == total
    assert len(versions) == 1


def a_patch_merges_as_its_type_says(bench: Workbench) -> None:
    """Strategic merge joins containers by name, merge patch replaces lists, JSON patch points."""
    bench.create("deployments", deployment(bench, "web", replicas=0))

    def containers(found: Json) -> list[Json]:
        return found["spec"]["template"]["spec"]["containers"]

    env = {"name": "app", "env": [{"name": "A", "value": "1"}]}
    spec = {"spec": {"template": {"spec": {"containers": [env]}}}}
    merged = bench.patch("deployments", "web", spec, kind=STRATEGIC).expect(200)
    assert containers(merged)[0]["image"] == bench.image
    assert containers(merged)[0]["env"] == [{"name": "A", "value": "1"}]
    second = {"name": "app", "env": [{"name": "B", "value": "2"}]}
    spec = {"spec": {"template": {"spec": {"containers": [second]}}}}
    merged = bench.patch("deployments", "web", spec, kind=STRATEGIC).expect(200)
    assert {one["name"] for one in containers(merged)[0]["env"]} == {"A", "B"}
    gone = {"name": "app", "env": [{"name": "A", "$patch": "delete"}]}
    spec = {"spec": {"template": {"spec": {"containers": [gone]}}}}
    merged = bench.patch("deployments", "web", spec, kind=STRATEGIC).expect(200)
    assert [one["name"] for one in containers(merged)[0]["env"]] == ["B"]
    pointer = "/spec/template/spec/containers/0/env/0/value"
    operations = [{"op": "test", "path": pointer, "value": "2"},
                  {"op": "replace", "path": pointer, "value": "3"}]  # fmt: skip
    merged = bench.patch("deployments", "web", operations, kind=JSON_PATCH).expect(200)
    assert containers(merged)[0]["env"] == [{"name": "B", "value": "3"}]
    nulled = {"metadata": {"labels": {"x": "1"}}, "spec": {"minReadySeconds": None}}
    merged = bench.patch("deployments", "web", nulled, kind=MERGE).expect(200)
    assert merged["metadata"]["labels"]["x"] == "1"
    incomplete = {"spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}}
    refused = bench.patch("deployments", "web", incomplete, kind=MERGE)
    refused.expect(422)


def an_unknown_patch_type_is_a_415(bench: Workbench) -> None:
    """The server names what it accepts."""
    bench.create("configmaps", config_map("one", a="1"))
    answer = bench.patch("configmaps", "one", {"data": {}}, kind="application/json")
    answer.expect(415)
    assert answer.reason == "UnsupportedMediaType"


def server_side_apply_remembers_who_set_what(bench: Workbench) -> None:
    """Another manager's field is a conflict unless forced; what a manager drops is removed."""
    path = bench.path("configmaps", "shared")

    def apply(manager: str, force: str = "false", **data: str) -> tuple[int, Json]:
        body = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "shared"}}
        if data:
            body["data"] = data
        params = {"fieldManager": manager, "force": force}
        done = bench.admin.call("PATCH", path, body=body, content_type=APPLY, params=params)
        return done.status, done.body

    status, made = apply("one", a="1", b="1")
    assert (status, made["data"]) == (201, {"a": "1", "b": "1"})
    managers = [entry["manager"] for entry in made["metadata"]["managedFields"]]
    assert managers == ["one"]
    status, body = apply("two", a="2")
    assert (status, body["reason"]) == (409, "Conflict")
    assert body["details"]["causes"][0]["reason"] == "FieldManagerConflict"
    assert body["details"]["causes"][0]["field"] == ".data.a"
    status, body = apply("two", force="true", a="2")
    assert (status, body["data"]) == (200, {"a": "2", "b": "1"})
    status, body = apply("one", c="1")
    assert (status, body["data"]) == (200, {"a": "2", "c": "1"})


def a_dry_run_leaves_no_trace(bench: Workbench) -> None:
    """`dryRun=All` answers as if, and stores nothing."""
    path = bench.path("configmaps")
    made = bench.admin.call("POST", path, body=config_map("ghost"), params={"dryRun": "All"})
    made.expect(201)
    bench.admin.get(bench.path("configmaps", "ghost")).expect(404)


def _until(events: Iterator[Json], kind: str) -> list[Json]:
    seen: list[Json] = []
    for event in events:
        if event["type"] != "BOOKMARK":
            seen.append(event)
        if event["type"] == kind:
            return seen
    raise AssertionError(f"the watch ended without {kind}: {seen}")


def a_watch_tells_what_changed_since(bench: Workbench) -> None:
    """From a list's resourceVersion: ADDED, MODIFIED, DELETED in order, with rising versions."""
    listed = bench.admin.get(bench.path("configmaps")).expect(200)
    bench.create("configmaps", config_map("one", a="1"))
    bench.patch("configmaps", "one", {"data": {"a": "2"}}).expect(200)
    bench.delete("configmaps", "one").expect(200)
    params = {
        "watch": "1", "resourceVersion": listed["metadata"]["resourceVersion"],
        "timeoutSeconds": "10", "fieldSelector": "metadata.name=one",
    }  # fmt: skip
    with bench.admin.lines(bench.path("configmaps"), **params) as events:
        seen = _until(events, "DELETED")
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))


def a_watch_follows_its_selector(bench: Workbench) -> None:
    """An object whose labels start to match is ADDED, one whose labels stop is DELETED."""
    bench.create("configmaps", config_map("one", labels={"on": "no"}))
    version = bench.admin.get(bench.path("configmaps")).body["metadata"]["resourceVersion"]
    bench.patch("configmaps", "one", {"metadata": {"labels": {"on": "yes"}}}).expect(200)
    bench.patch("configmaps", "one", {"metadata": {"labels": {"on": "no"}}}).expect(200)
    params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "10",
              "labelSelector": "on=yes"}  # fmt: skip
    with bench.admin.lines(bench.path("configmaps"), **params) as events:
        seen = _until(events, "DELETED")
    assert [event["type"] for event in seen] == ["ADDED", "DELETED"]


def a_watch_ends_when_asked(bench: Workbench) -> None:
    """`timeoutSeconds` closes the stream in an orderly way."""
    version = bench.admin.get(bench.path("secrets")).body["metadata"]["resourceVersion"]
    params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "1",
              "allowWatchBookmarks": "true", "labelSelector": "nobody=here"}  # fmt: skip
    with bench.admin.lines(bench.path("secrets"), **params) as events:
        seen = list(events)
    assert all(event["type"] == "BOOKMARK" for event in seen)


def a_version_from_the_future_is_refused(bench: Workbench) -> None:
    """A list at a resourceVersion that does not exist yet times out rather than lie."""
    answer = bench.admin.get(bench.path("configmaps"), resourceVersion="9000000000000")
    answer.expect(504)
    assert "Too large resource version" in answer.message


def discovery_names_the_resources(bench: Workbench) -> None:
    """Groups and resources with kinds, verbs and short names."""
    groups = bench.admin.get("/apis").expect(200)["groups"]
    assert {"apps", "discovery.k8s.io", "networking.k8s.io"} <= {one["name"] for one in groups}
    listed = bench.admin.get("/apis/apps/v1").expect(200)
    found = {one["name"]: one for one in listed["resources"]}
    assert found["deployments"]["kind"] == "Deployment"
    assert found["deployments"]["namespaced"] is True
    assert "deploy" in found["deployments"]["shortNames"]
    assert {"get", "list", "watch", "patch"} <= set(found["deployments"]["verbs"])
    assert "deployments/scale" in found


FACTS = (
    a_missing_object_is_a_404_status,
    an_unknown_token_is_a_401,
    a_user_without_rights_gets_a_403,
    anyone_may_ask_what_they_may,
    a_taken_name_is_a_409,
    a_stale_write_is_a_409,
    an_invalid_object_is_a_422,
    an_object_is_born_with_identity,
    only_the_spec_moves_the_generation,
    a_write_that_changes_nothing_is_no_write,
    a_list_carries_its_kind_and_version,
    label_selectors_select,
    field_selectors_select,
    a_list_comes_in_pages,
    a_patch_merges_as_its_type_says,
    an_unknown_patch_type_is_a_415,
    server_side_apply_remembers_who_set_what,
    a_dry_run_leaves_no_trace,
    a_watch_tells_what_changed_since,
    a_watch_follows_its_selector,
    a_watch_ends_when_asked,
    a_version_from_the_future_is_refused,
    discovery_names_the_resources,
)
"""All facts of this file."""
