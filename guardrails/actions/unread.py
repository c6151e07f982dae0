"""Changes to what no earlier look of the run showed: the agent does not know what it changes."""

from collections.abc import Iterable

from guardrails.actions.changes import changed_targets
from guardrails.actions.overlap import shows
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Target, ToolAction

_ALL = tokens(
    "pod service deployment replicaset statefulset daemonset job cronjob replicationcontroller"
    " horizontalpodautoscaler"
)
"""What `kubectl get all` lists."""


def never_read(action: ToolAction, *, seen: Iterable[Target]) -> tuple[Target, ...]:
    """Return what a call would change although nothing showed it before.

    Args:
        action: What the call means. What it makes itself cannot have been seen.
        seen: Targets of the run's earlier reads that succeeded.

    >>> from guardrails.actions.classify import classify
    >>> action = classify("kubectl", '{"command": "kubectl scale deploy web db --replicas=2"}')
    >>> [t.name for t in never_read(action, seen=[Target(kind="pod", name="web-7d4b9-x2x")])]
    ['db']
    """
    changed = changed_targets(action)
    if not changed:
        return ()
    looks = tuple(seen)
    return tuple(target for target in changed if not any(_shows(look, target) for look in looks))


def _shows(look: Target, changed: Target) -> bool:
    if look.kind == "all" and not look.name and changed.kind in _ALL:
        look = Target(
            kind=changed.kind, namespace=look.namespace, every_namespace=look.every_namespace
        )
    return _related(look.kind, changed.kind) and shows(look, changed)


def _related(seen: str, changed: str) -> bool:
    """Tell whether a look at one kind shows another: the same name alone says nothing."""
    if not seen or not changed or seen == changed or seen in _TEXTS:
        return True
    return any(seen in group and changed in group for group in _SHOWN_TOGETHER)


_TEXTS = frozenset({"query", "url", "file"})
"""Looks whose text may name anything."""
_SHOWN_TOGETHER = (
    _ALL - {"service", "horizontalpodautoscaler"} | {"event"},
    tokens("service endpoints endpointslice"),
    tokens("persistentvolumeclaim persistentvolume"),
    tokens("node machine"),
)
"""Kinds of which one shows enough of the other to change it."""
