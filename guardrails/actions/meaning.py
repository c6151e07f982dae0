"""How the meanings of parts become the meaning of a whole.

Every analyser of this room answers with a `ToolAction`; these few functions build and join them, so
that the two rules of the room hold in one place: the gravest operation counts, and what is not
understood is at least a write.
"""

from collections.abc import Iterable

from guardrails.core.toolaction import Effect, Operation, Target, ToolAction

NOTHING = ToolAction(effect=Effect.READ)
"""A part that does nothing to the world, such as an assignment."""


def meaning(operations: Iterable[Operation], *, understood: bool = True) -> ToolAction:
    """Join operations into one action."""
    found = tuple(operations)
    effect = Effect.READ if understood else Effect.WRITE
    for operation in found:
        if operation.effect.gravity > effect.gravity:
            effect = operation.effect
    return ToolAction(effect=effect, operations=found, understood=understood)


def join(parts: Iterable[ToolAction]) -> ToolAction:
    """Join the actions of several parts, such as the commands of a pipeline."""
    found = tuple(parts)
    if len(found) == 1:
        return found[0]
    return meaning(
        (operation for part in found for operation in part.operations),
        understood=all(part.understood for part in found),
    )


def one(  # one keyword per field of the operation
    program: str,
    *,
    verb: str,
    effect: Effect,
    targets: tuple[Target, ...] = (),
    dry_run: bool = False,
    why: str = "",
    understood: bool = True,
) -> ToolAction:
    """Make an action of one operation."""
    return meaning(
        (
            Operation(
                program=program,
                verb=verb,
                effect=effect,
                targets=targets,
                dry_run=dry_run,
                why=why,
            ),
        ),
        understood=understood,
    )


def unclear(
    program: str, *, why: str, verb: str = "", targets: tuple[Target, ...] = ()
) -> ToolAction:
    """Make the action of something that could not be understood: a write, and said so."""
    return one(program, verb=verb, effect=Effect.WRITE, targets=targets, why=why, understood=False)


def file_targets(names: Iterable[str]) -> tuple[Target, ...]:
    """Name files as targets."""
    return tuple(Target(kind="file", name=known(name)) for name in names)


OPEN = "\x1a"
"""Stands in a word for a piece that only the running shell knows (`$POD`, `$(…)`, `{a,b}`).

ASCII's own "substitute" character: no honest line holds one, and a line that does is doubted.
"""


def known(word: str) -> str:
    """Give a word that is fully known, or nothing: targets never hold half a name."""
    return "" if OPEN in word else word
