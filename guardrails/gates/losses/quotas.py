"""Whether a namespace still has its room, and its neighbours their protection.

A quota that was lowered takes room from the namespace; one that is gone lets it take everybody's.
Raising one is how a namespace is given room.
"""

from collections.abc import Iterator, Mapping

from guardrails.core.evidence import ObjectRef
from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import LimitRange, ResourceQuota
from guardrails.gates.kubernetes.quantities import amount
from guardrails.gates.losses.comparing import Ground, Loss, loss_check
from guardrails.gates.losses.resources import is_less

LISTS = ("ResourceQuota", "LimitRange")


def find(ground: Ground) -> Iterator[Loss]:
    """Yield quotas and limit ranges that are gone, and quotas that are lower."""
    bounds = _bounds(ground)
    for old, new in ground.both(ResourceQuota):
        for name, value in (old.spec.hard or {}).items():
            yield from _quota(old, new, name, value, bounds)
    types = {limit.type for item in ground.has(LimitRange) for limit in item.spec.limits or ()}
    for old, _ in ground.both(LimitRange):
        for limit in old.spec.limits or ():
            if limit.type not in types:
                yield Loss(
                    subject=_gone("LimitRange", old.metadata.name, ground.namespace),
                    observed=f"no bounds and defaults for {limit.type}",
                    expected="some (the reference)",
                )


QUOTAS_KEPT = loss_check("quotas-kept", LISTS, find)


def _bounds(ground: Ground) -> Mapping[str, float]:
    """Return the tightest bound on each resource now; quotas add up."""
    found: dict[str, float] = {}
    for quota in ground.has(ResourceQuota):
        for name, value in (quota.spec.hard or {}).items():
            number = amount(value)
            if number is not None:
                found[name] = min(number, found.get(name, number))
    return found


def _quota(
    old: ResourceQuota,
    new: ResourceQuota | None,
    name: str,
    value: str | float,
    bounds: Mapping[str, float],
) -> Iterator[Loss]:
    place = old.metadata
    subject = _gone("ResourceQuota", place.name, place.namespace) if new is None else refer(new)
    if name not in bounds:
        yield Loss(
            subject=subject,
            field=f"spec.hard[{name}]",
            observed="no bound",
            expected=f"a bound, {value} (the reference)",
        )
        return
    lowered = (new.spec.hard or {}).get(name) if new is not None else None
    if lowered is not None and is_less(lowered, value, 1.0):
        yield Loss(
            subject=subject,
            field=f"spec.hard[{name}]",
            observed=str(lowered),
            expected=f"at least {value} (the reference)",
        )


def _gone(kind: str, name: str, namespace: str) -> ObjectRef:
    return ObjectRef(kind=kind, name=name, namespace=namespace)
