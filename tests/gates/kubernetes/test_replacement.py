"""Workloads and Services that are gone, going, replaced or turned away."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Workload
from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS
from guardrails.gates.kubernetes.pods import PODS_READY
from guardrails.gates.kubernetes.replicas import REPLICAS_KEPT
from guardrails.gates.losses.services import SERVICE_KEPT
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.gates.standing import standing_of

SATISFIED, VIOLATED = EvidenceState.SATISFIED, EvidenceState.VIOLATED


def app(
    world: Any, name: str = "web", *, image: str = "registry.example:5000/shop/web:1", n: int = 3
) -> Any:
    """An application whose Deployment says what it runs, and is behind the Service `web`."""
    found = world.app(name, n)
    found["Deployment"][0]["spec"]["template"] = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }
    for pod in found["Pod"]:
        pod["metadata"]["labels"]["app"] = "web"
    if name != "web":
        found["Service"] = [world.service("web")]
        found["EndpointSlice"] = [
            world.endpoints("web", [p["metadata"]["name"] for p in found["Pod"]])
        ]
    return found


def about(world: Any, objects: Any, name: str, **more: Any) -> Any:
    """Return what is said of one workload."""
    found = world.judge(REPLICAS_KEPT, world.look(objects), **more)
    return next(e for e in found if e.subject.name == name)


def healthy(world: Any) -> Any:
    """A reference that had the application."""
    return world.reference(world.look(app(world), at=-3600))


@pytest.mark.parametrize("image", ["registry.example:5000/shop/web:2", "mirror/web@sha256:ab"])
def test_a_renamed_workload_is_no_loss(world: Any, image: str) -> None:
    """Of the same image, by whatever tag and registry, and as many."""
    found = about(world, app(world, "web-v2", image=image), "web", reference=healthy(world))
    assert (found.state, found.observed) == (
        SATISFIED,
        "replaced by Deployment web-v2, of the same image",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"image": "registry.example/nginx:1"},
        {"n": 2},
    ],
    ids=str,
)
def test_less_or_something_else_is_no_replacement(world: Any, change: Any) -> None:
    """Another image, or fewer replicas."""
    found = about(world, app(world, "web-v2", **change), "web", reference=healthy(world))
    assert (found.state, found.observed) == (VIOLATED, "does not exist")


def test_a_replacement_stands_behind_the_same_services(world: Any) -> None:
    """Otherwise it runs, and nobody reaches it."""
    apart = app(world, "web-v2")
    apart["Service"][0]["spec"]["selector"] = {"app": "other"}
    assert about(world, apart, "web", reference=healthy(world)).state is VIOLATED


def test_a_workload_that_was_there_before_replaces_nothing(world: Any) -> None:
    """A twin of the same image had its own work to do."""
    both = world.join(app(world), app(world, "web-v2"))
    before = world.reference(world.look(both, at=-3600))
    assert about(world, app(world, "web-v2"), "web", reference=before).state is VIOLATED


def test_a_workload_on_its_way_out_is_gone(world: Any) -> None:
    """A deletion in the foreground leaves everything healthy for a moment."""
    going = app(world)
    going["Deployment"][0]["metadata"]["deletionTimestamp"] = world.stamp(-1)
    assert about(world, going, "web", reference=healthy(world)).state is VIOLATED


def test_what_came_after_the_reference_may_go(world: Any) -> None:
    """It may be the trouble itself; it is reported, and held against nobody."""
    more = world.join(app(world), world.app("surge"))
    reference = world.reference(world.look(app(world), at=-3600), start=world.look(more, at=-60))
    found = about(world, app(world), "surge", reference=reference)
    named = world.incident(workloads=(Workload(name="surge"),))
    held = about(world, app(world), "surge", reference=reference, incident=named)
    assert [(e.state, e.counts) for e in (found, held)] == [(VIOLATED, False), (VIOLATED, True)]


def test_without_a_reference_what_was_there_must_stay(world: Any) -> None:
    """Nothing tells a rogue client from a worker that was always there."""
    start = world.reference(start=world.look(world.join(app(world), world.app("cart")), at=-60))
    found = about(world, app(world), "cart", reference=start)
    assert (found.state, found.counts) == (VIOLATED, True)


def test_pods_of_a_deleted_workload_are_waited_for(world: Any) -> None:
    """The garbage collector takes a moment, and a crashing pod of the old one is no fault."""
    left = app(world)
    left["Deployment"] = []
    left["Pod"] = left["Pod"][:1]
    left["Pod"][0]["status"]["containerStatuses"][0]["state"] = {
        "waiting": {"reason": "CrashLoopBackOff"}
    }
    (after_write,) = world.judge(PODS_READY, world.look(left), last_write_at=world.AT)
    (without,) = world.judge(PODS_READY, world.look(left))
    assert (after_write.state, after_write.settles_by) > (VIOLATED, world.AT)
    assert (without.state, without.settles_by) == (VIOLATED, None)


def test_a_service_waits_for_pods_that_are_being_made(world: Any) -> None:
    """Right after a scale-up nothing matches yet; without a write nothing is on its way."""
    empty = app(world)
    empty["Pod"] = []
    empty["EndpointSlice"] = [world.endpoints("web", [])]
    (after_write,) = world.judge(SERVICE_REACHES_PODS, world.look(empty), last_write_at=world.AT)
    (without,) = world.judge(SERVICE_REACHES_PODS, world.look(empty))
    assert after_write.settles_by > world.AT
    assert (without.state, without.settles_by) == (VIOLATED, None)


@pytest.mark.parametrize(
    "spec",
    [{"selector": None}, {"selector": None, "type": "ExternalName", "externalName": "x.example"}],
    ids=["no selector", "outside"],
)
def test_a_service_that_no_longer_follows_its_pods(world: Any, spec: Any) -> None:
    """Its endpoints stay as they were, ready, and lead nowhere when the pods are replaced."""
    turned = app(world)
    turned["Service"][0]["spec"].update(spec)
    (found,) = world.judge(SERVICE_REACHES_PODS, world.look(turned), reference=healthy(world))
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "Deployment web" in found.expected


def test_a_quirk_of_the_reference_does_not_excuse_a_loss(world: Any) -> None:
    """A Service whose port nobody declares worked before, so its deletion is no old trouble."""
    quirk = app(world)
    quirk["Service"][0]["spec"]["ports"][0]["targetPort"] = 9999
    reference = world.reference(world.look(quirk, at=-3600))
    scope = world.scope()
    standing = standing_of(reference, scope.incident, DEFAULT_CHECKS)
    gone = app(world)
    gone["Service"] = []
    counted = []
    for objects, check in ((quirk, SERVICE_REACHES_PODS), (gone, SERVICE_KEPT)):
        look = world.look(objects)
        evidence = world.judge(check, look, reference=reference)
        (found,) = standing.weigh(evidence, look, scope)
        counted.append((found.state, found.counts))
    assert counted == [(VIOLATED, False), (VIOLATED, True)]
