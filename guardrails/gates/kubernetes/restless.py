"""Whether rollouts come to an end for good: nobody goes on changing what pods run.

A workload that is restarted every few minutes keeps the alert on missing replicas quiet, because
that alert looks whether the update counts moved.
"""

from collections.abc import Iterator
from itertools import pairwise

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import Workload
from guardrails.gates.kubernetes.settled import revision
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    is_deleted,
    is_unobserved,
    kind_of,
    territory,
)

ID = CheckId("rollout-restless")

ROLLOUTS_MOST = 1
"""Changes of the pod template while the gate looks: one may be the claimed mend, late to arrive."""


def judge_restlessness(view: View) -> list[Evidence]:
    """Count the changes of every workload's pods since the gate began to look."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, WORKLOAD_LISTS))
    for namespace in view.scope.namespaces:
        present = (w for w in territory(view.look, namespace).workloads if not is_deleted(w))
        found.extend(_judge(witness, view, workload) for workload in present)
    return found


ROLLOUT_RESTLESS = Check(id=ID, judge=judge_restlessness, lists=WORKLOAD_LISTS)


def _judge(witness: Witness, view: View, workload: Workload) -> Evidence:
    seen = tuple(_revisions(view, workload))
    changes = _changes(seen)
    if changes <= ROLLOUTS_MOST:
        return witness.satisfied(
            refer(workload),
            field="revision",
            observed=f"changed {changes} times while the gate looks",
            expected=f"at most {ROLLOUTS_MOST}",
        )
    return witness.violated(
        refer(workload),
        field="revision",
        observed=f"{' -> '.join(seen)}: its pods' template changed {changes} times while the gate "
        "looks",
        expected="a rollout that is left alone",
    )


def _revisions(view: View, workload: Workload) -> Iterator[str]:
    """Yield what each look saw, less those in which the controller was still to act on a write."""
    name = workload.metadata.name
    for look in view.history:
        past = territory(look, workload.metadata.namespace).workload(kind_of(workload), name)
        same = past is not None and past.metadata.uid == workload.metadata.uid
        if past is not None and same and not is_unobserved(past):
            yield revision(past)


def _changes(seen: tuple[str, ...]) -> int:
    """Return how often a revision changed: by its number where it is one, else by the looks."""
    if seen and all(number.isdecimal() for number in seen):
        return max(0, int(seen[-1]) - int(seen[0]))
    return sum(a != b for a, b in pairwise(seen))
