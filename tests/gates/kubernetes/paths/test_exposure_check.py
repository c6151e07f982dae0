"""What Services offered and offer: losses, and what may move."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.exposure import SERVICE_EXPOSED as CHECK


def service(net: Any, objects: Any, **spec: Any) -> Any:
    """The shop with another spec of the cart's Service."""
    more = net.with_(objects, "Service")
    net.part(more, "Service", "cart")["spec"].update(spec)
    return more


def port(number: int, **more: Any) -> Any:
    """One port of a Service."""
    return {"name": f"p{number}", "port": number, "targetPort": "http", **more}


def test_a_service_as_it_was(net: Any) -> None:
    """Nothing is lost, and without a reference nothing can be told."""
    found = net.judged(CHECK, net.shop(), before=net.shop())
    assert {e.state for e in found} == {EvidenceState.SATISFIED}
    assert net.wrong(CHECK, net.shop()) == []


def test_a_port_that_is_gone_is_named(net: Any) -> None:
    """Whether it is a loss is judged elsewhere: nobody is known to have called it."""
    before = service(net, net.shop(), ports=[port(80), port(81)])
    now = service(net, net.shop(), ports=[port(80)])
    assert net.wrong(CHECK, now, before=before) == []
    assert net.aside(CHECK, now, before=before) == ["cart: 80"]


def test_a_port_may_move_together_with_its_callers(net: Any) -> None:
    """The web names the new one, and nobody the old."""
    now = service(net, net.shop(CART_URL="http://cart:8080"), ports=[port(8080)])
    assert net.aside(CHECK, now, before=net.shop()) == []


def test_a_port_that_a_caller_still_names_did_not_move(net: Any) -> None:
    """One of two callers was left behind."""
    values = {"CART_URL": "http://cart:8080", "OLD_CART_URL": "http://cart:80"}
    now = service(net, net.shop(**values), ports=[port(8080)])
    assert net.aside(CHECK, now, before=net.shop()) == ["cart: 8080"]


def test_a_node_port_is_an_address(net: Any) -> None:
    """Whoever uses it from outside knows the number."""
    before = service(net, net.shop(), type="NodePort", ports=[port(80, nodePort=30080)])
    for now in ([port(80, nodePort=30081)], [port(80)]):
        moved = service(net, net.shop(), type="NodePort", ports=now)
        assert len(net.wrong(CHECK, moved, before=before)) == 1
    assert net.wrong(CHECK, before, before=before) == []


def test_a_load_balancer_gets_minutes_for_its_address(net: Any, world: Any) -> None:
    """After that a lost address is a loss; one that never was is none."""
    now = service(net, net.shop(), type="LoadBalancer")
    before = net.with_(now, "Service")
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    net.part(before, "Service", "cart")["status"] = address
    write = {"last_write_at": world.AT - timedelta(seconds=20)}
    (lost,) = [e for e in net.judged(CHECK, now, before=before, **write) if e.observed[:2] == "no"]
    assert (lost.state, lost.settles_by) == (
        EvidenceState.VIOLATED,
        world.AT + timedelta(seconds=160),
    )
    assert net.wrong(CHECK, now, before=now) == []


def on_nodes(objects: Any, **nodes: str) -> Any:
    """Place the pods of applications on nodes, and their endpoints with them."""
    for pod in objects["Pod"]:
        pod["spec"]["nodeName"] = nodes.get(pod["metadata"]["labels"]["app"], "a")
    for part in objects["EndpointSlice"]:
        for endpoint in part["endpoints"] or ():
            endpoint["nodeName"] = nodes.get(endpoint["targetRef"]["name"].partition("-")[0], "a")
    return objects


def test_requests_that_must_stay_on_a_node_without_endpoints(net: Any) -> None:
    """The web runs on node a, the cart on node b."""
    now = on_nodes(service(net, net.shop(), internalTrafficPolicy="Local"), cart="b")
    (said,) = net.wrong(CHECK, now)
    assert "no ready endpoint on a" in said
    together = on_nodes(service(net, net.shop(), internalTrafficPolicy="Local"))
    assert net.wrong(CHECK, together) == []


@pytest.mark.parametrize(
    "spec",
    [{"internalTrafficPolicy": "Local"}, {"type": "NodePort", "externalTrafficPolicy": "Local"}],
)
def test_a_policy_that_became_local_must_cover_every_node(net: Any, spec: Any) -> None:
    """Nobody knows who calls the mailer; on node a nobody can any more."""
    before = net.shop()
    net.part(before, "Service", "mailer")["spec"]["type"] = spec.get("type", "ClusterIP")
    now = on_nodes(net.with_(before, "Service"), mailer="b")
    net.part(now, "Service", "mailer")["spec"].update(spec)
    (said,) = net.wrong(CHECK, now, before=before)
    assert said.startswith("mailer: Local, and no ready endpoint on a")
    assert net.wrong(CHECK, now, before=now) == []


def test_without_its_lists_a_service_is_unknown(net: Any, world: Any) -> None:
    """A refused list is not an empty one."""
    look = world.look(net.shop(), failed={"Service": world.FORBIDDEN})
    assert [e.state for e in world.judge(CHECK, look)] == [EvidenceState.UNKNOWN]
