"""Whether capacity was taken away: limits and requests removed or lowered.

More is no loss. Limits bound what a container may take from its neighbours and what it may use
itself; a request is what it is sure to get.
"""

from collections.abc import Iterator, Mapping

from guardrails.gates.kubernetes.objects.templates import Resources
from guardrails.gates.kubernetes.quantities import amount
from guardrails.gates.losses.comparing import Loss, Pair, template_check
from guardrails.gates.losses.containers import Match, match_all

LIMIT_SHARE = 0.9
"""Of a limit, what must be left. Decimal and binary units (1G and 1Gi) differ by up to a tenth,
and people write one for the other; anything below is capacity that the container had."""

REQUEST_SHARE = 0.5
"""Of a request, what must be left. Requests are often generous, and lowering one is how a pod is
fitted into a full cluster; below a half it is no longer sure to get what it was sized for."""

Amounts = Mapping[str, str | int | float]


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield what each container that is still there lost."""
    for match in match_all(pair.before, pair.after):
        before = match.old.resources or Resources()
        after = match.new.resources or Resources()
        if before != after:
            yield from _limits(pair, match, before.limits or {}, after.limits or {})
            yield from _requests(pair, match, requests_of(before), requests_of(after))


RESOURCES_KEPT = template_check("resources-kept", compare)


def requests_of(resources: Resources) -> Amounts:
    """Return what is requested; without a request of its own, a limit stands for it in the API."""
    return {**(resources.limits or {}), **(resources.requests or {})}


def _limits(pair: Pair, match: Match, old: Amounts, new: Amounts) -> Iterator[Loss]:
    for name, value in old.items():
        field = f"{match.field}.resources.limits.{name}"
        if name not in new:
            yield pair.loss(field, "no limit", str(value))
        elif is_less(new[name], value, LIMIT_SHARE):
            yield pair.loss(field, str(new[name]), f"at least {value}")


def _requests(pair: Pair, match: Match, old: Amounts, new: Amounts) -> Iterator[Loss]:
    limits = (match.old.resources or Resources()).limits or {}
    for name, value in old.items():
        field = f"{match.field}.resources.requests.{name}"
        if name not in new:
            if name not in limits:  # a limit that is gone is told already
                yield pair.loss(field, "no request", str(value))
        elif is_less(new[name], value, REQUEST_SHARE):
            yield pair.loss(field, str(new[name]), f"at least half of {value}")


def is_less(new: str | float, old: str | float, share: float) -> bool:
    """Tell whether less than a share is left; of what cannot be read, nothing is told."""
    left, had = amount(new), amount(old)
    return left is not None and had is not None and left < share * had
