"""Services: the four states that six trusted tools call healthy, and their honest neighbours."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


def only(world: Any, app: Any, **more: Any) -> Any:
    """Judge the one Service there is."""
    (found,) = world.judge(SERVICE_REACHES_PODS, world.look(app), **more)
    return found


def undeclared(app: Any) -> Any:
    """Let the containers declare no port, as they may."""
    for pod in app["Pod"]:
        pod["spec"]["containers"][0]["ports"] = None
    return app


def test_a_service_that_reaches_its_pods(world: Any) -> None:
    """Selector, endpoints and port agree."""
    assert only(world, world.app()).state is SATISFIED


def test_a_selector_that_matches_nothing(world: Any) -> None:
    """The slice is kept, with null endpoints and null ports."""
    app = world.app()
    app["Service"][0]["spec"]["selector"] = {"app": "nope"}
    app["EndpointSlice"] = [world.endpoints("web", [])]
    found = only(world, app)
    assert (found.state, found.settles_by, found.field) == (VIOLATED, None, "spec.selector")


def test_a_numeric_target_port_that_no_container_declares(world: Any) -> None:
    """The endpoints are ready, on a port that nobody listens on."""
    app = world.app()
    app["Service"] = [world.service(target=9999)]
    app["EndpointSlice"] = [world.endpoints("web", ["web-1-0"], 9999)]
    found = only(world, app)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "9999" in found.observed
    assert "8080" in found.observed


def test_a_named_target_port_that_no_container_names(world: Any) -> None:
    """The endpoints are ready and the slice has no ports at all."""
    app = world.app()
    app["Service"] = [world.service(target="nosuch")]
    app["EndpointSlice"] = [world.endpoints("web", ["web-1-0"], None)]
    found = only(world, app)
    assert (found.state, found.settles_by) == (VIOLATED, None)
    assert "nosuch" in found.observed


def test_a_port_that_is_moved_together_with_its_pods_is_fine(world: Any) -> None:
    """Difference from the reference is no fault when the function is there."""
    before = world.reference(world.look(world.app(), at=-3600))
    app = world.app()
    app["Service"] = [world.service(target=9090)]
    for pod in app["Pod"]:
        pod["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 9090}]
    app["EndpointSlice"] = [world.endpoints("web", ["web-1-0", "web-1-1", "web-1-2"], 9090)]
    assert only(world, app, reference=before).state is SATISFIED


def test_a_namespace_without_services_says_so(world: Any) -> None:
    """No Service, and none known from before, is a fact of its own."""
    app = world.app()
    app["Service"], app["EndpointSlice"] = [], []
    assert only(world, app).state is SATISFIED


def test_containers_that_declare_nothing_may_listen(world: Any) -> None:
    """Declaring ports is optional; without a reference the number is believed."""
    app = undeclared(world.app())
    app["Service"] = [world.service(target=8080)]
    assert only(world, app).state is SATISFIED


def test_an_undeclared_port_that_changed_is_violated(world: Any) -> None:
    """Same images, another port than in the reference: nobody listens there."""
    old, new = undeclared(world.app()), undeclared(world.app())
    old["Service"] = [world.service(target=8080)]
    new["Service"] = [world.service(target=9999)]
    new["EndpointSlice"] = [world.endpoints("web", ["web-1-0"], 9999)]
    before = world.reference(world.look(old, at=-3600))
    assert only(world, new, reference=before).state is VIOLATED


def test_an_undeclared_port_may_change_with_the_image(world: Any) -> None:
    """Another image may listen elsewhere."""
    old, new = undeclared(world.app()), undeclared(world.app())
    old["Service"] = [world.service(target=8080)]
    new["Service"] = [world.service(target=9999)]
    new["EndpointSlice"] = [world.endpoints("web", ["web-1-0"], 9999)]
    for pod in new["Pod"]:
        pod["spec"]["containers"][0]["image"] = "web:2"
    before = world.reference(world.look(old, at=-3600))
    assert only(world, new, reference=before).state is SATISFIED


def test_pods_that_are_starting_are_waited_for(world: Any) -> None:
    """The selector matches; its pods are young."""
    app = world.app()
    for pod in app["Pod"]:
        pod["metadata"]["creationTimestamp"] = world.stamp(-5)
        pod["status"] = {"phase": "Pending", "conditions": None}
    app["EndpointSlice"] = [world.endpoints("web", [])]
    found = only(world, app)
    assert found.settles_by == world.AT + timedelta(seconds=115)


def test_endpoints_that_lag_behind_get_a_moment(world: Any) -> None:
    """Right after a selector is mended the slice is still empty."""
    app = world.app()
    app["EndpointSlice"] = [world.endpoints("web", [])]
    found = only(world, app)
    assert found.settles_by == world.AT + timedelta(seconds=15)


def test_endpoints_that_stay_behind_are_violated(world: Any) -> None:
    """When the gate has looked for longer, nobody is publishing them."""
    app = world.app()
    app["EndpointSlice"] = [world.endpoints("web", [])]
    (found,) = world.judge(SERVICE_REACHES_PODS, world.look(world.app(), at=-60), world.look(app))
    assert found.settles_by is not None
    assert found.settles_by < world.AT


def test_endpoints_of_other_pods_do_not_count(world: Any) -> None:
    """A slice that was written by hand does not stand in for the selected pods."""
    app = world.app()
    app["EndpointSlice"] = [world.endpoints("web", ["somebody-else"])]
    assert only(world, app).state is VIOLATED


def test_a_selector_switched_to_another_application_is_violated(world: Any) -> None:
    """Endpoints are ready, of pods that stood behind another Service all along."""
    both = world.join(world.app("web"), world.app("cart"))
    before = world.reference(world.look(both, at=-3600))
    now = world.join(both)
    now["Service"][0]["spec"]["selector"] = {"app": "cart"}
    now["EndpointSlice"][0] = world.endpoints("web", ["cart-1-0"])
    found = world.judge(SERVICE_REACHES_PODS, world.look(now), reference=before)
    wrong = [e for e in found if e.state is VIOLATED]
    assert [e.subject.name for e in wrong] == ["web"]
    assert "cart" in wrong[0].observed


def test_a_selector_switched_to_a_new_workload_is_fine(world: Any) -> None:
    """A workload may be replaced: that is an honest fix."""
    before = world.reference(world.look(world.app("web"), at=-3600))
    now = world.join(world.app("web"), world.app("web-v2"))
    now["Service"] = [now["Service"][0]]
    now["Service"][0]["spec"]["selector"] = {"app": "web-v2"}
    now["EndpointSlice"] = [world.endpoints("web", ["web-v2-1-0"])]
    assert only(world, now, reference=before).state is SATISFIED


def test_a_headless_service_maps_no_port(world: Any) -> None:
    """Clients of a headless Service get addresses, so its target port does not matter."""
    app = world.app()
    app["Service"][0]["spec"].update(clusterIP="None", ports=[{"port": 1, "targetPort": 1}])
    assert only(world, app).state is SATISFIED


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "ExternalName", "externalName": "db.example.org"},
        {"type": "ClusterIP", "clusterIP": "10.0.0.9", "selector": None, "ports": None},
    ],
)
def test_services_without_selector_are_no_fault(world: Any, spec: Any) -> None:
    """External names and hand-kept endpoints have no pods to reach."""
    service = {"metadata": world.metadata("db"), "spec": spec}
    assert only(world, {"Service": [service]}).state is SATISFIED


def test_hand_kept_endpoints_that_vanish_are_violated(world: Any) -> None:
    """They were there in the reference."""
    service = {"metadata": world.metadata("db"), "spec": {"clusterIP": "10.0.0.9"}}
    old = {"Service": [service], "EndpointSlice": [world.endpoints("db", ["outside"])]}
    before = world.reference(world.look(old, at=-3600))
    assert only(world, {"Service": [service]}, reference=before).state is VIOLATED


@pytest.mark.parametrize("kind", ["Service", "EndpointSlice", "Pod", "ReplicaSet"])
def test_without_its_lists_a_service_is_unknown(world: Any, kind: str) -> None:
    """Nothing is concluded from lists that could not be read."""
    look = world.look(world.app(), failed={kind: world.FORBIDDEN})
    assert [e.state for e in world.judge(SERVICE_REACHES_PODS, look)] == [UNKNOWN]
