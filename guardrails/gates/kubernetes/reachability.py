"""What NetworkPolicies let through, by the rules of networking.k8s.io/v1.

A pod that no policy selects is open; one that some policy selects is closed but for what any of
them allows: policies add up, and none takes back what another gives.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from guardrails.gates.kubernetes.objects import (
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Pod,
)
from guardrails.gates.kubernetes.objects.network import (
    EgressAllowance,
    IngressAllowance,
    IpBlock,
    PolicyPeer,
    PolicyPort,
)
from guardrails.gates.snapshot import Snapshot

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace carries, whether its list may be read or not."""

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
"""Blocks that hold every address, those of pods included."""

_DNS_PORT = 53
_DNS_LABELS = {"k8s-app": "kube-dns"}
"""Of the cluster's DNS server, whatever it runs: CoreDNS keeps the old name's label."""


Allowance = IngressAllowance | EgressAllowance


class Direction(StrEnum):
    """A side of a pod, as `policyTypes` names it."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class Passage(StrEnum):
    """Whether traffic gets through."""

    OPEN = "open"
    SHUT = "shut"
    UNCLEAR = "unclear"
    """It hangs on addresses, or on labels of a namespace, that were not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of a connection: pods that policies cannot tell apart."""

    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    """Named ports of its containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a container."""

    number: int
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """The NetworkPolicies of a look, and the labels that their selectors need."""

    policies: Mapping[str, tuple[NetworkPolicy, ...]]
    """By namespace."""
    labels: Mapping[str, Mapping[str, str]]
    """Of the namespaces that were read."""
    index: dict[tuple[str, str, str], list[NetworkPolicy]] = field(
        default_factory=dict[tuple[str, str, str], list[NetworkPolicy]], compare=False, repr=False
    )
    """By namespace and one label that their selector asks for; made when it is first needed."""

    def candidates(self, party: Party) -> Iterator[NetworkPolicy]:
        """Yield the policies that may select pods: hundreds need not be tried for each pod."""
        if not self.index:
            for namespace, policies in self.policies.items():
                for policy in policies:
                    asked = policy.spec.pod_selector.match_labels or {"": ""}
                    key = (namespace, *next(iter(asked.items())))
                    self.index.setdefault(key, []).append(policy)
        for label in (("", ""), *party.labels.items()):
            yield from self.index.get((party.namespace, *label), ())


def walls(look: Snapshot) -> Walls:
    """Index the policies of a look, once."""
    known = look.derived.get(("walls", ""))
    if isinstance(known, Walls):
        return known
    policies: defaultdict[str, list[NetworkPolicy]] = defaultdict(list)
    labels: dict[str, Mapping[str, str]] = {}
    for item in _objects(look):
        if isinstance(item, NetworkPolicy):
            policies[item.metadata.namespace].append(item)
        elif isinstance(item, Namespace):
            labels[item.metadata.name] = item.metadata.labels or {}
    made = Walls(policies={n: tuple(p) for n, p in policies.items()}, labels=labels)
    look.derived["walls", ""] = made
    return made


def _objects(look: Snapshot) -> Iterator[object]:
    for listed in look.lists:
        if listed.key.kind in {"NetworkPolicy", "Namespace"} and listed.read.ok:
            yield from listed.objects


def party_of(pod: Pod) -> Party:
    """Return a pod as an end of connections."""
    ports = {
        port.name: port.container_port
        for container in pod.spec.containers or ()
        for port in container.ports or ()
        if port.name
    }
    return Party(namespace=pod.metadata.namespace, labels=pod.metadata.labels or {}, ports=ports)


def is_about(policy: NetworkPolicy, direction: Direction) -> bool:
    """Tell whether a policy closes this side; without `policyTypes`, as the API defaults them."""
    types = policy.spec.policy_types
    if types:
        return direction in types
    return direction is Direction.INGRESS or bool(policy.spec.egress)


def isolating(land: Walls, party: Party, direction: Direction) -> tuple[NetworkPolicy, ...]:
    """Return the policies that close one side of pods; none when that side is open."""
    return tuple(
        policy
        for policy in land.candidates(party)
        if is_about(policy, direction) and policy.spec.pod_selector.selects(dict(party.labels))
    )


def passage(land: Walls, *, source: Party, target: Party, port: Port) -> Passage:
    """Tell whether one pod reaches a port of another: out of the first and into the second."""
    out = _through(
        land, source, Direction.EGRESS, _Traffic(other=target, port=port, names=target.ports)
    )
    into = _through(
        land, target, Direction.INGRESS, _Traffic(other=source, port=port, names=target.ports)
    )
    return _worst((out, into))


def entry(land: Walls, *, source: Party, target: Party, port: Port) -> Passage:
    """Tell whether pods let others in, whatever the others may send."""
    traffic = _Traffic(other=source, port=port, names=target.ports)
    return _through(land, target, Direction.INGRESS, traffic)


def admits_outside(land: Walls, target: Party, port: Port) -> bool:
    """Tell whether anything beyond the pods' own namespace may reach them on a port."""
    policies = isolating(land, target, Direction.INGRESS)
    return not policies or any(
        _names_port(rule.ports, port, target.ports) and _looks_outside(rule.from_)
        for policy in policies
        for rule in policy.spec.ingress or ()
    )


def reaches_dns(land: Walls, source: Party) -> bool:
    """Tell whether pods may ask the cluster's DNS server, by UDP or TCP.

    Where it lives is not known for sure, so an allowance that leaves the namespace counts.
    """
    policies = isolating(land, source, Direction.EGRESS)
    if not policies:
        return True
    rules = [rule for policy in policies for rule in policy.spec.egress or ()]
    return any(
        _names_port(rule.ports, Port(number=_DNS_PORT, protocol=protocol), {})
        and (_looks_outside(rule.to) or _is_dns_inside(rule.to))
        for rule in rules
        for protocol in ("UDP", "TCP")
    )


def _looks_outside(peers: Sequence[PolicyPeer] | None) -> bool:
    return not peers or any(
        p.ip_block is not None or p.namespace_selector is not None for p in peers
    )


def _is_dns_inside(peers: Sequence[PolicyPeer] | None) -> bool:
    return any(
        p.pod_selector is not None
        and p.pod_selector.selects(_DNS_LABELS)
        and p.pod_selector != LabelSelector()
        for p in peers or ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traffic:
    other: Party
    port: Port
    names: Mapping[str, int]
    """Named ports of the pods that are reached."""


def _through(land: Walls, party: Party, direction: Direction, traffic: _Traffic) -> Passage:
    policies = isolating(land, party, direction)
    if not policies:
        return Passage.OPEN
    rules = (rule for policy in policies for rule in rules_of(policy, direction))
    return _best(
        _peers(land, party.namespace, peers_of(rule), traffic.other)
        for rule in rules
        if _names_port(rule.ports, traffic.port, traffic.names)
    )


def rules_of(policy: NetworkPolicy, direction: Direction) -> Sequence[Allowance]:
    """Return what a policy lets through on one side of its pods."""
    spec = policy.spec
    return (spec.ingress if direction is Direction.INGRESS else spec.egress) or ()


def peers_of(rule: Allowance) -> Sequence[PolicyPeer]:
    """Return the others that a rule is about; none means everybody."""
    return (rule.from_ if isinstance(rule, IngressAllowance) else rule.to) or ()


def _peers(land: Walls, home: str, peers: Sequence[PolicyPeer], other: Party) -> Passage:
    if not peers:
        return Passage.OPEN
    return _best(_peer(land, home, peer, other) for peer in peers)


def _peer(land: Walls, home: str, peer: PolicyPeer, other: Party) -> Passage:
    if peer.ip_block is not None:
        return _block(peer.ip_block)
    if peer.namespace_selector is None:
        inside = Passage.OPEN if other.namespace == home else Passage.SHUT
    else:
        inside = _namespace(land, peer.namespace_selector, other.namespace)
    chosen = peer.pod_selector is None or peer.pod_selector.selects(dict(other.labels))
    return inside if chosen else Passage.SHUT


def _block(block: IpBlock) -> Passage:
    """Addresses of pods are not read; only a block of all addresses surely holds them."""
    return Passage.OPEN if block.cidr in EVERYWHERE and not block.except_ else Passage.UNCLEAR


def _namespace(land: Walls, selector: LabelSelector, namespace: str) -> Passage:
    labels = land.labels.get(namespace)
    known = {NAMESPACE_NAME: namespace, **(labels or {})}
    keys = {*(selector.match_labels or {}), *(r.key for r in selector.match_expressions or ())}
    if labels is None and keys - {NAMESPACE_NAME}:
        return Passage.UNCLEAR
    return Passage.OPEN if selector.selects(known) else Passage.SHUT


def _names_port(ports: Sequence[PolicyPort] | None, port: Port, names: Mapping[str, int]) -> bool:
    return not ports or any(_is_port(p, port, names) for p in ports)


def _is_port(rule: PolicyPort, port: Port, names: Mapping[str, int]) -> bool:
    if rule.protocol != port.protocol:
        return False
    match rule.port:
        case None:
            return True
        case int(first):
            return first <= port.number <= (rule.end_port or first)
        case str(name):
            return names.get(name) == port.number


def _best(passages: Iterator[Passage]) -> Passage:
    found = set(passages)
    return next((p for p in (Passage.OPEN, Passage.UNCLEAR) if p in found), Passage.SHUT)


def _worst(passages: Sequence[Passage]) -> Passage:
    return next((p for p in (Passage.SHUT, Passage.UNCLEAR) if p in passages), Passage.OPEN)
