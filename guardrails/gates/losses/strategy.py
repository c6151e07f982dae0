"""Whether rollouts became more careless: fewer pods kept up, no waiting, no way back.

What counts is how many pods serve in the middle of a rollout, not how the strategy spells it.
"""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import CronJob, Deployment, StatefulSet, Workload
from guardrails.gates.kubernetes.objects.workloads import Strategy
from guardrails.gates.kubernetes.topology import wanted
from guardrails.gates.losses.comparing import Loss, Pair, template_check
from guardrails.gates.losses.shares import scaled_down

LEAST_SHARE = 0.5
"""Of the pods, how many must stay up at the least. Trading a surge that a quota forbids for one
pod fewer is an honest fix; having less than half is not."""

READY_SHARE = 0.5
"""Of `minReadySeconds`, what must be left."""

DEADLINE_GROWTH = 10
DEADLINE_SECONDS = 3600
"""A rollout that is given ten times as long, and more than an hour, never fails."""


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield what a workload's rollouts lost."""
    old, new = pair.old, pair.new
    if isinstance(old, CronJob) or isinstance(new, CronJob):
        return
    yield from _type(pair, old, new)
    yield from _floor(pair, old, new)
    yield from _waits(pair, old, new)


STRATEGY_KEPT = template_check("strategy-kept", compare)


def _type(pair: Pair, old: Workload, new: Workload) -> Iterator[Loss]:
    before, after = _type_of(old), _type_of(new)
    careless = {"Recreate": 1, "OnDelete": 2}
    if before and careless.get(after, 0) > careless.get(before, 0):
        yield pair.loss(f"{_field(new)}.type", after, before)
    partition, was = _partition(new), _partition(old)
    if partition > was:
        observed = f"{partition}: pods below it are never updated"
        yield pair.loss(f"{_field(new)}.rollingUpdate.partition", observed, str(was))


def _floor(pair: Pair, old: Workload, new: Workload) -> Iterator[Loss]:
    before, after = kept_up(old), kept_up(new)
    if before is None or after is None:
        return
    if after < before and after < LEAST_SHARE * wanted(new):
        yield pair.loss(
            f"{_field(new)}.rollingUpdate.maxUnavailable",
            f"a rollout keeps {after} of {wanted(new)} pods up",
            f"{before} kept up",
        )


def _waits(pair: Pair, old: Workload, new: Workload) -> Iterator[Loss]:
    least = old.spec.min_ready_seconds
    if new.spec.min_ready_seconds < READY_SHARE * least:
        yield pair.loss("spec.minReadySeconds", str(new.spec.min_ready_seconds), str(least))
    before, after = old.spec.progress_deadline_seconds, new.spec.progress_deadline_seconds
    if before and after and after > DEADLINE_SECONDS and after >= DEADLINE_GROWTH * before:
        yield pair.loss("spec.progressDeadlineSeconds", str(after), str(before))
    history, kept = old.spec.revision_history_limit, new.spec.revision_history_limit
    if history and kept == 0:
        yield pair.loss("spec.revisionHistoryLimit", "0: no way to roll back", str(history))


def _strategy(item: Workload) -> Strategy | None:
    return item.spec.strategy if isinstance(item, Deployment) else item.spec.update_strategy


def _type_of(item: Workload) -> str:
    found = _strategy(item)
    return found.type if found is not None else ""


def _field(item: Workload) -> str:
    return "spec.strategy" if isinstance(item, Deployment) else "spec.updateStrategy"


def _partition(item: Workload) -> int:
    found = _strategy(item)
    if not isinstance(item, StatefulSet) or found is None or found.rolling_update is None:
        return 0
    return found.rolling_update.partition or 0


def kept_up(item: Workload) -> int | None:
    """Return how many pods a rolling update keeps up; None where that is not known.

    The API server fills in 25 % for Deployments and 1 for the others, and rounds a percentage of
    unavailable pods down; where the strategy is missing, the object is not from a server.
    """
    found = _strategy(item)
    if found is None or found.type not in {"RollingUpdate", ""}:
        return None
    rolling = found.rolling_update
    most = rolling.max_unavailable if rolling is not None else None
    if most is None:
        most = "25%" if isinstance(item, Deployment) else 1
    return max(0, wanted(item) - scaled_down(most, wanted(item)))
