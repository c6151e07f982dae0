"""NetworkPolicies by the letter of the API: selectors, peers, ports, directions, and their sum."""

from typing import Any

import msgspec
import pytest

from guardrails.gates.kubernetes.objects import NetworkPolicy
from guardrails.gates.kubernetes.reachability import (
    Party,
    Passage,
    Port,
    Walls,
    admits_outside,
    passage,
    reaches_dns,
)

WEB = Party(namespace="shop", labels={"app": "web"}, ports={"http": 8080})
CART = Party(namespace="shop", labels={"app": "cart"}, ports={"grpc": 9090})
BANK = Party(namespace="bank", labels={"app": "bank"})
HTTP = Port(number=8080)
OPEN, SHUT, UNCLEAR = Passage.OPEN, Passage.SHUT, Passage.UNCLEAR


def land(*specs: Any, **labels: dict[str, str]) -> Walls:
    """Policies of the shop, and the labels of namespaces."""
    policies = tuple(
        msgspec.json.decode(
            msgspec.json.encode({"kind": "NetworkPolicy", "spec": {"podSelector": {}, **spec}}),
            type=NetworkPolicy,
        )
        for spec in specs
    )
    return Walls(policies={"shop": policies}, labels=labels)


def into_web(*specs: Any, source: Party = CART, port: Port = HTTP, **labels: Any) -> Passage:
    """Whether the cart reaches the web."""
    return passage(land(*specs, **labels), source=source, target=WEB, port=port)


def allow(*peers: Any, ports: Any = None) -> Any:
    """A policy over all pods that lets some in."""
    return {"ingress": [{"from": list(peers) or None, "ports": ports}]}


IS_CART = {"podSelector": {"matchLabels": {"app": "cart"}}}
DENY: Any = {"policyTypes": ["Ingress"]}
NOT_WEB = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ([], OPEN),
        ([DENY], SHUT),
        ([{"policyTypes": ["Ingress"], "ingress": None}], SHUT),
        ([{}], SHUT),
        ([{"podSelector": NOT_WEB}], OPEN),
        ([{"podSelector": {"matchLabels": {"app": "web"}}}], SHUT),
        ([allow()], OPEN),
        ([{"ingress": [{}]}], OPEN),
        ([allow(IS_CART)], OPEN),
        ([allow({"podSelector": {"matchLabels": {"app": "other"}}})], SHUT),
        ([allow({"podSelector": NOT_WEB})], OPEN),
        ([DENY, allow(IS_CART)], OPEN),
        ([{"policyTypes": ["Egress"]}], SHUT),
        ([{"egress": [{}]}, DENY], SHUT),
        ([{"policyTypes": ["Egress"], "egress": [{}]}], OPEN),
    ],
)
def test_policies_add_up(specs: Any, expected: Passage) -> None:
    """Nothing selected is open; what is selected is closed but for the sum of allowances."""
    assert into_web(*specs) is expected


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"port": 8080}], OPEN),
        ([{"port": "http"}], OPEN),
        ([{"port": "grpc"}], SHUT),
        ([{"port": 8000, "endPort": 8100}], OPEN),
        ([{"port": 8081, "endPort": 8100}], SHUT),
        ([{"port": 8080, "protocol": "UDP"}], SHUT),
        ([{"protocol": "TCP"}], OPEN),
        ([{"port": 1}, {"port": 8080}], OPEN),
    ],
)
def test_ports_by_number_name_and_range(ports: Any, expected: Passage) -> None:
    """A name is looked up in the pods that are reached."""
    assert into_web(allow(ports=ports)) is expected


def test_egress_counts_at_the_sender() -> None:
    """An allowance to come in does not let anybody out."""
    shut = {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Egress"]}
    to_web = {**shut, "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}
    by_name = {**shut, "egress": [{"ports": [{"port": "http"}]}]}
    assert into_web(shut) is SHUT
    assert into_web(shut, to_web) is OPEN
    assert into_web(by_name) is OPEN


@pytest.mark.parametrize(
    ("peer", "labels", "expected"),
    [
        ({"namespaceSelector": {}}, {}, OPEN),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bank"}}}, {}, OPEN),
        ({"namespaceSelector": {"matchLabels": {"team": "money"}}}, {}, UNCLEAR),
        ({"namespaceSelector": {"matchLabels": {"team": "money"}}}, {"bank": {}}, SHUT),
        (
            {"namespaceSelector": {"matchLabels": {"team": "money"}}},
            {"bank": {"team": "money"}},
            OPEN,
        ),
        ({"namespaceSelector": {}, **IS_CART}, {}, SHUT),
        ({"podSelector": {}}, {}, SHUT),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {}, OPEN),
        ({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}, {}, UNCLEAR),
        ({"ipBlock": {"cidr": "192.0.2.0/24"}}, {}, UNCLEAR),
    ],
)
def test_peers_of_other_namespaces(peer: Any, labels: Any, expected: Passage) -> None:
    """Both selectors of a peer must match; a lone pod selector stays in the namespace."""
    assert into_web(allow(peer), source=BANK, **labels) is expected


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ([], True),
        ([DENY], False),
        ([allow(IS_CART)], False),
        ([allow({"namespaceSelector": {"matchLabels": {"a": "b"}}})], True),
        ([allow({"ipBlock": {"cidr": "192.0.2.0/24"}})], True),
        ([allow(ports=[{"port": 1}])], False),
    ],
)
def test_the_outside_is_whatever_is_not_the_namespace(specs: Any, expected: bool) -> None:  # noqa: FBT001
    """Load balancers and ingress controllers come from there."""
    assert admits_outside(land(*specs), WEB, HTTP) is expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, True),
        ({"ports": [{"port": 53, "protocol": "UDP"}]}, True),
        ({"ports": [{"port": 443}]}, False),
        ({"to": [{"podSelector": {}}]}, False),
        ({"to": [{"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]}, True),
        ({"to": [{"namespaceSelector": {}}], "ports": [{"port": 53}]}, True),
    ],
)
def test_names_need_the_way_to_the_dns_server(rule: Any, expected: bool) -> None:  # noqa: FBT001
    """Egress that leaves port 53 out of the namespace is enough."""
    assert reaches_dns(land({"policyTypes": ["Egress"], "egress": [rule]}), CART) is expected
    assert not reaches_dns(land({"policyTypes": ["Egress"]}), CART)
    assert reaches_dns(land(DENY), CART)
