"""A fault that was there when a snapshot was taken does not become what healthy looks like."""

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.gates.reference import choose_reference
from guardrails.gates.snapshot import ListKey, ObjectList, Snapshot

Objects = dict[str, list[dict[str, Any]]]
PROBE = {"httpGet": {"path": "/healthz", "port": 8080}}
POLICY = {
    "metadata": {"name": "deny", "namespace": "shop"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]},
}


def healthy(world: Any) -> Objects:
    """Two applications; the Deployment of the first says how its pods are checked and bounded."""
    objects = world.join(world.app("web"), world.app("cart"))
    objects["Deployment"][0]["spec"]["template"] = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "web:1",
                    "readinessProbe": PROBE,
                    "resources": {"limits": {"memory": "64Mi"}},
                }
            ]
        },
    }
    objects["NetworkPolicy"] = []
    return objects


def container(objects: Objects) -> dict[str, Any]:
    """The container of the first Deployment's template."""
    found: dict[str, Any] = objects["Deployment"][0]["spec"]["template"]["spec"]["containers"][0]
    return found


def scale(world: Any, objects: Objects, replicas: int) -> None:
    """Scale the first application, and let its controllers follow."""
    part = world.app("web", replicas)
    template = objects["Deployment"][0]["spec"]["template"]
    for kind, items in part.items():
        others = [x for x in objects[kind] if not x["metadata"]["name"].startswith("web")]
        objects[kind] = [*items, *others]
    objects["Deployment"][0]["spec"]["template"] = template


def set_ports(objects: Objects, target: Any) -> None:
    """Point the first Service elsewhere."""
    objects["Service"][0]["spec"]["ports"][0]["targetPort"] = target


FAULTS: dict[str, Callable[[Any, Objects], object]] = {
    "scaled to zero, its Service gone": lambda w, o: (scale(w, o, 0), o["Service"].pop(0)),
    "scaled to zero": lambda w, o: scale(w, o, 0),
    "scaled down": lambda w, o: scale(w, o, 1),
    "Deployment deleted": lambda w, o: o["Deployment"].pop(0),
    "Service deleted": lambda w, o: o["Service"].pop(0),
    "targetPort changed": lambda w, o: set_ports(o, 9999),
    "targetPort misnamed": lambda w, o: set_ports(o, "nope"),
    "selector of another application": lambda w, o: o["Service"][0]["spec"].update(
        selector={"app": "cart"}
    ),
    "selector changed": lambda w, o: o["Service"][0]["spec"].update(selector={"app": "nope"}),
    "probe removed": lambda w, o: container(o).pop("readinessProbe"),
    "limits removed": lambda w, o: container(o).pop("resources"),
    "command changed": lambda w, o: container(o).update(command=["sleep", "inf"]),
    "policy added": lambda w, o: o["NetworkPolicy"].append(POLICY),
    "paused": lambda w, o: o["Deployment"][0]["spec"].update(paused=True),
    "pods not ready": lambda w, o: [
        p["status"]["conditions"][3].update(status="False") for p in o["Pod"][:3]
    ],
}


def seen(world: Any, objects: Objects, minutes_ago: float) -> Snapshot:
    """A snapshot of some minutes ago that also holds the policies."""
    look: Snapshot = world.look(objects, at=-60 * minutes_ago)
    policies: ObjectList = world.listed("NetworkPolicy", objects["NetworkPolicy"], world.OK)
    kept = [x for x in look.lists if x.key.kind != "NetworkPolicy"]
    return msgspec.structs.replace(look, lists=(*kept, policies))


def incident(world: Any, fired_minutes_ago: float) -> Any:
    """An incident whose alert fired some minutes ago; its rule takes six minutes to notice."""
    alert = msgspec.structs.replace(
        world.ALERT, starts_at=world.AT - timedelta(minutes=fired_minutes_ago)
    )
    return world.incident(alerts=(alert,))


RULE_MINUTES = 6
"""`for` of 3 m, a range of 2 m, and two evaluations of 30 s: what `world.rule` needs."""


def with_rules(world: Any, look: Snapshot) -> Snapshot:
    """The same with the incident's rule loaded."""
    return msgspec.structs.replace(look, prometheus=world.alerts())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("before", [6.5, 12, 40, 59])
def test_a_fault_from_shortly_before_the_alert_is_not_normal(
    world: Any, fault: str, before: float
) -> None:
    """The newest snapshot holds it and may look healthy: an older one is taken, and it is said."""
    clean, broken = healthy(world), healthy(world)
    FAULTS[fault](world, broken)
    snapshots = [
        ("clean", with_rules(world, seen(world, clean, 5 + before + 10))),
        ("faulty", with_rules(world, seen(world, broken, 5 + before))),
    ]
    found = choose_reference(snapshots, incident(world, 5), start=seen(world, broken, 0))
    assert found.snapshot == snapshots[0][1]
    assert found.info.detail.startswith("clean; faulty passed over: ")


@pytest.mark.parametrize("fault", ["scaled down", "Service deleted", "probe removed"])
def test_what_was_lost_long_before_is_how_things_are(world: Any, fault: str) -> None:
    """Somebody meant it: the newer snapshot is the reference, and nobody is asked to undo it."""
    clean, changed = healthy(world), healthy(world)
    FAULTS[fault](world, changed)
    snapshots = [
        ("old", seen(world, clean, 600)),
        ("changed", seen(world, changed, 120)),
        ("new", seen(world, changed, 25)),
    ]
    found = choose_reference(snapshots, incident(world, 5), start=seen(world, changed, 0))
    assert found.info.detail == "new"


def test_a_workload_that_is_meant_to_be_at_zero_spoils_nothing(world: Any) -> None:
    """Nothing says how many replicas it should have, but it has long had none."""
    standby = healthy(world)
    scale(world, standby, 0)
    standby["Service"].pop(0)
    snapshots = [("old", seen(world, standby, 120)), ("new", seen(world, standby, 25))]
    assert choose_reference(snapshots, incident(world, 5)).info.detail == "new"
    alone = choose_reference(snapshots[1:], incident(world, 5))
    assert alone.snapshot is None
    assert "nothing from before tells whether it was so" in alone.info.detail


def test_a_loss_against_last_month_says_nothing_about_today(world: Any) -> None:
    """Between two recordings a month apart anything may have been meant."""
    fewer = healthy(world)
    scale(world, fewer, 1)
    snapshots = [("old", seen(world, healthy(world), 40_000)), ("new", seen(world, fewer, 25))]
    assert choose_reference(snapshots, incident(world, 5)).info.detail == "new"


@pytest.mark.parametrize(("before", "chosen"), [(7, "near"), (5, None)])
def test_the_rule_says_how_long_before_its_alert_a_fault_may_be(
    world: Any, before: float, chosen: str | None
) -> None:
    """`for`, range and evaluations of the rule that the snapshot holds."""
    near = with_rules(world, seen(world, healthy(world), 5 + before))
    found = choose_reference([("near", near)], incident(world, 5))
    assert (found.info.detail if found.snapshot else None) == chosen
    if chosen is None:
        assert f"taken {before}m before the alert, whose rule may take 6m" in found.info.detail


def test_a_long_range_does_not_rule_out_a_whole_day(world: Any) -> None:
    """A rate over three days fires within minutes of a bad fault."""
    slow = world.alerts(rules=(world.rule(query="rate(errors_total[3d]) > 0"),))
    look = msgspec.structs.replace(seen(world, healthy(world), 90), prometheus=slow)
    assert choose_reference([("old", look)], incident(world, 5)).snapshot == look


def test_without_the_rule_a_quarter_of_an_hour_is_taken(world: Any) -> None:
    """The longest `for` but one among rules about workloads."""
    looks = [(f"{m}", seen(world, healthy(world), m)) for m in (19, 21)]
    assert choose_reference(looks, incident(world, 5)).info.detail.startswith("21; 19 passed over")


def test_an_alert_that_is_active_says_itself_since_when(world: Any) -> None:
    """An incident that names an alert and no time: Prometheus knows when it became pending."""
    firing = world.alerts(world.firing("HighRequestErrorRate"))
    start = msgspec.structs.replace(seen(world, healthy(world), 0), prometheus=firing)
    looks = [(f"{m}", seen(world, healthy(world), m)) for m in (30, 61, 64)]
    found = choose_reference(looks, world.incident(alerts=(world.ALERT,)), start=start)
    assert found.info.detail.startswith("64; ")
    assert "30 passed over: taken at" in found.info.detail
    assert "61 passed over: taken 1m before the alert" in found.info.detail


def test_one_from_within_the_rules_time_serves_when_it_has_what_is_missing_now(world: Any) -> None:
    """Recorded by hand a minute before: it is older than what was lost since."""
    broken = healthy(world)
    FAULTS["Service deleted"](world, broken)
    near = with_rules(world, seen(world, healthy(world), 6))
    start = with_rules(world, seen(world, broken, 0))
    assert choose_reference([("near", near)], incident(world, 5), start=start).snapshot == near
    same = choose_reference([("near", near)], incident(world, 5), start=seen_again(near, world))
    assert (same.info.source, same.snapshot) == ("run-start", None)
    assert same.info.detail.startswith("near passed over: taken 1m before the alert")


def test_a_policy_of_the_mesh_since_then_is_a_difference(world: Any) -> None:
    """Also though it is listed across the cluster; those of other namespaces are not its own."""

    def denying(objects: Objects, minutes_ago: float, namespace: str | None = None) -> Snapshot:
        policy = {"metadata": {"name": "deny", "namespace": namespace}, "spec": {"rules": [{}]}}
        found = [policy] if namespace else []
        listed = world.listed("AuthorizationPolicy", found, world.OK)
        look = with_rules(world, seen(world, objects, minutes_ago))
        return msgspec.structs.replace(look, lists=(listed, *look.lists))

    near = denying(healthy(world), 6)
    for namespace, chosen in (("shop", near), ("elsewhere", None)):
        start = denying(healthy(world), 0, namespace)
        found = choose_reference([("near", near)], incident(world, 5), start=start)
        assert found.snapshot == chosen


@pytest.mark.parametrize(
    ("then", "now", "chosen"),
    [("ambient", None, True), (None, "ambient", True), ("ambient", "ambient", False)],
)
def test_a_label_of_the_namespace_since_then_is_a_difference(
    world: Any, then: str | None, now: str | None, *, chosen: bool
) -> None:
    """It puts the pods into a mesh, or takes them out; no other object shows that."""

    def labelled(minutes_ago: float, value: str | None) -> Snapshot:
        labels = {"istio.io/dataplane-mode": value} if value else {}
        mine = {"metadata": {"name": "shop", "labels": labels}}
        other = {"metadata": {"name": "else", "labels": {"at": str(minutes_ago)}}}
        listed = world.listed("Namespace", [mine, other], world.OK)
        look = with_rules(world, seen(world, healthy(world), minutes_ago))
        kept = [x for x in look.lists if x.key.kind != "Namespace"]
        return msgspec.structs.replace(look, lists=(listed, *kept))

    near = labelled(6, then)
    found = choose_reference([("near", near)], incident(world, 5), start=labelled(0, now))
    assert found.snapshot == (near if chosen else None)


def seen_again(look: Snapshot, world: Any) -> Snapshot:
    """The same a while later."""
    return msgspec.structs.replace(look, at=world.AT)


def test_a_loss_that_was_made_good_is_no_loss(world: Any) -> None:
    """Only the snapshot in which the Service was gone is passed over."""
    lost = healthy(world)
    FAULTS["Service deleted"](world, lost)
    snapshots = [
        ("settled", seen(world, healthy(world), 80)),
        ("lost", seen(world, lost, 25)),
        ("back", seen(world, healthy(world), 22)),
    ]
    assert choose_reference(snapshots, incident(world, 5)).info.detail == "back"
    undone = choose_reference(snapshots[:2], incident(world, 5))
    assert "since settled, service-kept Service web: does not exist" in undone.info.detail


moments = st.lists(st.integers(7, 300), min_size=1, max_size=8, unique=True)


@settings(max_examples=80)
@given(
    fault=st.sampled_from(sorted(FAULTS)),
    minutes_before=moments,
    put_in=st.floats(0.5, 66),
    deployed=st.none() | st.integers(7, 300),
)
def test_no_fault_becomes_the_reference_while_a_clean_one_is_there(
    world: Any, fault: str, minutes_before: list[int], put_in: float, deployed: int | None
) -> None:
    """Whenever the looks were, and whatever else was deployed.

    The fault was put in within an hour of the time that the rule needs.
    """
    plain = healthy(world)
    grown = healthy(world)
    grown["Deployment"][1]["spec"]["template"] = {
        "spec": {"containers": [{"name": "app", "image": "cart:2"}]}
    }
    snapshots: list[tuple[str, Snapshot]] = []
    for ago in minutes_before:
        objects = copy.deepcopy(grown if deployed is not None and ago <= deployed else plain)
        faulty = ago <= put_in
        if faulty:
            FAULTS[fault](world, objects)
        name = f"{ago} {'faulty' if faulty else 'clean'}"
        snapshots.append((name, with_rules(world, seen(world, objects, 5 + ago))))
    found = choose_reference(snapshots, incident(world, 5))
    name = found.info.detail.partition(";")[0]
    if any("clean" in n for n, _ in snapshots):
        assert found.snapshot is not None
        assert name.endswith("clean"), found.info.detail


def test_the_world_of_these_tests_is_healthy(world: Any) -> None:
    """So what is passed over in them is passed over for cause."""
    look = seen(world, healthy(world), 25)
    assert ListKey(kind="NetworkPolicy", namespace="shop") in [x.key for x in look.lists]
    assert choose_reference([("it", look)], incident(world, 5)).info.detail == "it"
