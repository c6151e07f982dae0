"""Hand-offs: `Command(graph=Command.PARENT)`, by which an agent leaves its graph without its end.

LangGraph applies such a command at once and runs none of the agent's closing hooks, so the guard
must read it where it passes: in the result, or the exception, of a tool.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.messages import AIMessage
from langgraph.constants import END
from langgraph.types import Command, Send

from guardrails.actions.claims import read_claim
from guardrails.core.events import AgentHandedOff, EndRequested, ExitKind
from guardrails.core.incident import Goal
from guardrails.integrations.messages import last_reply
from guardrails.integrations.replies import OUTCOME_KEY, OutcomeState


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOff:
    """An agent's way out into the graph around it."""

    command: Command[Any]
    to: tuple[str, ...]
    """The nodes it goes to; `__end__` among them ends the outer graph."""

    @property
    def ends_outer(self) -> bool:
        """True when the command also ends the graph around the agent."""
        return END in self.to


def handoff_in(result: object) -> HandOff | None:
    """Return the hand-off in what a tool returned or a `ParentCommand` carries, if there is one."""
    results = cast("list[object]", result) if isinstance(result, list) else [result]
    for one in results:
        if isinstance(one, Command) and cast("Command[Any]", one).graph == Command.PARENT:
            command = cast("Command[Any]", one)
            return HandOff(command=command, to=tuple(_targets(command.goto)))
    return None


def handed_off(handoff: HandOff) -> AgentHandedOff:
    """Return the fact, for a run whose owner stands further out."""
    return AgentHandedOff(to=", ".join(handoff.to) or "parent", leaves_graph=True)


def end_by(handoff: HandOff, state: Mapping[str, Any], *, goal: Goal) -> EndRequested:
    """Return the end that a hand-off is for a run that nobody further out owns.

    It claims something only if it ends the outer graph too; then the words that it forwards, or
    else the model's last ones, are the answer.
    """
    detail = f"handed off to {', '.join(handoff.to) or 'the graph around it'}"
    if not handoff.ends_outer:
        return EndRequested(exit=ExitKind.HANDOFF, detail=detail)
    update: object = handoff.command.update
    forwarded: object = ()
    if isinstance(update, Mapping):
        forwarded = cast("Mapping[str, object]", update).get("messages")
    said = _last_words(forwarded) or _last_words(state["messages"])
    claim = read_claim(said, goal=goal)
    return EndRequested(exit=ExitKind.HANDOFF, claim=claim, detail=detail)


def with_outcome(command: Command[Any], outcome: OutcomeState) -> Command[Any]:
    """Return the command with the typed outcome for the outer graph's state, where it has the key.

    LangGraph leaves out keys that the outer graph does not declare.
    """
    update: object = command.update
    if update is None:
        return replace(command, update={OUTCOME_KEY: outcome})
    if isinstance(update, Mapping):
        known = cast("Mapping[str, Any]", update)
        return replace(command, update={**known, OUTCOME_KEY: outcome})
    return command


def _targets(goto: object) -> Iterable[str]:
    if isinstance(goto, str):
        return [goto]
    if isinstance(goto, Send):
        return [goto.node]
    if isinstance(goto, Sequence):
        return [name for one in cast("Sequence[object]", goto) for name in _targets(one)]
    return []


def _last_words(messages: object) -> str:
    """Return the text of the last message of a model that says anything."""
    if not isinstance(messages, Sequence):
        return ""
    said = [m for m in cast("Sequence[object]", messages) if isinstance(m, AIMessage) and m.text]
    reply, _ = last_reply(said)
    return reply.text if reply is not None else ""
