"""What an alert is about, by its labels.

An alert carries labels of its object and, often, of whatever exported the metric. The most
telling label decides: beside `deployment` the labels `service` and `container` are mostly those of
kube-state-metrics, and beside `exported_namespace` the label `namespace` is the scraper's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from guardrails.gates.checks import View
from guardrails.gates.diagnosis.naming import with_container
from guardrails.gates.kubernetes.objects import Pod
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.topology import Thing, Topology
from guardrails.gates.topology.build import looks_of
from guardrails.gates.topology.ownership import born_of
from guardrails.gates.topology.templates import makers

NAMESPACE_LABELS = (
    "exported_namespace",
    "namespace",
    "kubernetes_namespace",
    "k8s_namespace_name",
    "destination_workload_namespace",
    "destination_service_namespace",
)

_OBJECTS: Sequence[Mapping[str, str]] = (
    {
        "deployment": "Deployment",
        "k8s_deployment_name": "Deployment",
        "statefulset": "StatefulSet",
        "k8s_statefulset_name": "StatefulSet",
        "daemonset": "DaemonSet",
        "k8s_daemonset_name": "DaemonSet",
        "replicaset": "ReplicaSet",
        "cronjob": "CronJob",
        "job_name": "Job",
        "horizontalpodautoscaler": "HorizontalPodAutoscaler",
        "hpa": "HorizontalPodAutoscaler",
        "persistentvolumeclaim": "PersistentVolumeClaim",
        "poddisruptionbudget": "PodDisruptionBudget",
        "resourcequota": "ResourceQuota",
        "networkpolicy": "NetworkPolicy",
        "ingress": "Ingress",
        "configmap": "ConfigMap",
    },
    {
        "exported_pod": "Pod",
        "pod": "Pod",
        "pod_name": "Pod",
        "kubernetes_pod_name": "Pod",
        "k8s_pod_name": "Pod",
    },
    {"exported_node": "Node", "node": "Node", "kubernetes_node": "Node", "k8s_node_name": "Node"},
    {
        "exported_service": "Service",
        "service": "Service",
        "kubernetes_service": "Service",
        "destination_service_name": "Service",
    },
)
"""Labels that name an object of one kind, the most telling group first."""

_APPLICATIONS = (
    "service_name",
    "exported_service",
    "service",
    "workload",
    "destination_workload",
    "app",
    "app_kubernetes_io_name",
    "application",
    "component",
    "microservice",
)
"""Labels that name an application: its workload, its Service, or a label of its pods."""

_APPLICATION_LABELS = (
    "app",
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "k8s-app",
    "opentelemetry.io/name",
)
"""Labels of pods by which applications are called."""

_CONTAINERS = ("exported_container", "container", "container_name", "k8s_container_name")

_APPLICATION_KINDS = frozenset(
    {"Service", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an alert is about."""

    things: tuple[Thing, ...] = ()
    """Any of them: a label `service_name` may mean a Deployment and its Service."""
    words: str = ""
    """The label that told it: `deployment=payment`."""
    namespace: str = ""
    """Empty when the alert does not say."""


def about(labels: Mapping[str, str], view: View, graph: Topology) -> About:
    """Return what an alert is about, as far as anything of that name is known."""
    namespace = next((labels[k] for k in NAMESPACE_LABELS if labels.get(k)), "")
    places = (namespace,) if namespace else view.scope.namespaces
    words = ""
    for label, things in _readings(labels, places, view, graph):
        words = words or f"{label}={labels[label]}"
        if things:
            found = tuple(dict.fromkeys(things))
            return About(things=found, words=f"{label}={labels[label]}", namespace=namespace)
    return About(words=words, namespace=namespace)


def _readings(
    labels: Mapping[str, str], places: Sequence[str], view: View, graph: Topology
) -> Iterator[tuple[str, list[Thing]]]:
    """Yield what each label may mean, the most telling first."""
    for group in _OBJECTS:
        for label, kind in group.items():
            if labels.get(label):
                yield label, list(_of_kind(kind, labels[label], places, view, graph))
    for label in _APPLICATIONS:
        if labels.get(label):
            yield label, list(_applications(labels[label], places, view, graph))
    for label in _CONTAINERS:
        if labels.get(label):
            yield label, list(_containers(labels[label], places, view))


def _of_kind(
    kind: str, name: str, places: Sequence[str], view: View, graph: Topology
) -> Iterator[Thing]:
    anywhere = kind in RESOURCES and not RESOURCES[kind].namespaced
    for thing in graph.named.get(name.lower(), ()):
        if thing.kind == kind and (anywhere or thing.namespace in places):
            yield thing
    for place in places if kind == "Pod" else ():
        if Thing("Pod", name, place) not in graph.objects:
            owners = (born_of(name, look, place) for look in looks_of(view))
            yield from (owner for owner in owners if owner is not None)


def _applications(name: str, places: Sequence[str], view: View, graph: Topology) -> Iterator[Thing]:
    for thing in graph.named.get(name.lower(), ()):
        if thing.kind in _APPLICATION_KINDS and thing.namespace in places:
            yield thing
    for look in looks_of(view):
        for place in places:
            for maker in makers(look, place):
                if any(maker.labels.get(label) == name for label in _APPLICATION_LABELS):
                    yield maker.thing


def _containers(name: str, places: Sequence[str], view: View) -> Iterator[Thing]:
    for look in looks_of(view):
        for place in places:
            yield from with_container(name, look.objects(Pod, place), makers(look, place))
