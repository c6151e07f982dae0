"""Whether autoscalers may still scale as far as before, and by as much as before.

Judged by the workload that they scale, so a renamed autoscaler is the same one. Higher bounds are
no loss, and a fixed number of replicas at the former maximum makes an autoscaler needless.
"""

from collections.abc import Iterator, Sequence

from guardrails.core.evidence import ObjectRef
from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import HorizontalPodAutoscaler
from guardrails.gates.kubernetes.objects.capacity import Metric
from guardrails.gates.kubernetes.objects.workloads import WorkloadSpec
from guardrails.gates.losses.comparing import TEMPLATE_LISTS, Ground, Loss, Owner, loss_check

LISTS = ("HorizontalPodAutoscaler", *TEMPLATE_LISTS)

TARGET_GROWTH = 2
TARGET_MOST = 100
"""A target utilization that at least doubled, and is above the whole request: the autoscaler acts
only when its pods use more than they are sure to get."""


def find(ground: Ground) -> Iterator[Loss]:
    """Yield what each autoscaler of the reference lost."""
    if not ground.is_read("HorizontalPodAutoscaler"):
        return
    targets = {(type(p.old).__name__, p.old.metadata.name): p.new for p in ground.pairs()}
    now = ground.has(HorizontalPodAutoscaler)
    for old in ground.had(HorizontalPodAutoscaler):
        ref = old.spec.scale_target_ref
        target = targets.get((ref.kind, ref.name))
        new = _for(now, old, target)
        if new is None:
            yield from _gone(old, target)
        elif new.spec != old.spec:
            yield from _weaker(old, new)


AUTOSCALER_KEPT = loss_check("autoscaler-kept", LISTS, find)


def _for(
    now: Sequence[HorizontalPodAutoscaler], old: HorizontalPodAutoscaler, target: Owner | None
) -> HorizontalPodAutoscaler | None:
    ref = old.spec.scale_target_ref
    wanted_ref = (ref.kind, ref.name)
    if target is not None:
        wanted_ref = (type(target).__name__, target.metadata.name)
    about = [
        x for x in now if (x.spec.scale_target_ref.kind, x.spec.scale_target_ref.name) == wanted_ref
    ]
    same = [x for x in about if x.metadata.name == old.metadata.name]
    return next(iter((*same, *about)), None)


def _gone(old: HorizontalPodAutoscaler, target: Owner | None) -> Iterator[Loss]:
    fixed = 0
    if target is not None and isinstance(target.spec, WorkloadSpec):
        fixed = 1 if target.spec.replicas is None else target.spec.replicas
    if fixed >= old.spec.max_replicas > 0:
        return
    name = old.spec.scale_target_ref.name
    yield Loss(
        subject=ObjectRef(
            kind="HorizontalPodAutoscaler",
            name=old.metadata.name,
            namespace=old.metadata.namespace,
        ),
        observed=f"nothing scales {old.spec.scale_target_ref.kind} {name}",
        expected=f"scales up to {old.spec.max_replicas} (the reference)",
    )


def _weaker(old: HorizontalPodAutoscaler, new: HorizontalPodAutoscaler) -> Iterator[Loss]:
    def loss(field: str, observed: object, expected: object) -> Loss:
        return Loss(
            subject=refer(new),
            field=f"spec.{field}",
            observed=str(observed),
            expected=f"{expected} (the reference)",
        )

    if new.spec.max_replicas < old.spec.max_replicas:
        yield loss("maxReplicas", new.spec.max_replicas, f"at least {old.spec.max_replicas}")
    least, had = least_of(new), least_of(old)
    if least < had:
        yield loss("minReplicas", least, f"at least {had}")
    before, after = _metrics(old), _metrics(new)
    if after < before:
        yield loss("metrics", _words(after), _words(before))
    for name in before & after:
        was, is_now = _target(old, name), _target(new, name)
        if was and is_now > TARGET_MOST and is_now >= TARGET_GROWTH * was:
            yield loss(f"metrics[{name}]", f"{is_now} %", f"{was} %")


def least_of(scaler: HorizontalPodAutoscaler) -> int:
    """Return how few replicas an autoscaler may leave; the API means 1 where nothing is said."""
    return 1 if scaler.spec.min_replicas is None else scaler.spec.min_replicas


def _name(metric: Metric) -> str:
    return metric.resource.name if metric.resource is not None else metric.type


def _metrics(scaler: HorizontalPodAutoscaler) -> frozenset[str]:
    return frozenset(_name(m) for m in scaler.spec.metrics or ())


def _words(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _target(scaler: HorizontalPodAutoscaler, name: str) -> int:
    found = (
        m.resource.target
        for m in scaler.spec.metrics or ()
        if m.resource is not None and m.resource.name == name
    )
    return next((t.average_utilization or 0 for t in found), 0)
