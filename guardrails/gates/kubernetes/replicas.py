"""Whether the workloads are still there, and as many as before.

Health alone calls a workload scaled to zero, or deleted, healthy. The floor is what the
reference had; without one, what was last applied; and a namespace with nothing in it proves
nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from guardrails.core.evidence import Evidence, ObjectRef, SourceRef
from guardrails.core.ids import CheckId
from guardrails.core.incident import Workload as IncidentWorkload
from guardrails.gates.checks import (
    Check,
    Scope,
    View,
    Witness,
    aside,
    refer,
    unread_lists,
)
from guardrails.gates.kubernetes.applied import applied_replicas
from guardrails.gates.kubernetes.objects import (
    DaemonSet,
    Deployment,
    HorizontalPodAutoscaler,
    Namespace,
    StatefulSet,
    Workload,
)
from guardrails.gates.kubernetes.replacement import replacement_of
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    Territory,
    is_deleted,
    kind_of,
    territory,
    wanted,
)
from guardrails.gates.snapshot import Snapshot

ID = CheckId("replicas-kept")
INHABITED_ID = CheckId("scope-inhabited")

LISTS = (*WORKLOAD_LISTS, "HorizontalPodAutoscaler", "Service", "Pod", "ReplicaSet")
"""Services and the pods behind them tell whether a workload that is gone was replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How many replicas there must be at least, and who says so."""

    replicas: int
    source: str


def judge_replicas(view: View) -> list[Evidence]:
    """Judge presence and size of every workload that is, was, or is named by the incident."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        if _any_unread(look, namespace):
            # What is missing from a failed list is not gone.
            continue
        found.extend(_judge_namespace(witness, view, namespace))
    found.extend(_named_anywhere(witness, look, view.scope))
    return found


REPLICAS_KEPT = Check(id=ID, judge=judge_replicas, lists=LISTS)


def judge_inhabited(view: View) -> list[Evidence]:
    """Say where there is nothing to judge: an empty namespace is not a healthy one."""
    look = view.look
    witness = Witness(check=INHABITED_ID, at=look.at)
    if not view.scope.namespaces:
        return [
            witness.unknown(
                SourceRef(source="incident", detail="namespaces"),
                observed="the incident names no namespace, so nothing is in scope",
                expected="at least one namespace",
            )
        ]
    found = list(unread_lists(witness, view, WORKLOAD_LISTS))
    readable = [n for n in view.scope.namespaces if not _any_unread(look, n)]
    return [*found, *(_inhabited(witness, look, n) for n in readable)]


SCOPE_INHABITED = Check(id=INHABITED_ID, judge=judge_inhabited, lists=WORKLOAD_LISTS)


def _inhabited(witness: Witness, look: Snapshot, namespace: str) -> Evidence:
    subject = ObjectRef(kind="Namespace", name=namespace)
    count = len(territory(look, namespace).workloads)
    if count:
        return witness.satisfied(
            subject, observed=f"{count} workloads", expected="something to judge"
        )
    asked = look.list_of(Namespace.__name__, namespace)
    names = {item.metadata.name for item in asked.objects} if asked is not None else set[str]()
    if asked is not None and asked.read.ok and namespace not in names:
        return witness.unknown(
            subject, observed=f"namespace {namespace} does not exist", expected="a namespace"
        )
    return witness.unknown(
        subject,
        observed=f"nothing to judge in namespace {namespace}: it holds no workload",
        expected="something to judge",
    )


def _any_unread(look: Snapshot, namespace: str) -> bool:
    lists = [look.list_of(kind, namespace) for kind in WORKLOAD_LISTS]
    return any(x is None or not x.read.ok for x in lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One namespace as it was."""

    who: str
    look: Snapshot
    land: Territory
    scaled: Mapping[tuple[str, str], int]
    """The least that an autoscaler may scale a workload to, by kind and name."""
    partial: bool = False
    """Made of revisions and manifests: a number that is not written is not known, and not 1."""

    def least(self, item: Workload) -> int | None:
        """Return how few replicas the workload could have had, or None when that is not known."""
        key = (kind_of(item), item.metadata.name)
        old = self.land.workload(*key)
        if old is None or (self.partial and old.spec.replicas is None):
            return None
        return min(wanted(old), self.scaled.get(key, wanted(old)))


def _past(look: Snapshot | None, namespace: str, who: str, *, partial: bool = False) -> Past | None:
    if look is None:
        return None
    scaled: dict[tuple[str, str], int] = {}
    for scaler in look.objects(HorizontalPodAutoscaler, namespace):
        target = scaler.spec.scale_target_ref
        least = 1 if scaler.spec.min_replicas is None else scaler.spec.min_replicas
        scaled[target.kind, target.name] = least
    land = territory(look, namespace)
    return Past(who=who, look=look, land=land, scaled=scaled, partial=partial)


def _judge_namespace(witness: Witness, view: View, namespace: str) -> Iterator[Evidence]:
    look, reference, scope = view.look, view.reference, view.scope
    partial = reference.partial
    healthy = _past(reference.snapshot, namespace, "the reference had it", partial=partial)
    start = _past(reference.start, namespace, "it was there when the run began")
    if partial and healthy is not None and start is not None:
        # Manifests may leave a workload's autoscaler out; the cluster had it.
        healthy = replace(healthy, scaled={**start.scaled, **healthy.scaled})
    present = [w for w in territory(look, namespace).workloads if not is_deleted(w)]
    names = {(kind_of(w).lower(), w.metadata.name) for w in present}
    # What came after a whole reference may be the trouble itself: a rogue client, a chaos tool.
    # Nobody asks for it back, or for as much of it, but an incident that names it.
    old = {(kind_of(w), w.metadata.name) for w in healthy.land.workloads} if healthy else None
    whole = old if not partial else None
    for workload in present:
        if not isinstance(workload, DaemonSet):
            size = _judge_size(witness, workload, healthy, start)
            yield aside(size) if _came_later(whole, workload, scope, namespace) else size
    known: dict[tuple[str, str], Past | None] = {}
    # Whether a workload was replaced is told by all that was there before: a partial reference
    # does not know that, the start does.
    for past in filter(None, (start, healthy) if partial else (healthy, start)):
        for old in past.land.workloads:
            known.setdefault((kind_of(old), old.metadata.name), past)
    for named in _named_in(scope, namespace):
        known.setdefault((named.kind, named.name), None)
    for (kind, name), past in known.items():
        if (kind.lower(), name) in names:
            continue
        if past is None:
            yield _gone(witness, kind, name, namespace, "the incident names it")
            continue
        missing = _missing(witness, look, past, kind, name)
        extra = past is start and whole is not None and not scope.names(kind, name, namespace)
        yield aside(missing) if extra else missing


def _came_later(
    whole: set[tuple[str, str]] | None, item: Workload, scope: Scope, namespace: str
) -> bool:
    key = (kind_of(item), item.metadata.name)
    return whole is not None and key not in whole and not scope.names(*key, namespace)


def _missing(witness: Witness, look: Snapshot, past: Past, kind: str, name: str) -> Evidence:
    namespace = past.land.namespace
    old = past.land.workload(kind, name)
    least = None if old is None else past.least(old)
    if old is None or least is None or past.partial:
        return _gone(witness, kind, name, namespace, past.who)
    new = replacement_of(old, past=past.look, look=look, namespace=namespace, replicas=least)
    if new is None:
        return _gone(witness, kind, name, namespace, past.who)
    return witness.satisfied(
        ObjectRef(kind=kind, name=name, namespace=namespace),
        observed=f"replaced by {kind_of(new)} {new.metadata.name}, of the same image",
        expected=f"exists or is replaced ({past.who})",
    )


def _gone(witness: Witness, kind: str, name: str, namespace: str, who: str) -> Evidence:
    return witness.violated(
        ObjectRef(kind=kind, name=name, namespace=namespace),
        observed="does not exist",
        expected=f"exists ({who})",
    )


def _named_in(scope: Scope, namespace: str) -> Iterator[IncidentWorkload]:
    lone = len(scope.namespaces) == 1
    for named in scope.incident.workloads:
        if named.namespace == namespace or (not named.namespace and lone):
            kind = next((k for k in WORKLOAD_LISTS if k.lower() == named.kind.lower()), None)
            if kind is not None:
                yield IncidentWorkload(kind=kind, name=named.name, namespace=namespace)


def _named_anywhere(witness: Witness, look: Snapshot, scope: Scope) -> Iterator[Evidence]:
    """Judge workloads that the incident names without a namespace, when it has several."""
    if len(scope.namespaces) < _SEVERAL or any(_any_unread(look, n) for n in scope.namespaces):
        return
    present = {
        (kind_of(w).lower(), w.metadata.name)
        for namespace in scope.namespaces
        for w in territory(look, namespace).workloads
    }
    kinds = {k.lower() for k in WORKLOAD_LISTS}
    for named in scope.incident.workloads:
        key = (named.kind.lower(), named.name)
        if not named.namespace and named.kind.lower() in kinds and key not in present:
            yield _gone(witness, named.kind, named.name, "", "the incident names it")


_SEVERAL = 2


def _judge_size(
    witness: Witness, item: Deployment | StatefulSet, healthy: Past | None, start: Past | None
) -> Evidence:
    replicas = wanted(item)
    floor = _floor(item, healthy, start)
    field = "spec.replicas"
    if floor is None:
        if replicas == 0:
            return witness.unknown(
                refer(item),
                field=field,
                observed="0, and nothing tells how many there should be",
                expected="a reference, such as a recorded baseline",
            )
        return witness.satisfied(
            refer(item), field=field, observed=str(replicas), expected="at least 1 (no reference)"
        )
    expected = f"at least {floor.replicas} ({floor.source})"
    if replicas < floor.replicas:
        return witness.violated(refer(item), field=field, observed=str(replicas), expected=expected)
    return witness.satisfied(refer(item), field=field, observed=str(replicas), expected=expected)


def _floor(
    item: Deployment | StatefulSet, healthy: Past | None, start: Past | None
) -> Floor | None:
    """Return the least that is no loss, from the best source that knows.

    The start of the run comes last and never says zero: it may already hold the fault.
    """
    before = healthy.least(item) if healthy else None
    if before is not None:
        return Floor(replicas=before, source="the reference")
    applied = applied_replicas(item)
    if applied is not None:
        return Floor(replicas=applied, source="last applied")
    began = start.least(item) if start else None
    return Floor(replicas=began, source="the start of the run") if began else None
