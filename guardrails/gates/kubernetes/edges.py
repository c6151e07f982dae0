"""Connections that a look shows: from workloads that name a Service to the pods behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from guardrails.gates.kubernetes import pods as pod_rules
from guardrails.gates.kubernetes.backing import network
from guardrails.gates.kubernetes.mentions import ServiceName, calls_in, mentions_by
from guardrails.gates.kubernetes.objects import Pod, Service, ServicePort
from guardrails.gates.kubernetes.reachability import Party, Port, party_of
from guardrails.gates.kubernetes.topology import Owner, territory
from guardrails.gates.snapshot import Snapshot


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Client:
    """A workload, with its namespace."""

    namespace: str
    owner: Owner

    def __str__(self) -> str:
        """Write kind and name."""
        return f"{self.owner.kind} {self.owner.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Pods of one workload behind a Service, and the ports that it sends requests to."""

    client: Client
    """The workload itself, which is no client of its own."""
    party: Party
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A client and one workload behind a Service that it names."""

    client: Client
    source: Party
    service: ServiceName
    target: Target
    ports: tuple[Port, ...]
    """Of which the client uses one; all of the Service's when it does not say."""


def parties(look: Snapshot, namespaces: Sequence[str]) -> dict[Client, Party]:
    """Return the workloads that have standing pods, each as one end of connections."""
    found: dict[Client, Party] = {}
    for namespace in namespaces:
        found |= _parties(look, namespace).by_client
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parties:
    by_client: dict[Client, Party]


def _parties(look: Snapshot, namespace: str) -> _Parties:
    known = look.derived.get(("parties", namespace))
    if not isinstance(known, _Parties):
        firsts = {
            owner: next(filter(pod_rules.stands, pods), None)
            for owner, pods in territory(look, namespace).by_owner.items()
        }
        known = _Parties(
            by_client={
                Client(namespace=namespace, owner=owner): party_of(pod)
                for owner, pod in firsts.items()
                if pod is not None
            }
        )
        look.derived["parties", namespace] = known
    return known


def targets_of(look: Snapshot, namespace: str, service: Service) -> tuple[Target, ...]:
    """Return what stands behind a Service, once per workload."""
    net = network(look, namespace)
    firsts: dict[Owner, Pod] = {}
    for pod in net.selected(service):
        firsts.setdefault(net.land.owner_of(pod), pod)
    return tuple(_target(namespace, owner, pod, service) for owner, pod in sorted(firsts.items()))


def _target(namespace: str, owner: Owner, pod: Pod, service: Service) -> Target:
    party = party_of(pod)
    found = (container_port(p, party.ports) for p in service.spec.ports or ())
    return Target(
        client=Client(namespace=namespace, owner=owner),
        party=party,
        ports=tuple(p for p in found if p is not None),
    )


def container_port(port: ServicePort, names: Mapping[str, int]) -> Port | None:
    """Return the container's port behind a Service's, or None when no container has it."""
    target = port.port if port.target_port is None else port.target_port
    if isinstance(target, str) and not target.isdigit():
        number = names.get(target)
        return None if number is None else Port(number=number, protocol=port.protocol)
    return Port(number=int(target), protocol=port.protocol)


def edges_of(look: Snapshot, namespaces: Sequence[str]) -> tuple[Edge, ...]:
    """Return the connections between workloads in these namespaces that have pods."""
    known = parties(look, namespaces)
    found: dict[tuple[Client, ServiceName, int | None], tuple[Edge, ...]] = {}
    for call in calls_in(look, namespaces):
        client = Client(namespace=call.namespace, owner=call.owner)
        key = (client, call.service, call.mention.port)
        if client in known and key not in found:
            found[key] = tuple(_edges(look, client, known[client], call.service, key[2]))
    return tuple(edge for edges in found.values() for edge in edges)


def _edges(
    look: Snapshot, client: Client, source: Party, name: ServiceName, port: int | None
) -> Iterator[Edge]:
    service = network(look, name.namespace).services[name.name]
    for target in targets_of(look, name.namespace, service):
        named = (
            container_port(p, target.party.ports)
            for p in service.spec.ports or ()
            if p.port == port
        )
        used = tuple(p for p in named if p is not None) or target.ports
        if used and target.client != client:
            yield Edge(client=client, source=source, service=name, target=target, ports=used)


def namers(look: Snapshot, namespaces: Sequence[str]) -> dict[Client, Party]:
    """Return the workloads that name any host at all, and so need names resolved."""
    known = parties(look, namespaces)
    naming = {
        Client(namespace=namespace, owner=owner)
        for namespace in namespaces
        for owner, mentions in mentions_by(look, namespace).items()
        if mentions
    }
    return {client: party for client, party in known.items() if client in naming}
