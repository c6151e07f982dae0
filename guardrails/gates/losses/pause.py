"""Whether a rollout was paused: a paused Deployment looks finished and takes no change any more."""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import Deployment
from guardrails.gates.losses.comparing import Loss, Pair, template_check


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield a Deployment that is paused and was not."""
    old, new = pair.old, pair.new
    if isinstance(new, Deployment) and new.spec.paused:
        was = isinstance(old, Deployment) and old.spec.paused
        if not was:
            yield pair.loss("spec.paused", "paused: changes are not rolled out", "not paused")


PAUSE_KEPT = template_check("pause-kept", compare)
