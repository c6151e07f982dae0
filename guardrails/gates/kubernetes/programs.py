"""What pods run, and whether two workloads run the same program."""

from collections.abc import Collection, Sequence

from guardrails.gates.kubernetes.objects import Pod
from guardrails.gates.kubernetes.replacement import image_name
from guardrails.gates.kubernetes.targetports import is_helper
from guardrails.gates.kubernetes.topology import Owner, Territory

Owners = Collection[Owner]


def images_of(pods: Sequence[Pod]) -> frozenset[str]:
    """Return the images that pods run, whole."""
    return frozenset(c.image for pod in pods for c in pod.spec.containers or ())


def is_one_program(before: Territory, had: Owners, now: Territory, has: Owners) -> bool:
    """Tell whether what serves now is another copy of what served then, such as its green one.

    An image that further applications run, as that of a language, does not tell: what is launched
    in it must then be the same too.

    Args:
        before: The namespace in the reference.
        had: What served there.
        now: The namespace now.
        has: What serves instead.
    """
    shared = _programs(_pods(before, had)) & _programs(_pods(now, has))
    if not shared or _launched(before, had) & _launched(now, has):
        return bool(shared)
    others = before.by_owner.keys() - set(had) - set(has)
    return not shared & _programs(_pods(before, others))


def _programs(pods: Sequence[Pod]) -> frozenset[str]:
    """Return the images without registry and tag, helpers left out."""
    return frozenset(
        image_name(container.image)
        for pod in pods
        for container in pod.spec.containers or ()
        if not is_helper(container)
    )


def _pods(land: Territory, owners: Owners) -> list[Pod]:
    return [pod for owner in owners for pod in land.by_owner.get(owner, ())]


def _launched(land: Territory, owners: Owners) -> frozenset[tuple[str, ...]]:
    """Return commands with arguments, as templates say; an image's own are not known."""
    workloads = (land.workload(owner.kind, owner.name) for owner in owners)
    return frozenset(
        (*(container.command or ()), *(container.args or ()))
        for workload in workloads
        if workload is not None
        for container in workload.spec.template.spec.containers or ()
        if container.command or container.args
    )
