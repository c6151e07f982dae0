"""Whether as many pods as before are kept from eviction by PodDisruptionBudgets.

Judged by what they protect: a budget may be renamed, and may name its bound the other way round.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guardrails.core.evidence import ObjectRef
from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import (
    CronJob,
    DaemonSet,
    Deployment,
    PodDisruptionBudget,
    StatefulSet,
    Workload,
)
from guardrails.gates.kubernetes.topology import wanted
from guardrails.gates.losses.comparing import TEMPLATE_LISTS, Ground, Loss, loss_check
from guardrails.gates.losses.shares import scaled_up

LISTS = ("PodDisruptionBudget", *TEMPLATE_LISTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Protected:
    """A workload that a budget of the reference was about."""

    old: Workload
    new: Workload


def find(ground: Ground) -> Iterator[Loss]:
    """Yield every workload that is protected less than the reference's budgets did."""
    if not ground.is_read("PodDisruptionBudget"):
        return
    now = ground.has(PodDisruptionBudget)
    for budget in ground.had(PodDisruptionBudget):
        for item in _protected(ground, budget):
            observed = _weaker(budget, item, now)
            if observed:
                yield _loss(budget, item, observed, now)


DISRUPTION_BUDGET_KEPT = loss_check("disruption-budget-kept", LISTS, find)


def _protected(ground: Ground, budget: PodDisruptionBudget) -> Iterator[_Protected]:
    held = False
    for pair in ground.pairs():
        if isinstance(pair.old, CronJob) or isinstance(pair.new, CronJob):
            continue
        held = True
        if _covers(budget, pair.old):
            yield _Protected(old=pair.old, new=pair.new)
    if not held and ground.partial:
        # The reference knows the budget and not the workload; it stands for itself.
        for kind in (Deployment, StatefulSet, DaemonSet):
            for item in ground.has(kind):
                if _covers(budget, item):
                    yield _Protected(old=item, new=item)


def _covers(budget: PodDisruptionBudget, item: Workload) -> bool:
    selector = budget.spec.selector
    return selector is not None and selector.selects(item.spec.template.metadata.labels)


def _weaker(
    budget: PodDisruptionBudget, item: _Protected, now: Sequence[PodDisruptionBudget]
) -> str:
    had = required(budget, wanted(item.old))
    covering = [b for b in now if _covers(b, item.new)]
    if had == 0:
        return ""
    if not covering:
        return "no budget selects its pods"
    has = max(required(b, wanted(item.new)) for b in covering)
    # A budget that forbids every eviction blocks the drain of a node; one less is no loss.
    if has < min(had, wanted(item.old) - 1):
        return f"{has} of {wanted(item.new)} pods kept from eviction"
    return ""


def required(budget: PodDisruptionBudget, replicas: int) -> int:
    """Return how many pods of so many a budget keeps."""
    spec = budget.spec
    if spec.min_available is not None:
        return min(replicas, scaled_up(spec.min_available, replicas))
    if spec.max_unavailable is not None:
        return max(0, replicas - scaled_up(spec.max_unavailable, replicas))
    return 0


def _loss(
    budget: PodDisruptionBudget,
    item: _Protected,
    observed: str,
    now: Sequence[PodDisruptionBudget],
) -> Loss:
    name = budget.metadata.name
    same = next((b for b in now if b.metadata.name == name), None)
    gone = ObjectRef(kind="PodDisruptionBudget", name=name, namespace=budget.metadata.namespace)
    owner = f"{type(item.new).__name__} {item.new.metadata.name}"
    had = required(budget, wanted(item.old))
    return Loss(
        subject=refer(same) if same is not None else gone,
        field="spec",
        observed=f"{owner}: {observed}",
        expected=f"{had} of {wanted(item.old)} kept (the reference)",
    )
