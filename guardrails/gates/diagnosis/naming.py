"""From the names in a claim to the objects that they mean.

Claims write kinds as people and kubectl do: `deploy`, `Deployments`, `deployment.apps`. A name may
hold its namespace. Whatever the graph knows counts, also what is only named by another object.
"""

from collections.abc import Collection, Iterator

from guardrails.actions.kinds import kind_of
from guardrails.core.claims import ClaimKind, NamedEntity
from guardrails.core.evidence import ObjectRef
from guardrails.gates.checks import Scope
from guardrails.gates.kubernetes.chaos import LISTS as CHAOS
from guardrails.gates.kubernetes.objects import Pod
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.topology import Thing, Topology
from guardrails.gates.topology.templates import Maker

DIAGNOSED = frozenset({ClaimKind.DIAGNOSED})
"""The claims that these checks are for."""

LISTS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Pod",
    "Job",
    "CronJob",
    "Service",
    "EndpointSlice",
    "Ingress",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "ResourceQuota",
    "PersistentVolumeClaim",
    "Node",
    "ConfigMap",
    *CHAOS,
)
"""What incidents are about. Other kinds are used where another check has them read."""

_WRITTEN = {kind_of(kind): kind for kind in RESOURCES}
_CLUSTER_WIDE = frozenset(kind_of(k) for k, row in RESOURCES.items() if not row.namespaced)


def written(kind: str) -> str:
    """Return a kind as manifests write it; one that is never read as the claim has it.

    >>> written("deploy"), written("ingresses.networking.k8s.io"), written("Gadget")
    ('Deployment', 'Ingress', 'Gadget')
    """
    return _WRITTEN.get(kind_of(kind), kind)


def is_read(kind: str) -> bool:
    """Tell whether there is a list of a kind."""
    return kind_of(kind) in _WRITTEN


def refer_to(entity: NamedEntity) -> ObjectRef:
    """Name what a claim names, in evidence."""
    return ObjectRef(
        kind=written(entity.kind), name=bare_name(entity), namespace=namespace_of(entity)
    )


def bare_name(entity: NamedEntity) -> str:
    """Return a name without the namespace that may stand before it; names are lower-case."""
    return entity.name.rpartition("/")[2].lower()


def namespace_of(entity: NamedEntity) -> str:
    """Return the namespace that a claim gives; empty for none, and for kinds without one."""
    if kind_of(entity.kind) in _CLUSTER_WIDE:
        return ""
    return (entity.namespace or entity.name.rpartition("/")[0]).lower()


def is_out_of_sight(entity: NamedEntity, scope: Scope) -> bool:
    """Tell whether a claim places something where nothing is read."""
    place = namespace_of(entity)
    return bool(place) and place not in scope.namespaces


def named(scope: Scope) -> tuple[NamedEntity, ...]:
    """Return everything that the claim names."""
    return scope.claim.entities if scope.claim is not None else ()


def causes_of(scope: Scope) -> tuple[NamedEntity, ...]:
    """Return what the claim calls the cause; when it calls nothing so, all that it names."""
    entities = named(scope)
    return tuple(e for e in entities if e.root_cause) or entities


def meant(entity: NamedEntity, graph: Topology) -> tuple[Thing, ...]:
    """Return what a name means: objects, and what objects name, of its kind and namespace.

    A name without a kind may mean several: a Deployment and its Service.
    """
    kind, place = kind_of(entity.kind), namespace_of(entity)
    candidates = graph.named.get(bare_name(entity), ())
    if kind == "endpoints":
        kind = "service"  # They have one name.
    return tuple(
        thing
        for thing in candidates
        if (not kind or kind_of(thing.kind) == kind)
        and (not place or thing.namespace in {"", place})
    )


def with_container(name: str, pods: Collection[Pod], made: Collection[Maker]) -> Iterator[Thing]:
    """Yield what runs a container of this name."""
    for maker in made:
        if any(c.name == name for c in maker.containers):
            yield maker.thing
    for pod in pods:
        inside = (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))
        if any(c.name == name for c in inside):
            yield Thing("Pod", pod.metadata.name, pod.metadata.namespace)
