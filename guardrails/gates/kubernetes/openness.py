"""Whether as many nodes take the scope's pods as before.

A cordon, a taint or a changed label counts where it takes something away: pods wait for a node, or
a node that the scope's pods used is closed to them and nothing came in its place. Nodes that are
gone or not ready are not closed: autoscalers take nodes away, and sick ones are judged as such.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.nodes import LISTS
from guardrails.gates.kubernetes.objects import DaemonSet, Node, Pod, PodTemplate
from guardrails.gates.kubernetes.placement import barriers, is_meant, is_up
from guardrails.gates.kubernetes.pods import SCHEDULE_SECONDS, stands
from guardrails.gates.kubernetes.topology import (
    condition,
    is_deleted,
    kind_of,
    latest,
    reaction_to_write,
    territory,
)
from guardrails.gates.snapshot import Snapshot

ID = CheckId("nodes-open")

CLOSED_WORDS = ("unschedulable", "taint", "affinity/selector")
"""In the scheduler's message when it is the nodes that do not take a pod, and not their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where the pods of workloads with like templates may go, in one namespace."""

    namespace: str
    template: PodTemplate
    now: Mapping[str, Node]
    """Every node, by name."""
    before: Mapping[str, Node] | None
    """Every node of the reference; None when nothing tells."""
    used: frozenset[str]
    """Nodes that the pods are on, or were on in the reference."""
    waiting: tuple[Pod, ...]
    """Pods that no node takes."""
    start: Mapping[str, Node] | None
    """Every node at the start of the run; None when nothing tells."""
    meant: bool
    """Whether the incident is about one of the workloads, or names none."""

    def may_stay_closed(self, name: str) -> bool:
        """Tell whether a node was closed when the run began, to pods that it is not about."""
        node = self.start.get(name) if self.start is not None else None
        return not self.meant and node is not None and bool(self.closing(node))

    def open(self, nodes: Mapping[str, Node]) -> frozenset[str]:
        """Return the nodes that take the pods."""
        return frozenset(n for n, node in nodes.items() if is_up(node) and not self.closing(node))

    def closing(self, node: Node) -> tuple[str, ...]:
        """Return what keeps the pods off a node, in words."""
        meant = () if is_meant(node, self.template.spec) else ("not chosen by its labels",)
        return (*meant, *barriers(node, self.template))


def judge_openness(view: View) -> list[Evidence]:
    """Judge, for every kind of template in scope, which nodes take its pods."""
    witness = Witness(check=ID, at=view.look.at)
    told: dict[tuple[str, str], Evidence] = {}
    for namespace in view.scope.namespaces:
        for ground in _grounds(view, namespace):
            for subject, evidence in _judge(witness, view, ground):
                key = (subject.kind, subject.name)
                # Told once per node; what counts outweighs what does not.
                if key not in told or (evidence.counts and not told[key].counts):
                    told[key] = evidence
    return [*unread_lists(witness, view, LISTS), *told.values()]


NODES_OPEN = Check(id=ID, judge=judge_openness, lists=LISTS)


def _judge(witness: Witness, view: View, ground: Ground) -> Iterator[tuple[ObjectRef, Evidence]]:
    before = ground.before
    is_open, was_open = ground.open(ground.now), None if before is None else ground.open(before)
    short = was_open is not None and len(is_open) < len(was_open)
    for name, node in ground.now.items():
        if name in is_open or not is_up(node):
            continue
        if before is None or was_open is None:
            # Taints and labels keep pods apart on purpose; only a cordon is meant to end.
            news = node.spec.unschedulable
        else:
            news = name in was_open or (name not in before and bool(ground.waiting))
        if news:
            lost = was_open is not None and name in was_open and name in ground.used and short
            counts = ground.waiting or (lost and not ground.may_stay_closed(name))
            evidence = _closed(witness, view, ground, node)
            yield refer(node), evidence if counts else aside(evidence)
    if is_open:
        namespace = ObjectRef(kind="Namespace", name=ground.namespace)
        yield (
            namespace,
            witness.satisfied(
                namespace,
                observed=f"{len(is_open)} nodes take its pods",
                expected=f"{len(was_open)} in the reference" if was_open else "some",
            ),
        )


def _closed(witness: Witness, view: View, ground: Ground, node: Node) -> Evidence:
    count = len(ground.open(ground.now))
    was = f", {len(ground.open(ground.before))} in the reference" if ground.before else ""
    waits = f"; {len(ground.waiting)} of them wait for a node" if ground.waiting else ""
    tried = latest(*(_tried(pod) for pod in ground.waiting))
    by = tried + timedelta(seconds=SCHEDULE_SECONDS) if tried else None
    return witness.violated(
        refer(node),
        field="spec",
        observed=f"{', '.join(ground.closing(node))}: {count} nodes take the pods of namespace "
        f"{ground.namespace}{was}{waits}",
        expected="as many nodes that take its pods as before",
        settles_by=latest(by, reaction_to_write(view.scope)) if ground.waiting else None,
        settling="the scheduler to place the pods that wait",
    )


def _grounds(view: View, namespace: str) -> Iterator[Ground]:
    templates: dict[bytes, PodTemplate] = {}
    like: defaultdict[bytes, set[str]] = defaultdict(set)
    meant: set[bytes] = set()
    for workload in territory(view.look, namespace).workloads:
        if not is_deleted(workload) and not isinstance(workload, DaemonSet):
            key = _placement(workload.spec.template)
            templates[key] = workload.spec.template
            like[key].add(workload.metadata.name)
            if view.scope.is_about(kind_of(workload), workload.metadata.name, namespace):
                meant.add(key)
    past = view.reference.snapshot
    knows = view.reference.knows(Node.__name__, "")
    start = view.reference.start
    now = _nodes(view.look)
    before = _nodes(past) if past is not None and knows else None
    began = _nodes(start) if start is not None else None
    for key, names in like.items():
        pods = _pods(view.look, namespace, names)
        old = _pods(past, namespace, names) if past is not None else []
        yield Ground(
            namespace=namespace,
            template=templates[key],
            now=now,
            before=before,
            used=frozenset(p.spec.node_name for p in (*pods, *old)),
            waiting=tuple(filter(_waits, pods)),
            start=began,
            meant=key in meant,
        )


def _placement(template: PodTemplate) -> bytes:
    """Return what decides on nodes, to group templates by."""
    spec = template.spec
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return _encode((spec.node_selector, affinity, spec.tolerations))


_encode = msgspec.json.Encoder(order="deterministic").encode


def _nodes(look: Snapshot) -> dict[str, Node]:
    return {node.metadata.name: node for node in look.objects(Node, "")}


def _pods(look: Snapshot, namespace: str, names: set[str]) -> list[Pod]:
    owners = territory(look, namespace).by_owner.items()
    return [pod for owner, pods in owners if owner.name in names for pod in pods]


def _waits(pod: Pod) -> bool:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    return (
        scheduled is not None
        and scheduled.reason == "Unschedulable"
        and stands(pod)
        and any(word in scheduled.message for word in CLOSED_WORDS)
    )


def _tried(pod: Pod) -> datetime | None:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    since = scheduled.last_transition_time if scheduled is not None else None
    return since or pod.metadata.creation_timestamp
