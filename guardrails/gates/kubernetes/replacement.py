"""Whether a workload that is gone was replaced: an honest fix may rename it, or change its kind.

Told by function, not by name: another workload runs the same image, under any tag and from any
registry, in the same number, behind every Service that the old one stood behind.
"""

from collections.abc import Iterator

from guardrails.gates.kubernetes.backing import network
from guardrails.gates.kubernetes.objects import Service, Workload
from guardrails.gates.kubernetes.topology import Owner, is_deleted, kind_of, territory, wanted
from guardrails.gates.snapshot import Snapshot


def replacement_of(
    old: Workload, *, past: Snapshot, look: Snapshot, namespace: str, replicas: int
) -> Workload | None:
    """Return the workload that took over, or None.

    Args:
        old: The one that is gone.
        past: Where it was seen.
        look: Where it is gone from.
        namespace: Of both.
        replicas: How many the new one must ask for at least.
    """
    served = network(past, namespace).backed.get(
        Owner(kind=kind_of(old), name=old.metadata.name), frozenset[str]()
    )
    services = network(look, namespace).services
    if not served <= services.keys():
        return None
    known = territory(past, namespace)
    for new in territory(look, namespace).workloads:
        is_new = known.workload(kind_of(new), new.metadata.name) is None
        if (
            is_new
            and not is_deleted(new)
            and wanted(new) >= replicas
            and not _images(old).isdisjoint(_images(new))
            and all(selects(services[name], new) for name in served)
        ):
            return new
    return None


def selects(service: Service, workload: Workload) -> bool:
    """Tell whether a Service selects the pods that a workload makes, by its template."""
    selector = service.spec.selector or {}
    labels = workload.spec.template.metadata.labels or {}
    return bool(selector) and selector.items() <= labels.items()


def _images(workload: Workload) -> frozenset[str]:
    return frozenset(_names(workload))


def _names(workload: Workload) -> Iterator[str]:
    for container in workload.spec.template.spec.containers or ():
        yield image_name(container.image)


def image_name(image: str) -> str:
    """Return the last part of an image's repository, whatever its registry and tag.

    >>> image_name("registry:5000/team/payment:1.4@sha256:0a")
    'payment'
    """
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
