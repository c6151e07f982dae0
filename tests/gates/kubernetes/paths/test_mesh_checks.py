"""Istio: who is turned away, who left the mesh, and routes that lead nowhere."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.kubernetes.meshpolicies import MESH_PERMITS
from guardrails.gates.kubernetes.meshroutes import MESH_ROUTES
from guardrails.gates.snapshot import Read, ReadStatus

AMBIENT = {"istio.io/dataplane-mode": "ambient"}
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["reference", "no reference"])


def meshed(net: Any, labels: Any = AMBIENT, **more: Any) -> Any:
    """The shop in the mesh."""
    now = net.shop()
    now["Namespace"] = [{"metadata": {"name": "shop", "labels": labels}}]
    return {**now, **more}


def item(net: Any, name: str, *, namespace: str = "shop", **spec: Any) -> Any:
    """An object of the mesh."""
    return {"metadata": net.world.metadata(name, namespace=namespace), "spec": spec}


def outside(now: Any, app: str = "web") -> Any:
    """Take an application's pods out of the mesh."""
    for pod in now["Pod"]:
        if pod["metadata"]["labels"]["app"] == app:
            pod["metadata"]["labels"]["istio.io/dataplane-mode"] = "none"
    return now


def test_a_namespace_that_left_the_mesh(net: Any) -> None:
    """All its pods stay healthy."""
    before = meshed(net)
    (said,) = net.wrong(MESH_PERMITS, meshed(net, {}), before=before)
    assert said == "shop: not set"
    assert net.wrong(MESH_PERMITS, before, before=meshed(net, {})) == []
    assert net.wrong(MESH_PERMITS, meshed(net, {"istio-injection": "enabled"}), before=before) == []


STRICT = {"mtls": {"mode": "STRICT"}}


@KNOWN
@pytest.mark.parametrize("namespace", ["shop", "istio-system"])
def test_strict_turns_away_a_client_outside_the_mesh(
    net: Any,
    known: bool,  # noqa: FBT001
    namespace: str,
) -> None:
    """The web names the cart, and has no proxy."""
    now = outside(meshed(net, PeerAuthentication=[item(net, "all", namespace=namespace, **STRICT)]))
    (said,) = net.wrong(MESH_PERMITS, now, before=outside(meshed(net)) if known else None)
    assert said == "all: STRICT turns away Deployment web, which is not in the mesh"


def test_strict_needs_proof_without_a_reference(net: Any) -> None:
    """Everybody known is in the mesh, or nobody known calls."""
    now = meshed(net, PeerAuthentication=[item(net, "all", **STRICT)])
    assert net.wrong(MESH_PERMITS, now) == []
    assert len(net.wrong(MESH_PERMITS, now, before=meshed(net))) == 1
    assert net.wrong(MESH_PERMITS, now, before=now) == []
    caller = outside(meshed(net, PeerAuthentication=[item(net, "all", **STRICT)]), "mailer")
    assert net.wrong(MESH_PERMITS, caller) == []
    assert len(net.aside(MESH_PERMITS, caller)) == 1


def test_strict_without_a_proxy_is_enforced_by_nobody(net: Any) -> None:
    """Policies of the mesh bind only who is in it."""
    now = meshed(net, {}, PeerAuthentication=[item(net, "all", **STRICT)])
    assert net.judged(MESH_PERMITS, now, before=meshed(net, {})) == []


IS_CART = {"matchLabels": {"app": "cart"}}
WEB = "cluster.local/ns/shop/sa/default"


@KNOWN
@pytest.mark.parametrize(
    "spec",
    [
        {"action": "DENY", "rules": [{}]},
        {"action": "DENY", "selector": IS_CART, "rules": [{}]},
        {"action": "DENY", "rules": [{"from": [{"source": {"namespaces": ["shop"]}}]}]},
        {"action": "DENY", "rules": [{"from": [{"source": {"principals": [WEB]}}]}]},
        {},
        {"selector": IS_CART},
        {"rules": [{"from": [{"source": {"principals": ["*/sa/other"]}}]}]},
        {"targetRefs": [{"kind": "Service", "name": "cart"}], "action": "DENY", "rules": [{}]},
    ],
)
def test_a_policy_that_plainly_denies(net: Any, known: bool, spec: Any) -> None:  # noqa: FBT001
    """Everybody, or a workload that names the Service."""
    now = meshed(net, AuthorizationPolicy=[item(net, "wall", **spec)])
    said = net.wrong(MESH_PERMITS, now, before=meshed(net) if known else None)
    assert [s.partition(":")[0] for s in said] == ["wall"]
    assert net.wrong(MESH_PERMITS, now, before=now) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"rules": [{"from": [{"source": {"principals": ["*/sa/default"]}}]}]},
        {"rules": [{"from": [{"source": {"notNamespaces": ["bank"]}}]}]},
        {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]},
        {"action": "DENY", "rules": [{"from": [{"source": {"ipBlocks": ["192.0.2.1"]}}]}]},
        {"action": "DENY", "selector": {"matchLabels": {"app": "x"}}, "rules": [{}]},
        {"action": "DENY"},
        {"action": "AUDIT", "rules": [{}]},
    ],
)
def test_a_policy_that_may_let_clients_through(net: Any, spec: Any) -> None:
    """Also one that shuts out a stranger, which may be the mend."""
    now = meshed(net, AuthorizationPolicy=[item(net, "wall", **spec)])
    assert net.wrong(MESH_PERMITS, now, before=meshed(net)) == []


def test_denying_some_paths_counts_only_when_it_is_new(net: Any) -> None:
    """Without a reference it may always have been so."""
    rules = [{"to": [{"operation": {"paths": ["/pay"]}}]}]
    now = meshed(net, AuthorizationPolicy=[item(net, "wall", action="DENY", rules=rules)])
    assert net.wrong(MESH_PERMITS, now) == []
    assert len(net.wrong(MESH_PERMITS, now, before=meshed(net))) == 1


def test_allowing_nothing_beside_an_allowance_is_good_practice(net: Any) -> None:
    """Allowances add up."""
    allow = item(net, "allow", rules=[{"from": [{"source": {"namespaces": ["shop"]}}]}])
    now = meshed(net, AuthorizationPolicy=[item(net, "nothing"), allow])
    assert net.wrong(MESH_PERMITS, now, before=meshed(net)) == []


def routed(net: Any, *, subsets: Any = None, **route: Any) -> Any:
    """The shop with one VirtualService, and subsets of the cart."""
    rules = [] if subsets is None else [item(net, "cart", host="cart", subsets=subsets)]
    web = item(net, "cart", hosts=["cart"], http=[route])
    return {**net.shop(), "VirtualService": [web], "DestinationRule": rules}


def to(host: str, **more: Any) -> Any:
    """One destination."""
    return [{"destination": {"host": host, **more}}]


V1 = [{"name": "v1", "labels": {"app": "cart"}}]


@pytest.mark.parametrize(
    "route",
    [
        {"route": to("cart")},
        {"route": to("cart.shop.svc.cluster.local", port={"number": 80})},
        {"route": to("cart", subset="v1"), "subsets": V1},
        {"route": to("elsewhere.example.com")},
        {"route": [{**to("gone")[0], "weight": 0}, {**to("cart")[0], "weight": 100}]},
        {"route": to("cart"), "fault": {"abort": {"percentage": {"value": 0}, "httpStatus": 500}}},
    ],
)
def test_routes_that_lead_somewhere(net: Any, route: Any) -> None:
    """By short name, long name and subset; a weight of nothing asks for nothing."""
    found = net.judged(MESH_ROUTES, routed(net, **route))
    assert [e.state for e in found] == [EvidenceState.SATISFIED]


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ({"route": to("gone")}, "no Service gone in shop"),
        ({"route": to("cart", port={"number": 81})}, "has no port 81"),
        ({"route": to("cart", subset="v2"), "subsets": V1}, "no DestinationRule defines subset v2"),
        (
            {"route": to("cart", subset="v1"), "subsets": [{"name": "v1", "labels": {"v": "1"}}]},
            "subset v1 of Service cart has no ready pod",
        ),
        (
            {"route": to("cart"), "fault": {"abort": {"percentage": {"value": 50}}}},
            "injects a fault into 50 %",
        ),
        ({"route": to("cart"), "fault": {"delay": {"fixedDelay": "5s"}}}, "into 100 %"),
    ],
)
def test_routes_that_do_not(net: Any, route: Any, says: str) -> None:
    """Every pod is ready, and the requests fail."""
    (said,) = net.wrong(MESH_ROUTES, routed(net, **route))
    assert says in said


def test_plain_text_to_pods_that_accept_none(net: Any) -> None:
    """Each of the two objects is fine by itself."""
    now = net.shop()
    policy = {"tls": {"mode": "DISABLE"}}
    now["DestinationRule"] = [item(net, "cart", host="cart", trafficPolicy=policy)]
    assert net.wrong(MESH_ROUTES, now) == []
    now["PeerAuthentication"] = [item(net, "all", **STRICT)]
    (said,) = net.wrong(MESH_ROUTES, now)
    assert said == "cart: DISABLE, although all accepts mTLS only"


@pytest.mark.parametrize("check", [MESH_PERMITS, MESH_ROUTES])
def test_a_cluster_without_istio_says_nothing(net: Any, world: Any, check: Any) -> None:
    """No such kinds, so no such fault; a list that fails is unknown all the same."""
    kinds = ("PeerAuthentication", "AuthorizationPolicy", "VirtualService", "DestinationRule")
    absent = dict.fromkeys(kinds, Read(status=ReadStatus.NOT_SERVED))
    assert world.judge(check, world.look(net.shop(), failed=absent)) == []
    late = world.look(net.shop(), failed={"PeerAuthentication": world.TIMEOUT})
    assert [e.counts for e in world.judge(check, late)] == [True]
