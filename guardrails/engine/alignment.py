"""Whether a call is what the agent said it would do, and what becomes of one that is not.

A call that differs is not run: the agent is asked once which of the two it means. When it differs
again, the policy says whether a person is called or the call runs and is reported.
"""

from collections.abc import Iterator

import msgspec

from guardrails.actions.intents import NO_OBJECTS, Intent, intents_in, mismatch
from guardrails.core.events import ModelReplied
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.policy.models import FsmSettings

replace = msgspec.structs.replace

AGENTS = 16
"""Agents whose last words are remembered; a supervisor has a handful of workers."""

KNOWN = 128
"""Names remembered as those of objects, newest last."""


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent said in its last turn that it would do."""

    agent: str
    intents: tuple[Intent, ...]
    calls: int
    """Calls of that turn."""


class Alignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is needed to compare words with calls."""

    said: tuple[Said, ...] = ()
    known: tuple[str, ...] = ()
    differed: int = 0
    """Calls in a row that were not what was said."""


def heard(
    alignment: Alignment, reply: ModelReplied, *, agent: str, settings: FsmSettings
) -> Alignment:
    """Remember what a turn says that it will do."""
    if settings.alignment == "none" or not reply.tool_calls:
        return alignment
    text = f"{reply.reasoning}\n{reply.text}"
    found = intents_in(text, known=frozenset(alignment.known))
    others = tuple(one for one in alignment.said if one.agent != agent)
    said = Said(agent=agent, intents=found, calls=len(reply.tool_calls))
    return replace(alignment, said=(*others[1 - AGENTS :], said))


def compared(
    alignment: Alignment, action: ToolAction, *, agent: str
) -> tuple[Alignment, str | None]:
    """Compare a call with what its agent said, and tell how it differs, if it does.

    Several reads of one turn are seldom all announced, so only a lone one is compared.
    """
    said = next((one for one in alignment.said if one.agent == agent), None)
    several = said is not None and said.calls > 1 and action.effect is Effect.READ
    found = (
        None if said is None or several else mismatch(said.intents, action, known=alignment.known)
    )
    fresh = dict.fromkeys(name for name in _names(action) if name not in alignment.known)
    known = (*alignment.known, *fresh)[-KNOWN:] if fresh else alignment.known
    differed = 0 if found is None else alignment.differed + 1
    return replace(alignment, known=known, differed=differed), found


def _names(action: ToolAction) -> Iterator[str]:
    for operation in action.operations:
        for target in operation.targets:
            if target.name and target.kind not in NO_OBJECTS:
                yield target.name
