"""Ingresses: backends, classes, and routes that are gone, moved, or led elsewhere."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.ingresses import INGRESS_ROUTES as CHECK


def routed(net: Any, *rules: Any, **more: Any) -> Any:
    """The shop behind one Ingress."""
    return net.with_(net.shop(), "Ingress", net.ingress(rules=list(rules), **more))


@pytest.mark.parametrize("port", [{"number": 80}, {"name": "http"}])
def test_routes_to_services_that_exist(net: Any, port: Any) -> None:
    """By the port's number or its name."""
    found = net.judged(CHECK, routed(net, net.rule("web", **port)))
    assert [e.state for e in found] == [EvidenceState.SATISFIED]


@pytest.mark.parametrize(
    ("service", "port", "says"),
    [
        ("nope", {"number": 80}, "Service nope does not exist"),
        ("web", {"number": 81}, "Service web has no port 81; it has 80 (http)"),
        ("web", {"name": "grpc"}, "Service web has no port grpc"),
    ],
)
def test_backends_that_are_not_there(net: Any, service: str, port: Any, says: str) -> None:
    """Nobody answers these requests."""
    (said,) = net.wrong(CHECK, routed(net, net.rule(service, **port)))
    assert says in said


def test_a_default_backend_is_a_route(net: Any) -> None:
    """It takes what no rule takes."""
    backend = {"service": {"name": "nope", "port": {"number": 80}}}
    (said,) = net.wrong(CHECK, routed(net, defaultBackend=backend))
    assert "nope" in said


def test_a_class_that_nobody_serves(net: Any, world: Any) -> None:
    """Told only when classes may be read."""
    now = routed(net, net.rule("web"), ingressClassName="nginx")
    assert "no IngressClass nginx" in net.wrong(CHECK, now)[0]
    classed = net.with_(now, "IngressClass", {"metadata": {"name": "nginx"}})
    assert net.wrong(CHECK, classed) == []
    look = world.look(now, failed={"IngressClass": world.FORBIDDEN})
    counted = [e for e in world.judge(CHECK, look) if e.counts]
    assert [e.state for e in counted] == [EvidenceState.SATISFIED]


def test_a_route_may_move_to_another_ingress(net: Any) -> None:
    """And a wider one to the same Service takes over; one that is gone is judged as a loss."""
    before = routed(net, net.rule("web", path="/a"))
    moved = net.with_(net.shop(), "Ingress", net.ingress("other", rules=[net.rule("web", host="")]))
    assert net.wrong(CHECK, moved, before=before) == []
    assert net.wrong(CHECK, net.shop(), before=before) == []


def test_a_route_led_to_another_application_is_a_loss(net: Any) -> None:
    """Both were there all along; a new Service is a replacement."""
    before = routed(net, net.rule("cart", path="/cart"))
    (said,) = net.wrong(CHECK, routed(net, net.rule("mailer", path="/cart")), before=before)
    assert "leads to Service mailer, of another application" in said
    new = net.world.service("cart-v2")
    now = net.with_(routed(net, net.rule("cart-v2", path="/cart")), "Service", new)
    assert net.wrong(CHECK, now, before=before) == []


def test_an_address_that_is_gone_settles(net: Any) -> None:
    """The controller writes it again."""
    before = routed(net, net.rule("web"))
    before["Ingress"][0]["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    (found,) = net.judged(CHECK, routed(net, net.rule("web")), before=before)
    assert (found.state, found.settles_by is None) == (EvidenceState.VIOLATED, False)


@pytest.mark.parametrize("kind", ["Ingress", "Service"])
def test_without_its_lists_a_route_is_unknown(net: Any, world: Any, kind: str) -> None:
    """A refused list is not an empty one."""
    look = world.look(routed(net, net.rule("nope")), failed={kind: world.FORBIDDEN})
    assert [e.state for e in world.judge(CHECK, look)] == [EvidenceState.UNKNOWN]
