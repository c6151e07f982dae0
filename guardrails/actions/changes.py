"""The objects that a call's changes take for granted, less those that the call itself makes."""

from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction

_MAKES = tokens(
    "create apply run install upgrade deploy add insert generate upload write put post copy clone"
    " register save store import restore upsert"
)
"""Verbs whose object may be new. `helm upgrade --install` is how most releases begin."""
_KUBECTL_MAKES = tokens("create apply run")
"""Of `kubectl` only these: `apply edit-last-applied` and `expose` need what they name."""
_OUTSIDE = frozenset({"query", "url", "file", "unit"})
"""What no cluster lists by name."""


def changed_targets(action: ToolAction) -> tuple[Target, ...]:
    """Return what a call changes and does not make, in order, each once.

    >>> from guardrails.actions.classify import classify
    >>> line = "kubectl create deploy web --image=web && kubectl scale deploy web db --replicas=2"
    >>> [target.name for target in changed_targets(classify("bash", '{"command": "%s"}' % line))]
    ['db']
    """
    made: set[str] = set()
    found: dict[Target, None] = {}
    for operation in action.operations:
        if operation.effect not in {Effect.WRITE, Effect.DESTRUCTIVE} or operation.dry_run:
            continue
        objects = objects_of(operation)
        if _makes(operation):
            made.update(target.name for target in objects)
        else:
            found |= dict.fromkeys(
                each for each in objects if each.name not in made or not each.name
            )
    return tuple(found)


def objects_of(operation: Operation) -> tuple[Target, ...]:
    """Return the targets that are objects of a cluster, and not files, queries or addresses."""
    return tuple(target for target in operation.targets if target.kind not in _OUTSIDE)


def _makes(operation: Operation) -> bool:
    if operation.program == "kubectl":
        return operation.verb in _KUBECTL_MAKES
    return not _MAKES.isdisjoint(operation.verb.split())
