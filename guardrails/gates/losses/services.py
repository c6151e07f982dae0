"""Whether Services are still there, on as many ports, and reachable from as far.

A Service's name is what callers know, so nothing replaces it; that it reaches pods is judged where
the network is.
"""

from collections.abc import Iterator
from dataclasses import replace

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.gates.checks import Check, View, Witness, aside, refer
from guardrails.gates.kubernetes.objects import Service
from guardrails.gates.losses.comparing import Ground, Loss, loss_check
from guardrails.gates.snapshot import Snapshot

LISTS = ("Service",)

_REACH = {"LoadBalancer": 2, "NodePort": 1}
"""From how far a type is reachable: from anywhere, from the nodes, else from inside."""


def find(ground: Ground) -> Iterator[Loss]:
    """Yield the Services that are gone, lost a port, or are not reachable from outside any more."""
    for old, new in ground.both(Service):
        if new is None:
            yield Loss(
                subject=ObjectRef(
                    kind="Service", name=old.metadata.name, namespace=ground.namespace
                ),
                observed="does not exist",
                expected="exists (the reference)",
            )
        elif old.spec != new.spec:
            yield from _less(old, new)


def _less(old: Service, new: Service) -> Iterator[Loss]:
    before = {p.port for p in old.spec.ports or ()}
    after = {p.port for p in new.spec.ports or ()}
    if after < before and new.spec.type != "ExternalName":
        # A port that moved is not gone; that its callers moved, too, is judged by them.
        missing = ", ".join(str(p) for p in sorted(before - after))
        yield Loss(
            subject=refer(new),
            field="spec.ports",
            observed=f"no port {missing}",
            expected="as many ports as in the reference",
        )
    if _REACH.get(new.spec.type, 0) < _REACH.get(old.spec.type, 0):
        yield Loss(
            subject=refer(new),
            field="spec.type",
            observed=new.spec.type,
            expected=f"{old.spec.type} (the reference)",
        )


_CHECK = loss_check("service-kept", LISTS, find)


def judge_services_kept(view: View) -> list[Evidence]:
    """Judge by the reference, and by the start of the run for what the reference did not know."""
    found = _CHECK.judge(view)
    start = view.reference.start
    if start is not None:
        witness = Witness(check=_CHECK.id, at=view.look.at)
        for namespace in view.scope.namespaces:
            found.extend(_since_start(witness, view, start, namespace))
    return found


SERVICE_KEPT: Check = replace(_CHECK, judge=judge_services_kept)


def _since_start(
    witness: Witness, view: View, start: Snapshot, namespace: str
) -> Iterator[Evidence]:
    reference = view.reference
    known: set[str] = set()
    if reference.snapshot is not None:
        known = {s.metadata.name for s in reference.snapshot.objects(Service, namespace)}
    ground = Ground(namespace=namespace, then=start, now=view.look)
    for old, new in ground.both(Service):
        if new is None and old.metadata.name not in known:
            gone = witness.violated(
                ObjectRef(kind="Service", name=old.metadata.name, namespace=namespace),
                observed="does not exist",
                expected="exists (it was there when the run began)",
            )
            # What came after a reference that knew all Services may be the trouble itself.
            yield aside(gone) if reference.knows("Service", namespace) else gone
