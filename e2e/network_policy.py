"""Whether NetworkPolicies let a packet through, as their specification says.

A pod that no policy selects for a direction takes everything; one that is selected takes only
what some rule of some selecting policy allows.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from e2e.objects import ApiStruct, LabelSelector, Metadata, Pod

EVERYTHING = LabelSelector()


class IPBlock(ApiStruct, frozen=True, kw_only=True, rename={"except_": "except"}):
    """Addresses in a range, less some."""

    cidr: str
    except_: tuple[str, ...] = ()


class PolicyPeer(ApiStruct, frozen=True, kw_only=True):
    """Who may be at the other end."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class PolicyPort(ApiStruct, frozen=True, kw_only=True):
    """Which port may be used; without a number, any."""

    port: int | str | None = None
    end_port: int | None = None


class PolicyRule(ApiStruct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One `ingress` or `egress` rule; no peers, or no ports, means all of them."""

    from_: tuple[PolicyPeer, ...] = ()
    to: tuple[PolicyPeer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class PolicySpec(ApiStruct, frozen=True, kw_only=True):
    """What a policy selects and allows."""

    pod_selector: LabelSelector = EVERYTHING
    policy_types: tuple[str, ...] = ()
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()


class NetworkPolicy(ApiStruct, frozen=True, kw_only=True):
    """A NetworkPolicy."""

    metadata: Metadata
    spec: PolicySpec = PolicySpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A connection from a pod (or from outside the cluster) to a port of a pod."""

    source: Pod | None
    target: Pod
    port: int


OUTSIDE_ADDRESS = "198.51.100.7"
"""Where users come from: an address for documentation (RFC 5737)."""


def allowed(
    packet: Packet,
    *,
    policies: Sequence[NetworkPolicy],
    namespaces: Mapping[str, Mapping[str, str]],
) -> bool:
    """Tell whether policies let a packet through.

    Args:
        packet: The connection.
        policies: All policies of the cluster.
        namespaces: Labels by namespace.
    """
    into = _admits(
        "Ingress", subject=packet.target, peer=packet.source, packet=packet, policies=policies,
        namespaces=namespaces,
    )  # fmt: skip
    if packet.source is None:
        return into
    return into and _admits(
        "Egress", subject=packet.source, peer=packet.target, packet=packet, policies=policies,
        namespaces=namespaces,
    )  # fmt: skip


def _admits(
    direction: str,
    *,
    subject: Pod,
    peer: Pod | None,
    packet: Packet,
    policies: Sequence[NetworkPolicy],
    namespaces: Mapping[str, Mapping[str, str]],
) -> bool:
    selecting = [
        each
        for each in policies
        if direction in each.spec.policy_types
        and each.metadata.namespace == subject.metadata.namespace
        and each.spec.pod_selector.matches(subject.metadata.labels)
    ]
    if not selecting:
        return True
    for policy in selecting:
        home = policy.metadata.namespace
        rules = policy.spec.ingress if direction == "Ingress" else policy.spec.egress
        for rule in rules:
            peers = rule.from_ if direction == "Ingress" else rule.to
            met = not peers or any(
                _is_peer(each, pod=peer, home=home, namespaces=namespaces) for each in peers
            )
            if met and (not rule.ports or any(_is_port(each, packet) for each in rule.ports)):
                return True
    return False


def _is_peer(
    peer: PolicyPeer, *, pod: Pod | None, home: str, namespaces: Mapping[str, Mapping[str, str]]
) -> bool:
    if peer.ip_block is not None:
        text = OUTSIDE_ADDRESS if pod is None else pod.status.pod_ip
        address = ipaddress.ip_address(text)
        holes = [ipaddress.ip_network(each) for each in peer.ip_block.except_]
        inside = address in ipaddress.ip_network(peer.ip_block.cidr)
        return inside and not any(address in hole for hole in holes)
    if pod is None:
        return False
    if peer.namespace_selector is None:
        if pod.metadata.namespace != home:
            return False
    elif not peer.namespace_selector.matches(namespaces.get(pod.metadata.namespace, {})):
        return False
    return (peer.pod_selector or EVERYTHING).matches(pod.metadata.labels)


def _is_port(port: PolicyPort, packet: Packet) -> bool:
    wanted = port.port
    if wanted is None:
        return True
    if isinstance(wanted, str):
        declared = [each for one in packet.target.spec.containers for each in one.ports]
        return any(each.name == wanted and each.container_port == packet.port for each in declared)
    return wanted <= packet.port <= (port.end_port or wanted)
