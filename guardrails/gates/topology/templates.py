"""The pod templates of a namespace, each with the object that makes pods from it.

Edge families read templates and not pods: there are few of them, and they hold what pods lack.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from guardrails.gates.kubernetes.objects import (
    CronJob,
    DaemonSet,
    Deployment,
    KubeObject,
    LabelSelector,
    Pod,
    PodTemplate,
    ReplicaSet,
    StatefulSet,
    TemplateContainer,
)
from guardrails.gates.kubernetes.objects.batch import Job
from guardrails.gates.kubernetes.topology import controller_of
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What makes pods: a workload, a Job or CronJob, or a ReplicaSet that nobody controls."""

    thing: Thing
    template: PodTemplate

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the pods that it makes."""
        return self.template.metadata.labels or {}

    @property
    def containers(self) -> Iterator[TemplateContainer]:
        """Every container, the init containers first."""
        yield from self.template.spec.init_containers or ()
        yield from self.template.spec.containers or ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A maker or a pod, as selectors see it."""

    thing: Thing
    labels: Mapping[str, str]


def thing_of(item: KubeObject) -> Thing:
    """Name an object."""
    return Thing(type(item).__name__, item.metadata.name, item.metadata.namespace)


def makers(look: Snapshot, namespace: str) -> tuple[Maker, ...]:
    """Return what makes pods in a namespace, indexed once."""
    known = look.derived.get(("makers", namespace))
    if isinstance(known, _Makers):
        return known.all
    found = _Makers(tuple(_makers(look, namespace)))
    look.derived["makers", namespace] = found
    return found.all


@dataclass(frozen=True, slots=True)
class _Makers:
    all: tuple[Maker, ...]


def _makers(look: Snapshot, namespace: str) -> Iterator[Maker]:
    for kind in (Deployment, StatefulSet, DaemonSet):
        for item in look.objects(kind, namespace):
            yield Maker(thing=thing_of(item), template=item.spec.template)
    for kind in (ReplicaSet, Job):
        for item in look.objects(kind, namespace):
            if controller_of(item.metadata) is None:
                yield Maker(thing=thing_of(item), template=item.spec.template)
    for item in look.objects(CronJob, namespace):
        yield Maker(thing=thing_of(item), template=item.spec.job_template.spec.template)


class Labels:
    """Finds what a selector picks in a namespace, without walking everything for each."""

    def __init__(self, look: Snapshot, namespace: str) -> None:
        made = [Labelled(thing=m.thing, labels=m.labels) for m in makers(look, namespace)]
        pods = [
            Labelled(thing=thing_of(pod), labels=pod.metadata.labels or {})
            for pod in look.objects(Pod, namespace)
        ]
        self._all = (*made, *pods)
        self._by_label: defaultdict[tuple[str, str], list[Labelled]] = defaultdict(list)
        for one in self._all:
            for label in one.labels.items():
                self._by_label[label].append(one)

    def matching(self, labels: Mapping[str, str]) -> Iterator[Thing]:
        """Yield what carries all of these labels; nothing when none are asked for."""
        if labels:
            rarest = min((self._by_label.get(x, ()) for x in labels.items()), key=len)
            yield from _carrying(rarest, labels)

    def selected(self, selector: LabelSelector) -> Iterator[Thing]:
        """Yield what a selector picks; an empty one picks everything."""
        for one in self._all:
            if selector.selects(dict(one.labels)):
                yield one.thing


def _carrying(found: Sequence[Labelled], labels: Mapping[str, str]) -> Iterator[Thing]:
    wanted: Iterable[tuple[str, str]] = labels.items()
    for one in found:
        if all(one.labels.get(key) == value for key, value in wanted):
            yield one.thing


def labels_of(look: Snapshot, namespace: str) -> Labels:
    """Index the labels of a namespace, once."""
    known = look.derived.get(("labels", namespace))
    if not isinstance(known, Labels):
        known = Labels(look, namespace)
        look.derived["labels", namespace] = known
    return known
