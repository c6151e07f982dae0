"""Which pods and endpoints stand behind each Service, indexed once per look and namespace."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guardrails.gates.kubernetes import pods as pod_rules
from guardrails.gates.kubernetes.objects import (
    SERVICE_NAME,
    Endpoint,
    EndpointSlice,
    Pod,
    Service,
)
from guardrails.gates.kubernetes.topology import Owner, Territory, territory
from guardrails.gates.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Services of one namespace of one look, with what stands behind them."""

    land: Territory
    services: Mapping[str, Service]
    slices: Mapping[str, tuple[EndpointSlice, ...]]
    backing: Mapping[str, tuple[Pod, ...]]
    """The standing pods that each Service's selector matches, by Service."""
    backed: Mapping[Owner, frozenset[str]]
    """The Services that each workload stands behind."""

    def selected(self, service: Service) -> tuple[Pod, ...]:
        """Return the standing pods that the Service's selector matches."""
        return self.backing.get(service.metadata.name, ())

    def ready_endpoints(self, service: Service) -> tuple[Endpoint, ...]:
        """Return the endpoints that traffic is sent to; an absent `ready` means ready."""
        return tuple(
            endpoint
            for part in self.slices.get(service.metadata.name, ())
            for endpoint in part.endpoints or ()
            if endpoint.conditions is None or endpoint.conditions.ready is not False
        )

    def owners(self, service: Service) -> frozenset[Owner]:
        """Return the workloads behind a Service."""
        return frozenset(self.land.owner_of(pod) for pod in self.selected(service))


def network(look: Snapshot, namespace: str) -> Network:
    """Index the Services of one namespace of a look, once."""
    known = look.derived.get(("network", namespace))
    if not isinstance(known, Network):
        known = _network(look, namespace)
        look.derived["network", namespace] = known
    return known


def _network(look: Snapshot, namespace: str) -> Network:
    land = territory(look, namespace)
    slices: defaultdict[str, list[EndpointSlice]] = defaultdict(list)
    for part in look.objects(EndpointSlice, namespace):
        slices[(part.metadata.labels or {}).get(SERVICE_NAME, "")].append(part)
    labelled: defaultdict[tuple[str, str], list[Pod]] = defaultdict(list)
    for pod in filter(pod_rules.stands, land.pods):
        for label in (pod.metadata.labels or {}).items():
            labelled[label].append(pod)
    services = {s.metadata.name: s for s in look.objects(Service, namespace)}
    backing = {name: _matching(s.spec.selector or {}, labelled) for name, s in services.items()}
    backed: defaultdict[Owner, set[str]] = defaultdict(set)
    for name, pods in backing.items():
        for pod in pods:
            backed[land.owner_of(pod)].add(name)
    return Network(
        land=land,
        services=services,
        slices={name: tuple(parts) for name, parts in slices.items()},
        backing=backing,
        backed={owner: frozenset(names) for owner, names in backed.items()},
    )


def _matching(
    selector: Mapping[str, str], labelled: Mapping[tuple[str, str], Sequence[Pod]]
) -> tuple[Pod, ...]:
    if not selector:
        return ()
    # The rarest label first: a namespace-wide one would be walked for every Service.
    fewest = min((labelled.get(label, ()) for label in selector.items()), key=len)
    return tuple(p for p in fewest if selector.items() <= (p.metadata.labels or {}).items())
