"""Whether disruption budgets still guard what they guarded.

That a budget allows no disruption is no fault by itself: pods are missing, which is judged as
such, or it was written so. It is told, because it holds up whoever drains a node.
"""

from collections.abc import Iterator

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.objects import Pod, PodDisruptionBudget
from guardrails.gates.kubernetes.topology import condition, reaction_by, territory
from guardrails.gates.snapshot import Snapshot

ID = CheckId("disruption-budget")

LISTS = ("PodDisruptionBudget", "Pod")


def judge_budgets(view: View) -> list[Evidence]:
    """Judge every PodDisruptionBudget in scope."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        pods = view.look.list_of(Pod.__name__, namespace)
        if pods is not None and pods.read.ok:
            budgets = view.look.objects(PodDisruptionBudget, namespace)
            found.extend(_judge(witness, view, b) for b in budgets if _stays(b))
    return found


DISRUPTION_BUDGET = Check(id=ID, judge=judge_budgets, lists=LISTS)


def _stays(budget: PodDisruptionBudget) -> bool:
    return budget.metadata.deletion_timestamp is None


def _judge(witness: Witness, view: View, budget: PodDisruptionBudget) -> Evidence:
    wrong = next(_wrong(view, budget), None)
    if wrong is not None:
        field, observed, expected = wrong
        return witness.violated(
            refer(budget),
            field=field,
            observed=observed,
            expected=expected,
            settles_by=reaction_by(view.history, view.scope),
            settling=f"the disruption budget {budget.metadata.name} to be worked out",
        )
    return witness.satisfied(
        refer(budget), field="status", observed=_words(view, budget), expected="guards pods"
    )


def _wrong(view: View, budget: PodDisruptionBudget) -> Iterator[tuple[str, str, str]]:
    allowed = condition(budget.status.conditions, "DisruptionAllowed")
    # InsufficientPods says that pods are missing, which other checks do better.
    if allowed is not None and allowed.status == "False" and allowed.reason == "SyncFailed":
        said = f"{allowed.reason}: {allowed.message}".rstrip(": ")
        yield "status.conditions[DisruptionAllowed]", said, "no failure to work it out"
    before = _guarded_before(view, budget)
    if before and not _selects(view.look, budget):
        yield "spec.selector", "selects no pod", f"some, as in the reference ({before})"


def _guarded_before(view: View, budget: PodDisruptionBudget) -> int:
    past = view.reference.snapshot
    if past is None:
        return 0
    olds = past.objects(PodDisruptionBudget, budget.metadata.namespace)
    old = next((b for b in olds if b.metadata.name == budget.metadata.name), None)
    return old.status.expected_pods if old is not None else 0


def _selects(look: Snapshot, budget: PodDisruptionBudget) -> bool:
    selector, land = budget.spec.selector, territory(look, budget.metadata.namespace)
    return selector is not None and any(selector.selects(p.metadata.labels) for p in land.pods)


def _words(view: View, budget: PodDisruptionBudget) -> str:
    status = budget.status
    if not _selects(view.look, budget):
        return "selects no pod, and nothing tells that it ever did"
    if not status.disruptions_allowed:
        short = status.current_healthy < status.desired_healthy
        why = "pods are missing" if short else "every drain waits for it"
        return f"allows no disruption: {why}"
    return f"allows {status.disruptions_allowed} of {status.expected_pods} pods to be disrupted"
