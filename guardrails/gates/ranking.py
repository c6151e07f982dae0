"""In which order violated facts help most with mending, and which of them are one fact.

What a person changes comes before what follows from it: a Service without pods makes its alert
fire, and mending the Service clears the alert. Facts that differ in the object's name alone (the
pods of one ReplicaSet) are one line with a count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guardrails.core.evidence import AlertRef, Evidence, ObjectRef, SourceRef
from guardrails.core.incident import Incident, Workload

SPECIFIED = ("spec", "metadata", "data", "rules", "webhooks", "subsets")
"""First words of fields that people write; the others (`status`, counts) follow from them."""

_WRITTEN = (
    "Namespace",
    "Node",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
    "Ingress",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
)
"""Kinds that others depend on: what is wrong with them comes before the workloads they harm."""

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet")

_GROUNDS = ("Node", "ResourceQuota", "LimitRange", "PersistentVolumeClaim", "Pod")
"""Whose state causes that of others: a pod says why its workload is not ready, and that workload
is why its Service reaches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Facts that are told in one line: of one object, or of objects alike in all but the name."""

    facts: tuple[Evidence, ...]
    """Of the first object, most useful first."""
    alike: int = 0
    """How many other objects have the same facts."""


def ranked(facts: Iterable[Evidence], incident: Incident | None = None) -> list[Ranked]:
    """Group facts by what they are about, and put first what helps most with mending.

    Args:
        facts: Facts of one severity, in the order of the checks.
        incident: What the run is about; its own workloads come before others of the same rank.
    """
    groups: dict[object, list[Evidence]] = {}
    for fact in facts:
        mine = groups.setdefault(_identity(fact), [])
        if not any(_said(fact) == _said(other) for other in mine):
            mine.append(fact)
    ordered = sorted(
        (sorted(mine, key=_layer) for mine in groups.values()),
        key=lambda mine: (_layer(mine[0]), _kind(mine[0]), not _own(mine[0], incident)),
    )
    return _merged(ordered)


def _merged(ordered: Sequence[Sequence[Evidence]]) -> list[Ranked]:
    """Put objects alike into the first of them; only where the namespace is the same."""
    found: dict[object, tuple[tuple[Evidence, ...], int]] = {}
    for mine in ordered:
        facts, alike = found.get(_cause(mine), (tuple(mine), -1))
        found[_cause(mine)] = (facts, alike + 1)
    return [Ranked(facts=facts, alike=alike) for facts, alike in found.values()]


def _identity(fact: Evidence) -> object:
    match fact.subject:
        case ObjectRef(kind=kind, namespace=namespace, name=name):
            return ("object", kind, namespace, name)
        case AlertRef(labels=labels):
            return ("alert", tuple(sorted(labels.items())))
        case SourceRef(source=source, detail=detail):
            return ("source", source, detail)


def _cause(mine: Sequence[Evidence]) -> object:
    subject = mine[0].subject
    if not isinstance(subject, ObjectRef) or subject.kind not in _MADE:
        return _identity(mine[0])
    return (subject.kind, subject.namespace, tuple(_said(fact) for fact in mine))


_MADE = frozenset({"Pod", "ReplicaSet", "EndpointSlice", "Job"})
"""Kinds that controllers make many of; two Services with the same trouble are two troubles."""


def _said(fact: Evidence) -> tuple[str, str, str]:
    return fact.field, fact.observed, fact.expected


def _layer(fact: Evidence) -> int:
    """Return how far a fact is from what somebody can change: spec, object, rule, alert, source."""
    match fact.subject:
        case ObjectRef():
            return 0 if _is_root(fact) else 1
        case AlertRef():
            return 3 if fact.field in _STATES else 2
        case SourceRef():
            return 4


_STATES = frozenset({"", "state"})
"""Fields of an alert that only say that it fires; the others are of its rule and its routing."""


def _is_root(fact: Evidence) -> bool:
    first = fact.field.replace("[", ".").partition(".")[0]
    subject = fact.subject
    whole = not fact.field and isinstance(subject, ObjectRef) and subject.kind not in _MADE
    return first in SPECIFIED or whole


def _kind(fact: Evidence) -> int:
    """Return the place of a kind: of what is written, dependencies first; of states, grounds."""
    subject = fact.subject
    if not isinstance(subject, ObjectRef):
        return 0
    order = (*_WRITTEN, *_WORKLOADS) if _is_root(fact) else (*_GROUNDS, *_WORKLOADS, *_WRITTEN)
    # Custom resources are made by people, and stand with the workloads.
    return order.index(subject.kind if subject.kind in order else "Deployment")


def _own(fact: Evidence, incident: Incident | None) -> bool:
    """Tell whether a fact is about a workload that the incident names, or something of it."""
    subject = fact.subject
    if incident is None or not isinstance(subject, ObjectRef):
        return False
    return any(_belongs(subject, workload) for workload in incident.workloads)


def _belongs(subject: ObjectRef, workload: Workload) -> bool:
    if workload.namespace not in ("", subject.namespace):
        return False
    # Pods, ReplicaSets and slices carry the name of what made them as a prefix.
    made = subject.kind in _MADE and subject.name.startswith(f"{workload.name}-")
    return made or subject.name == workload.name
