"""Names of Services in templates: gone, without the port, never one, and moved."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Workload
from guardrails.gates.kubernetes.dependencies import NAMED_SERVICES_EXIST as CHECK


def test_names_that_lead_somewhere(net: Any) -> None:
    """The Service is there, and has the port."""
    (found,) = net.judged(CHECK, net.shop(A="http://cart", B="cart:80", C="http://cart.shop.svc"))
    assert found.state is EvidenceState.SATISFIED
    assert found.observed.startswith("3 names")


@pytest.mark.parametrize(
    "value", ["http://crt", "crt:80", "http://crt.shop.svc:80", "tcp://crt:80"]
)
@pytest.mark.parametrize("known", [True, False], ids=["reference", "no reference"])
def test_an_address_of_no_service_is_violated(net: Any, value: str, known: bool) -> None:  # noqa: FBT001
    """It is an address beyond doubt."""
    (said,) = net.wrong(CHECK, net.shop(CART=value), before=net.shop() if known else None)
    assert "no Service crt in shop" in said


@pytest.mark.parametrize("value", ["http://cart:81", "cart:81", "grpc://cart.shop:81"])
def test_a_port_that_the_service_has_not_is_violated(net: Any, value: str) -> None:
    """With or without a reference."""
    (said,) = net.wrong(CHECK, net.shop(CART=value))
    assert "has no port 81; it has 80" in said


def test_a_port_in_the_variable_beside_counts(net: Any) -> None:
    """Host and port in two variables."""
    assert len(net.wrong(CHECK, net.shop(CART_HOST="cart", CART_PORT="81"))) == 1
    assert net.wrong(CHECK, net.shop(CART_HOST="cart", CART_PORT="80")) == []


def test_a_port_that_a_scheme_implies_needs_a_reference(net: Any) -> None:
    """The client may be told the port elsewhere."""
    now = net.shop(CART="https://cart")
    assert net.wrong(CHECK, now) == []
    before = net.with_(now, "Service")
    secure = {"name": "https", "port": 443, "targetPort": "http"}
    net.part(before, "Service", "cart")["spec"]["ports"] = [secure]
    assert len(net.wrong(CHECK, now, before=before)) == 1


@pytest.mark.parametrize(
    "value", ["http://shop.example.com", "http://x.elsewhere.svc", "s3://bucket", "10.0.0.1:80"]
)
def test_what_lies_outside_is_not_judged(net: Any, value: str) -> None:
    """Other domains, namespaces out of scope, and addresses."""
    assert net.wrong(CHECK, net.shop(X=value)) == []


def test_a_bare_word_is_no_service_until_it_was_one(net: Any) -> None:
    """`CART_HOST: crt` may be a name of the network's own."""
    now = net.shop(CART_HOST="crt")
    assert net.wrong(CHECK, now) == []
    assert len(net.wrong(CHECK, now, before=net.shop(CART_HOST="cart"))) == 1


def test_a_service_that_is_gone_is_missed_by_whom_it_served(net: Any) -> None:
    """Even where only a bare word names it."""
    now = net.shop(CART_HOST="cart")
    now["Service"] = [s for s in now["Service"] if s["metadata"]["name"] != "cart"]
    assert len(net.wrong(CHECK, now, before=net.shop(CART_HOST="cart"))) == 1


def test_what_was_named_in_vain_already_is_set_aside(net: Any) -> None:
    """Also in the incident's own workload."""
    now = net.shop(CART="http://crt", OTHER="http://cart:81")
    named = net.world.incident(workloads=(Workload(name="web", namespace="shop"),))
    assert net.wrong(CHECK, now, before=now, incident=named) == []
    assert len(net.aside(CHECK, now, before=now)) == 2


def test_a_host_and_a_number_in_arguments_may_be_anything(net: Any) -> None:
    """`user:1000` is no address; a URL is one."""
    now = net.shop()
    template = net.template("web", args=["--as", "user:1000"])
    net.part(now, "Deployment", "web")["spec"]["template"] = template
    assert net.wrong(CHECK, now) == []
    template["spec"]["containers"][0]["args"] = ["--cart=http://crt:80"]
    assert len(net.wrong(CHECK, now)) == 1


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "db.example"}]
)
def test_services_that_map_no_port_take_any(net: Any, spec: Any) -> None:
    """Clients of a headless Service talk to pods."""
    now = net.shop(CART="cart:9090")
    net.part(now, "Service", "cart")["spec"].update(spec)
    assert net.wrong(CHECK, now) == []


def test_a_workload_without_pods_calls_nobody(net: Any) -> None:
    """Scaled to zero it is judged elsewhere."""
    now = net.shop(CART="http://crt")
    net.part(now, "Deployment", "web")["spec"]["replicas"] = 0
    assert net.wrong(CHECK, now) == []


def test_without_services_nothing_is_said_to_be_missing(net: Any, world: Any) -> None:
    """A refused list is not an empty one."""
    look = world.look(net.shop(CART="http://crt"), failed={"Service": world.FORBIDDEN})
    assert [e.state for e in world.judge(CHECK, look)] == [EvidenceState.UNKNOWN]
