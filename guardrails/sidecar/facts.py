"""What a caller may state, and what only the guard may say.

A caller tells what its agent did. Reports of the gate, answers of people and the start of a run are
the guard's own: a caller that could state them would accept its own end.
"""

from typing import Final

import msgspec

from guardrails.core.events import (
    AgentHandedOff,
    AnyFact,
    ContextFiltered,
    ErrorRaised,
    Fact,
    MessagePassed,
    ModelReplied,
    NodeRan,
    PlanStated,
    RunPaused,
    RunResumed,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
)
from guardrails.errors import UsageError

STATED: Final[frozenset[type[Fact]]] = frozenset(
    {
        *(ModelReplied, NodeRan, ContextFiltered, StepTakenBack, ToolRequested, ToolReturned),
        *(AgentHandedOff, MessagePassed, PlanStated, RunPaused, RunResumed, ErrorRaised),
    }
)
"""Facts that a caller may state. An end is asked for, by a call of its own, since it is judged."""


class GapError(UsageError):
    """A fact came before the one that it follows."""

    def __init__(self, *, expected: int, number: int) -> None:
        super().__init__(f"fact {number} does not follow: fact {expected} is next")
        self.expected = expected


class Posted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact as a caller states it."""

    number: int
    """Counted from 1 in each run. A number that is known is answered as it was, and not decided
    again."""
    fact: AnyFact
    agent: str = ""


def check_stated(fact: AnyFact) -> None:
    """Refuse a fact that is not the caller's to state.

    Raises:
        UsageError: It is the guard's own, or an end.
    """
    if type(fact) in STATED:
        return
    known = ", ".join(sorted(tag_of(one) for one in STATED))
    raise UsageError(f"{tag_of(type(fact))} is not for callers to state; they state {known}")


def tag_of(fact: type[Fact]) -> str:
    """Return the name of a kind of fact, as its JSON has it in `type`.

    >>> tag_of(ModelReplied)
    'model_replied'
    """
    return str(fact.__struct_config__.tag)
