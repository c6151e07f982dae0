"""Whether looking at one thing shows what became of another that was changed."""

from guardrails.core.toolaction import Target

_OF_WORKLOADS = frozenset(
    {"deployment", "statefulset", "daemonset", "replicaset", "pod", "job", "event", ""}
)
"""Kinds whose lists show what a change to a workload led to."""
_TEXTS = frozenset({"query", "url"})


def shows(seen: Target, changed: Target) -> bool:
    """Tell whether a look at `seen` shows the state of `changed`.

    A list of pods shows a changed deployment, a pod whose name begins with a workload's shows the
    workload, and a query that names the object shows it too.

    >>> shows(Target(kind="pod", name="web-7d4b9-x2x"), Target(kind="deployment", name="web"))
    True
    """
    if seen.kind in _TEXTS:
        return not changed.name or changed.name in seen.name
    if not _share_namespace(seen, changed):
        return False
    if not changed.name:
        return changed.kind in {"", seen.kind} or not seen.kind
    if not seen.name:
        related = seen.kind in _OF_WORKLOADS and changed.kind in _OF_WORKLOADS
        return related or seen.kind in {"", changed.kind}
    return seen.name == changed.name or seen.name.startswith(f"{changed.name}-")


def _share_namespace(seen: Target, changed: Target) -> bool:
    either_open = not seen.namespace or not changed.namespace
    return seen.every_namespace or either_open or seen.namespace == changed.namespace
