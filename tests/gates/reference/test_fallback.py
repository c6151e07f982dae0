"""What stands in for a snapshot that nobody recorded: revisions, last-applied, manifests."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from guardrails.core.evidence import Evidence, EvidenceState
from guardrails.errors import BaselineError
from guardrails.gates.alerts.server_age import ALERTMANAGER_SETTLED
from guardrails.gates.alerts.traffic import healthy_at
from guardrails.gates.checks import Reference
from guardrails.gates.kubernetes.configuration import CONFIGURATION_PRESENT
from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS
from guardrails.gates.kubernetes.objects import (
    DaemonSet,
    Deployment,
    KubeObject,
    Service,
    StatefulSet,
)
from guardrails.gates.kubernetes.replicas import REPLICAS_KEPT
from guardrails.gates.kubernetes.rollout import ROLLOUT_COMPLETE
from guardrails.gates.losses.services import SERVICE_KEPT
from guardrails.gates.reference import choose_among, read_manifests
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.gates.snapshot import AlertmanagerState, ObjectList, Snapshot
from guardrails.gates.standing import standing_of

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REVISION = "deployment.kubernetes.io/revision"
BROUGHT_BACK = "deployment.kubernetes.io/revision-history"


def template(image: str) -> dict[str, Any]:
    """A pod template of one container."""
    env = [{"name": "DB_PASSWORD", "value": "hunter2"}]
    container = {"name": "app", "image": image, "env": env, "readinessProbe": {"tcpSocket": {}}}
    return {
        "metadata": {"labels": {"app": "web", "pod-template-hash": "1"}},
        "spec": {"containers": [container]},
    }


def replicaset(world: Any, revision: int, image: str, hours_ago: float, **notes: str) -> Any:
    """A revision of the Deployment `web`, made some hours ago."""
    made = world.deployment(f"web-{revision}", 0)
    made["metadata"].update(
        creationTimestamp=world.stamp(-3600 * hours_ago),
        ownerReferences=world.owned_by("Deployment", "web"),
        annotations={REVISION: str(revision), **notes},
    )
    made["spec"]["template"] = template(image)
    return made


def old(item: dict[str, Any], world: Any) -> dict[str, Any]:
    """The same, made a week ago."""
    item["metadata"]["creationTimestamp"] = world.stamp(-7 * 86_400)
    return item


def aged(world: Any, *revisions: Any, newest: int) -> Any:
    """An application of a week, whose Deployment had these revisions."""
    app = world.app()
    deployment = old(app["Deployment"][0], world)
    deployment["metadata"]["annotations"][REVISION] = str(newest)
    deployment["spec"]["template"] = template("web:now")
    app["ReplicaSet"] = list(revisions)
    return app


def incident(world: Any) -> Any:
    """One whose alert fired now; its rule is not known, so it began a quarter of an hour ago."""
    return world.incident(alerts=(msgspec.structs.replace(world.ALERT, starts_at=world.AT),))


def remember(world: Any, start: Snapshot, *manifests: Any) -> Reference:
    """Choose, with nothing recorded."""
    return choose_among([], incident(world), start=start, manifests=manifests)


def held(reference: Reference, kind: type[KubeObject], name: str = "web") -> Any:
    """An object of the reference."""
    assert reference.snapshot is not None
    found = [x for x in reference.snapshot.objects(kind, "shop") if x.metadata.name == name]  # type: ignore[attr-defined]
    return found[0] if found else None


def image_of(item: Any) -> str:
    """The image of an object's template."""
    found: str = item.spec.template.spec.containers[0].image
    return found


def test_the_revision_of_before_tells_the_template(world: Any) -> None:
    """The one that was newest an hour before the incident began, and not the one of the fault."""
    revisions = [
        replicaset(world, 1, "web:1", 100),
        replicaset(world, 2, "web:2", 50),
        replicaset(world, 3, "web:broken", 0.5),
    ]
    found = remember(world, world.look(aged(world, *revisions, newest=3)))
    web = held(found, Deployment)
    assert (image_of(web), web.spec.template.metadata.labels) == ("web:2", {"app": "web"})
    assert (web.spec.replicas, web.status) == (None, type(web)().status)
    assert (found.info.source, found.partial) == ("history", True)
    assert found.info.detail == "revision history of 1 objects, as of 2026-01-01 10:45:00"


def test_literal_values_of_a_revision_are_not_kept(world: Any) -> None:
    """As in snapshots."""
    found = remember(world, world.look(aged(world, replicaset(world, 1, "web:1", 100), newest=1)))
    (variable,) = held(found, Deployment).spec.template.spec.containers[0].env
    assert variable.value.startswith("sha256:")


@pytest.mark.parametrize(
    ("rolled_minutes_ago", "brought_back", "expected"),
    [(10, "1", "web:2"), (500, "1", "web:1"), (10, "", "web:1")],
)
def test_a_roll_back_of_the_last_hour_is_seen_through(
    world: Any, rolled_minutes_ago: float, brought_back: str, expected: str
) -> None:
    """An old ReplicaSet became the newest revision: what it replaced was normal.

    A rollout that was only paused and resumed brings nothing back.
    """
    notes = {BROUGHT_BACK: brought_back} if brought_back else {}
    revisions = [
        replicaset(world, 3, "web:1", 100, **notes),
        replicaset(world, 2, "web:2", 50),
    ]
    app = aged(world, *revisions, newest=3)
    progress = app["Deployment"][0]["status"]["conditions"][1]
    progress["lastUpdateTime"] = world.stamp(-60 * rolled_minutes_ago)
    assert image_of(held(remember(world, world.look(app)), Deployment)) == expected


def test_a_fault_that_was_rolled_back_leaves_its_predecessor(world: Any) -> None:
    """The old one was current before, was replaced, and is current again."""
    revisions = [
        replicaset(world, 3, "web:1", 100, **{BROUGHT_BACK: "1"}),
        replicaset(world, 2, "web:broken", 0.3),
    ]
    app = aged(world, *revisions, newest=3)
    app["Deployment"][0]["status"]["conditions"][1]["lastUpdateTime"] = world.stamp(-60)
    assert image_of(held(remember(world, world.look(app)), Deployment)) == "web:1"


def test_what_is_new_or_not_remembered_is_left_out(world: Any) -> None:
    """A workload of the last hour may be the trouble; a revision without template says nothing."""
    young = aged(world, replicaset(world, 1, "web:1", 0.5), newest=1)
    young["Deployment"][0]["metadata"]["creationTimestamp"] = world.stamp(-1000)
    assert remember(world, world.look(young)).info.source == "run-start"
    bare = replicaset(world, 1, "web:1", 100)
    del bare["spec"]["template"]
    found = remember(world, world.look(aged(world, bare, newest=1)))
    assert (found.info.source, found.snapshot, found.partial) == ("run-start", None, False)


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_controller_revisions_tell_as_much(world: Any, kind: str) -> None:
    """StatefulSets and DaemonSets have no ReplicaSets."""
    item = old(world.deployment("web"), world)
    revisions = [
        {
            "metadata": world.metadata(
                f"web-{number}",
                ownerReferences=world.owned_by(kind, "web"),
                creationTimestamp=world.stamp(-3600 * hours),
            ),
            "revision": number,
            "data": {"spec": {"template": {"$patch": "replace", **template(f"web:{number}")}}},
        }
        for number, hours in ((1, 90), (2, 40), (3, 0.4))
    ]
    start = world.look({kind: [item]})
    extra: ObjectList = world.listed("ControllerRevision", revisions, world.OK)
    kept = [x for x in start.lists if x.key.kind != "ControllerRevision"]
    start = msgspec.structs.replace(start, lists=(*kept, extra))
    type_ = StatefulSet if kind == "StatefulSet" else DaemonSet
    assert image_of(held(remember(world, start), type_)) == "web:2"


def test_what_was_applied_tells_of_kinds_without_revisions(world: Any) -> None:
    """A Service that was edited by hand since."""
    app = world.app()
    service = old(app["Service"][0], world)
    declared = {"kind": "Service", "apiVersion": "v1", "spec": dict(service["spec"])}
    service["metadata"]["annotations"] = {APPLIED: json.dumps(declared)}
    service["spec"] = {**service["spec"], "selector": {"app": "nope"}}
    found = remember(world, world.look(app))
    assert held(found, Service).spec.selector == {"app": "web"}
    assert found.info.detail == "last-applied of 1 objects"


def test_what_was_applied_completes_a_revision(world: Any) -> None:
    """Replicas and strategy are in no revision."""
    app = aged(world, replicaset(world, 1, "web:1", 100), newest=1)
    spec = {"replicas": 4, "minReadySeconds": 7, "template": template("web:applied")}
    app["Deployment"][0]["metadata"]["annotations"][APPLIED] = json.dumps({"spec": spec})
    web = held(remember(world, world.look(app)), Deployment)
    assert (image_of(web), web.spec.replicas, web.spec.min_ready_seconds) == ("web:1", 4, 7)
    kept = world.look(app).objects(Deployment, "shop")[0].metadata.annotations.last_applied
    assert "hunter2" not in kept


def manifest(world: Any, replicas: Any = 3, **more: Any) -> dict[str, Any]:
    """A Deployment as people declare it."""
    made: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "template": template("web:declared"), **more},
    }
    if replicas is None:
        del made["spec"]["replicas"]
    return made


def service_manifest(**more: Any) -> dict[str, Any]:
    """A Service as people declare it."""
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": spec,
        **more,
    }


def written(tmp_path: Path, *documents: Any) -> list[Any]:
    """Write manifests into one file and read them."""
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return read_manifests([path])


def test_manifests_fill_in_what_history_does_not_know(world: Any, tmp_path: Path) -> None:
    """Object by object: the template is the revision's, replicas and Service are declared."""
    start = world.look(aged(world, replicaset(world, 1, "web:1", 100), newest=1))
    found = remember(world, start, *written(tmp_path, manifest(world, 5), service_manifest()))
    web = held(found, Deployment)
    assert (image_of(web), web.spec.replicas) == ("web:1", 5)
    assert held(found, Service).spec.selector == {"app": "web"}
    assert found.info.source == "history"
    assert found.info.detail.startswith(
        "revision history of 1 objects and manifests of 1 objects, as of"
    )


def test_manifests_alone_are_named_as_such(world: Any, tmp_path: Path) -> None:
    """Without a start, a time, or anything else."""
    found = choose_among([], world.incident(), manifests=written(tmp_path, manifest(world)))
    assert (found.info.source, found.info.detail) == ("manifests", "manifests of 1 objects")
    assert found.partial


def test_a_recorded_snapshot_comes_first(world: Any, tmp_path: Path) -> None:
    """Manifests say what was wished for, a snapshot what was."""
    from guardrails.gates.reference.folder import Candidate  # noqa: PLC0415

    recorded = Candidate.of("it", world.look(world.app(), at=-7200))
    declared = written(tmp_path, manifest(world))
    found = choose_among([recorded], incident(world), manifests=declared)
    assert (found.info.source, found.partial) == ("snapshot", False)


def judged(world: Any, check: Any, app: Any, reference: Reference) -> list[Evidence]:
    """What counts against nobody left out."""
    evidence: list[Evidence] = world.judge(check, world.look(app), reference=reference)
    return [e for e in evidence if e.counts and e.state is not EvidenceState.SATISFIED]


def test_a_declared_workload_and_service_must_be_there(world: Any, tmp_path: Path) -> None:
    """Deleted before anybody looked."""
    gone = world.app("cart")
    declared = written(tmp_path, manifest(world), service_manifest())
    reference = remember(world, world.look(gone), *declared)
    (workload,) = judged(world, REPLICAS_KEPT, gone, reference)
    (service,) = judged(world, SERVICE_KEPT, gone, reference)
    assert workload.observed == service.observed == "does not exist"


@pytest.mark.parametrize(
    ("declared", "live", "state"),
    [(3, 3, None), (3, 1, "violated"), (None, 1, None), (None, 0, "unknown")],
)
def test_declared_replicas_are_the_floor_where_they_are_declared(
    world: Any, tmp_path: Path, declared: int | None, live: int, state: str | None
) -> None:
    """What leaves them to an autoscaler says nothing, and not 1."""
    app = world.app(replicas=live)
    found = written(tmp_path, manifest(world, declared))
    reference = choose_among([], world.incident(), manifests=found)
    states = [e.state.value for e in judged(world, REPLICAS_KEPT, app, reference)]
    assert states == ([state] if state else [])


def test_an_autoscaler_that_nobody_declared_lowers_the_floor(world: Any, tmp_path: Path) -> None:
    """It was there when the run began."""
    app = world.app(replicas=2)
    app["HorizontalPodAutoscaler"] = [
        {
            "metadata": world.metadata("web"),
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "minReplicas": 2,
                "maxReplicas": 9,
            },
        }
    ]
    reference = remember(world, world.look(app), *written(tmp_path, manifest(world, 5)))
    assert judged(world, REPLICAS_KEPT, app, reference) == []


def test_a_partial_reference_excuses_nothing_and_knows_of_no_others(
    world: Any, tmp_path: Path
) -> None:
    """It has no pods, so nothing in it would be well; a workload that it lacks is not new."""
    both = world.join(world.app(), world.app("cart"))
    reference = remember(world, world.look(both), *written(tmp_path, manifest(world)))
    assert standing_of(reference, world.incident(), [SERVICE_REACHES_PODS]).broken == frozenset()
    assert not reference.knows("Deployment", "shop")
    (gone,) = judged(world, REPLICAS_KEPT, world.app(), reference)
    assert (gone.subject.name, gone.expected) == (  # type: ignore[union-attr]
        "cart",
        "exists (it was there when the run began)",
    )


def test_a_refused_list_was_not_granted_by_a_manifest(world: Any, tmp_path: Path) -> None:
    """That a kind is declared says nothing about who may read it."""
    reference = remember(world, world.look(world.app()), *written(tmp_path, manifest(world)))
    look = world.look(world.app(), failed={"Deployment": world.FORBIDDEN})
    found = world.judge(REPLICAS_KEPT, look, reference=reference)
    assert [e.temporary for e in found if e.state is EvidenceState.UNKNOWN] == [False]


def test_a_daemonset_on_no_node_is_judged_by_what_the_run_found(world: Any, tmp_path: Path) -> None:
    """A declared one has no number of nodes."""
    item = world.deployment("agent")
    item["status"] = {"observedGeneration": 1}
    declared = {**manifest(world), "kind": "DaemonSet"}
    declared["metadata"] = {"name": "agent", "namespace": "shop"}
    del declared["spec"]["replicas"]
    before = {**item, "status": {**item["status"], "desiredNumberScheduled": 3}}
    reference = remember(world, world.look({"DaemonSet": [before]}), *written(tmp_path, declared))
    (found,) = judged(world, ROLLOUT_COMPLETE, {"DaemonSet": [item]}, reference)
    assert found.state is EvidenceState.VIOLATED


def test_manifests_are_read_as_kubectl_would(world: Any, tmp_path: Path) -> None:
    """Folders with all below them, several documents, Lists, JSON; other kinds are skipped."""
    deep = tmp_path / "overlays" / "prod"
    deep.mkdir(parents=True)
    items = [service_manifest(), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    knative = {**service_manifest(), "apiVersion": "serving.knative.dev/v1"}
    (deep / "a.yaml").write_text("# only words\n---\n" + yaml.safe_dump_all([listed, knative]))
    (tmp_path / "b.json").write_text(json.dumps(manifest(world), indent="\t"))
    (tmp_path / "values.txt").write_text("not: [a manifest")
    found = read_manifests([tmp_path])
    assert sorted((type(d.item).__name__, d.item.metadata.name) for d in found) == [
        ("Deployment", "web"),
        ("Service", "web"),
    ]
    assert found[1].place.startswith(f"{deep / 'a.yaml'}:") or found[0].place


def test_a_manifest_without_a_namespace_is_for_the_scope(world: Any, tmp_path: Path) -> None:
    """Of one namespace: that one. Of several: where there is such an object. Others are left."""
    declared = written(tmp_path, service_manifest(), {**manifest(world), "metadata": {
        "name": "web", "namespace": "elsewhere"}})  # fmt: skip
    alone = choose_among([], world.incident(), manifests=declared)
    assert alone.info.detail == "manifests of 1 objects"
    two = world.incident(namespaces=("bank", "shop"))
    start = world.look(world.app())
    found = choose_among([], two, start=start, manifests=declared)
    assert held(found, Service) is not None


BROKEN: dict[str, tuple[str, str]] = {
    "template": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Values.name }}}\n",
        "all.yaml:3: a key must be text; if this is a template, render it first",
    ),
    "syntax": ("kind: Service\n\nspec: [\n", "all.yaml:3: not YAML"),
    "type": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: many\n",
        "all.yaml:6: Service: spec.ports[0].port: Expected `int`, got `str`",
    ),
    "name": ("apiVersion: v1\nkind: Service\nspec: {}\n", "all.yaml:1: Service without"),
    "kind": ("---\nreplicas: 3\n", "all.yaml:2: no kind"),
    "list": ("---\n- kind: Service\n", "all.yaml:2: a manifest is a mapping"),
    "items": ("kind: List\nitems: {}\n", "all.yaml:2: the items of a List are a list"),
    "merge": (
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  <<: {namespace: x}\n",
        "all.yaml:5: merge keys",
    ),
    "twice": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nmetadata: {name: b}\n",
        "all.yaml:4: metadata: stands twice, first on line 3",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_manifest_is_told_with_its_line(tmp_path: Path, case: str) -> None:
    """What is declared is not guessed at."""
    text, said = BROKEN[case]
    (tmp_path / "all.yaml").write_text(text)
    with pytest.raises(BaselineError) as told:
        read_manifests([tmp_path])
    assert said in str(told.value)
    assert ("helm template" in str(told.value)) is (case == "template")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "--reference"),
        (lambda p: p.mkdir(), "no .yaml, .yml or .json file in it"),
        (lambda p: p.write_bytes(b"kind: \xff\n"), ":1: not UTF-8 text"),
        (lambda p: p.with_suffix(".json").write_text("{"), "no such file"),
    ],
)
def test_paths_that_hold_no_manifest_are_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    """They were asked for."""
    path = tmp_path / "it.yaml"
    make(path)
    with pytest.raises(BaselineError, match=r"it\.yaml") as told:
        read_manifests([path])
    assert said in str(told.value)


def test_broken_json_is_told_with_its_line(tmp_path: Path) -> None:
    """By JSON's own words."""
    path = tmp_path / "it.json"
    path.write_text('{\n"kind": \n}')
    with pytest.raises(BaselineError, match=r"it\.json:3: not JSON"):
        read_manifests([path])


def test_history_reaches_only_before_the_incident(world: Any) -> None:
    """An alert of two days ago: the revision of yesterday is part of it."""
    alert = msgspec.structs.replace(world.ALERT, starts_at=world.AT - timedelta(days=2))
    revisions = [replicaset(world, 1, "web:1", 100), replicaset(world, 2, "web:2", 24)]
    start = world.look(aged(world, *revisions, newest=2))
    found = choose_among([], world.incident(alerts=(alert,)), start=start)
    assert image_of(held(found, Deployment)) == "web:1"


def test_a_partial_reference_adds_no_fault_to_a_healthy_world(world: Any, tmp_path: Path) -> None:
    """What it leaves out (defaults, policies, ConfigMaps, nodes) is not held against anybody."""
    app = world.join(world.app(), world.app("cart"))
    for item in app["Deployment"]:
        old(item, world)["spec"]["template"] = template(f"{item['metadata']['name']}:1")
    app["Deployment"][0]["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    # Reached from outside by an Ingress, and let in by a policy that no manifest holds.
    callers = [{"from": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}]
    app["NetworkPolicy"] = [
        {
            "metadata": world.metadata("callers"),
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": callers},
        }
    ]
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    app["Ingress"] = [
        {
            "metadata": world.metadata("web"),
            "spec": {"rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}]},
        }
    ]
    look = world.look(app)
    declared = {**manifest(world), "spec": {"replicas": 3, "template": template("web:1")}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    partial = choose_among(
        [],
        world.incident(),
        start=look,
        manifests=written(tmp_path, declared, service_manifest(), config),
    )
    assert partial.partial
    without = choose_among([], world.incident(), start=look)
    for check in DEFAULT_CHECKS:
        assert faults(world, check, look, partial) <= faults(world, check, look, without), check.id


def faults(world: Any, check: Any, look: Snapshot, reference: Reference) -> set[tuple[str, str]]:
    """What one check holds against the world: object and field."""
    return {
        (str(e.subject), e.field)
        for e in world.judge(check, look, reference=reference)
        if e.counts and e.state is EvidenceState.VIOLATED
    }


def test_a_missing_config_map_is_not_excused_by_manifests_that_lack_it(
    world: Any, tmp_path: Path
) -> None:
    """They need not declare every one."""
    needs = template("web:1")
    needs["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    app = world.app()
    app["Deployment"][0]["spec"]["template"] = needs
    declared = {**manifest(world), "spec": {"replicas": 3, "template": needs}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    partial = remember(world, world.look(app), *written(tmp_path, declared, config))
    (found,) = judged(world, CONFIGURATION_PRESENT, app, partial)
    assert "settings" in found.observed


def test_servers_and_rates_of_before_are_not_asked_of_manifests(world: Any, tmp_path: Path) -> None:
    """They carry no time at which anything was measured."""
    partial = choose_among([], world.incident(), manifests=written(tmp_path, manifest(world)))
    assert healthy_at(world.incident(), partial) is None
    server = AlertmanagerState(started_at=world.AT - timedelta(seconds=60))
    looks = [world.look(world.app(), alertmanager=server, prometheus=world.alerts())]
    assert [e.state for e in world.judge(ALERTMANAGER_SETTLED, *looks, reference=partial)] == [
        EvidenceState.SATISFIED
    ]
