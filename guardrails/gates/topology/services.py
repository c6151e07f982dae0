"""Edges of Services and Ingresses: who stands behind a name, and who sends requests to it."""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import (
    SERVICE_NAME,
    EndpointSlice,
    Ingress,
    Service,
)
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Reach, Thing
from guardrails.gates.topology.templates import labels_of, makers, thing_of


def services(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie each Service to the pods that its selector picks, and to what makes them.

    What serves badly makes its Service bad. A Service that leads nowhere starves what is behind
    it; and who blames a Service may mean that.
    """
    labels = labels_of(look, namespace)
    for service in look.objects(Service, namespace):
        thing = thing_of(service)
        for behind in labels.matching(service.spec.selector or {}):
            pods = behind if behind.kind == "Pod" else f"the pods of {behind}"
            yield from _behind(thing, behind, f"{thing} selects {pods}")


def _behind(service: Thing, behind: Thing, why: str) -> Iterator[Edge]:
    yield Edge(behind, service, why)
    yield Edge(service, behind, why, Reach.FIRST)
    yield Edge(service, behind, why, Reach.STARVES)


def namesakes(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie a Service to the workload of its name that it does not select: it starves by that."""
    labels = labels_of(look, namespace)
    by_name = {(m.thing.name): m.thing for m in makers(look, namespace)}
    for service in look.objects(Service, namespace):
        thing, namesake = thing_of(service), by_name.get(service.metadata.name)
        if namesake is None or namesake in labels.matching(service.spec.selector or {}):
            continue
        why = f"{thing} has the name of {namesake} and does not select its pods"
        yield Edge(thing, namesake, why, Reach.FIRST)
        yield Edge(thing, namesake, why, Reach.STARVES)


def endpoints(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie each Service to the pods in its EndpointSlices, however they came into them."""
    for part in look.objects(EndpointSlice, namespace):
        name = (part.metadata.labels or {}).get(SERVICE_NAME, "")
        for endpoint in part.endpoints or ():
            target = endpoint.target_ref
            if name and target is not None and target.kind == "Pod" and target.name:
                service, pod = (
                    Thing("Service", name, namespace),
                    Thing("Pod", target.name, namespace),
                )
                yield from _behind(service, pod, f"{pod} is an endpoint of {service}")


def ingresses(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie each Ingress to the Services that it sends requests to."""
    for ingress in look.objects(Ingress, namespace):
        thing = thing_of(ingress)
        for name in dict.fromkeys(_backends(ingress)):
            service = Thing("Service", name, namespace)
            why = f"{thing} sends requests to {service}"
            yield Edge(service, thing, why)
            yield Edge(thing, service, why, Reach.STARVES)
        for tls in ingress.spec.tls or ():
            if tls.secret_name:
                secret = Thing("Secret", tls.secret_name, namespace)
                yield Edge(secret, thing, f"{thing} takes its certificate from {secret}")


def _backends(ingress: Ingress) -> Iterator[str]:
    backends = [ingress.spec.default_backend]
    for rule in ingress.spec.rules or ():
        backends += [p.backend for p in (rule.http.paths if rule.http else None) or ()]
    for backend in backends:
        if backend is not None and backend.service is not None and backend.service.name:
            yield backend.service.name
