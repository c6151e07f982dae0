"""Edges of calls: an address in a workload's environment, arguments or command names a Service.

A fault in what is called troubles the caller, never the other way round; a caller that fails only
stops calling.
"""

from collections.abc import Collection, Iterator

from guardrails.gates.kubernetes.mentions import mentions_of
from guardrails.gates.kubernetes.objects import Service
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Reach, Thing
from guardrails.gates.topology.templates import makers, thing_of


def calls(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie every workload to the Services that its template names."""
    places = _namespaces(look)
    local = {s.metadata.name for s in look.objects(Service, namespace)}
    for maker in makers(look, namespace):
        caller = maker.thing
        for mention in mentions_of(maker.template):
            called = service_of(mention.host, namespace, places=places, local=local)
            if called is None:
                continue
            source = _in_words(mention.field)
            yield Edge(called, caller, f"{source} of {caller} names {_where(called, caller)}")
            why = f"{caller} calls {_where(called, caller)} ({source})"
            yield Edge(caller, called, why, Reach.STARVES)


def aliases(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie a Service of type ExternalName to the Service of this cluster that it stands for."""
    for service in look.objects(Service, namespace):
        host = service.spec.external_name
        meant = service_of(host, namespace, places=_namespaces(look)) if "." in host else None
        if meant is not None:
            thing = thing_of(service)
            why = f"{thing} stands for {_where(meant, thing)}"
            yield Edge(meant, thing, why)
            yield Edge(thing, meant, why, Reach.STARVES)


def service_of(
    host: str, namespace: str, *, places: Collection[str], local: Collection[str] = ()
) -> Thing | None:
    """Return the Service that a host name means inside a pod, if it means one.

    Args:
        host: As the address has it, without scheme and port.
        namespace: Of the pod.
        places: Namespaces that there are.
        local: Services of the pod's namespace.

    Returns:
        The Service, whether it is there or not; None for other hosts.

    >>> service_of("payment.shop.svc.cluster.local", "web", places=())
    Thing(kind='Service', name='payment', namespace='shop')
    >>> service_of("api.example.com", "web", places=("shop",)) is None
    True
    """
    labels = host.lower().rstrip(".").split(".")
    if len(labels) == 1:
        return Thing("Service", labels[0], namespace) if host else None
    if "svc" in labels[2:]:
        end = labels.index("svc", 2)
        return Thing("Service", labels[end - 2], labels[end - 1])
    if len(labels) == _POD_AND_SERVICE and labels[1] in local:
        return Thing("Service", labels[1], namespace)
    if len(labels) == _POD_AND_SERVICE and labels[1] in places:
        return Thing("Service", labels[0], labels[1])
    return None


_POD_AND_SERVICE = 2
"""`db-0.db`, a pod of a StatefulSet, or `db.shop`, a Service of a namespace."""


def _in_words(field: str) -> str:
    """Write `containers[app].env[CART_URL]` as `env CART_URL`."""
    return field.rpartition("].")[2].replace("[", " ").rstrip("]")


def _namespaces(look: Snapshot) -> frozenset[str]:
    return frozenset(listed.key.namespace for listed in look.lists)


def _where(called: Thing, caller: Thing) -> str:
    return (
        str(called) if called.namespace == caller.namespace else f"{called} of {called.namespace}"
    )
