"""Whether everything that a pod ran is still there: start-up steps, sidecars, lifecycle hooks.

Steps may be reordered, renamed and given another image. A step that hangs makes a pod hang, and
leaving it out makes the pod start; what it did is then missing.
"""

from collections.abc import Callable, Iterator, Sequence

from guardrails.gates.kubernetes.objects.templates import Hook, Lifecycle
from guardrails.gates.losses.comparing import Loss, Pair, template_check
from guardrails.gates.losses.containers import (
    Match,
    is_idle,
    line_of,
    match_all,
    match_running,
    match_steps,
)

Get = Callable[[Lifecycle], Hook | None]

_HOOKS: Sequence[tuple[str, Get]] = (
    ("postStart", lambda x: x.post_start),
    ("preStop", lambda x: x.pre_stop),
)


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield the steps, containers and hooks that a template lost."""
    steps = match_steps(pair.before, pair.after)
    kept = match_running(pair.before, pair.after)
    where = "spec.template.spec"
    for gone in steps.gone:
        yield pair.loss(f"{where}.initContainers[{gone.name}]", "not there", "a start-up step")
    for gone in kept.gone:
        yield pair.loss(f"{where}.containers[{gone.name}]", "not there", "a container")
    for match in steps.matches:
        if is_idle(line_of(match.new)) and not is_idle(line_of(match.old)):
            yield pair.loss(f"{match.field}.command", "does nothing", "a start-up step")
    for match in match_all(pair.before, pair.after):
        yield from _hooks(pair, match)


STARTUP_STEPS_KEPT = template_check("startup-steps-kept", compare)


def _hooks(pair: Pair, match: Match) -> Iterator[Loss]:
    before, after = match.old.lifecycle or Lifecycle(), match.new.lifecycle or Lifecycle()
    for name, get in _HOOKS:
        if get(before) is not None and get(after) is None:
            yield pair.loss(f"{match.field}.lifecycle.{name}", "no hook", "a hook")
