"""What a call asked for, as far as it tells of whom its output speaks.

`followed` keeps of a call what the ledger needs until it returns; a call that reads neither objects
nor alerts, and changes nothing, leaves nothing to follow.
"""

from typing import Final, NamedTuple

from guardrails.actions.evidence import EvidenceKind
from guardrails.actions.programs import is_program
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction

OPERATIONS_KEPT: Final = 8
TARGETS_KEPT: Final = 32
"""Most of a call that is kept while it runs. A longer one is kept as a change to anything, or as a
read whose output alone says of what."""

_TELLING = {EvidenceKind.OBJECTS, EvidenceKind.EVENTS, EvidenceKind.ALERTS, EvidenceKind.METRICS}
_MUTE = tokens("logs attach port-forward exec cp explain api-resources version config diff")
"""Verbs of kubectl whose output is not kubectl's own words about objects. A log may quote a table,
and a program's exit code is not its container's."""
_CLIENTS = tokens("kubectl oc")
_OTHER_CLIENTS = tokens("helm argocd flux curl wget amtool promtool")
"""Programs beside kubectl that print objects or alerts; `cat` and `jq` only hand them on."""
_WRITES = (Effect.WRITE, Effect.DESTRUCTIVE)


class Ask(NamedTuple):
    """One list or object that a call asked for."""

    kind: str
    namespace: str
    name: str = ""


class Whole(NamedTuple):
    """A call that lists all objects of one kind in one place, and does nothing else."""

    kind: str
    namespace: str
    everywhere: bool


def followed(action: ToolAction, *, kinds: tuple[EvidenceKind, ...]) -> ToolAction | None:
    """Return what the ledger needs of a call, bounded; None if it will have nothing to say.

    Args:
        action: What the call means.
        kinds: Kinds of evidence that it yields, as `actions.evidence` tells them.
    """
    if action.effect is Effect.FINISH:
        return None
    reads = action.effect is Effect.READ
    if reads and (_TELLING.isdisjoint(kinds) or not any(map(_tells, action.operations))):
        return None
    targets = sum(len(operation.targets) for operation in action.operations)
    if len(action.operations) <= OPERATIONS_KEPT and targets <= TARGETS_KEPT:
        return action
    if reads:
        return _SOMETHING_READ
    return ToolAction(effect=action.effect, understood=False)


_SOMETHING_READ: Final = ToolAction(
    effect=Effect.READ,
    operations=(Operation(program="kubectl", verb="get", effect=Effect.READ),),
)


def asks(action: ToolAction) -> tuple[Ask, ...]:
    """Return what a call's own reads asked for, in order; nothing if its output tells nothing.

    A dry run prints what might be, and what is read before a change is old by the time that the
    call returns.
    """
    found: list[Ask] = []
    for operation in action.operations:
        if operation.dry_run:
            return ()
        if operation.effect in _WRITES:
            found.clear()
        elif _tells(operation):
            found += [Ask(t.kind, t.namespace, t.name) for t in operation.targets] or [Ask("", "")]
    return tuple(found)


def _tells(operation: Operation) -> bool:
    if operation.effect is not Effect.READ or operation.dry_run:
        return False
    if operation.program in _CLIENTS:
        return operation.verb.partition(" ")[0] not in _MUTE
    return operation.program in _OTHER_CLIENTS or not is_program(operation.program)


def whole_list(action: ToolAction) -> Whole | None:
    """Return what a call lists without leaving anything out; None if that is not sure.

    Only of kubectl's command line it is known what narrows a list. What stands behind a pipe is an
    operation of its own, so a list that goes through `grep` or `head` is none.
    """
    match action:
        case ToolAction(
            effect=Effect.READ,
            understood=True,
            operations=(Operation(program="kubectl" | "oc", verb="get", targets=(target,)),),
        ) if _is_open(target):
            return Whole(target.kind, target.namespace, target.every_namespace)
        case _:
            return None


def _is_open(target: Target) -> bool:
    return (
        bool(target.kind)
        and target.kind not in _NO_LISTS
        and not target.name
        and (not target.selector)
    )


_NO_LISTS = tokens("all event url file query")
