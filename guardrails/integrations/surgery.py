"""Steps that were taken back leave the graph's own history too, so that nobody else builds on them.

The messages are changed where they stand, and the graph goes on from there. LangGraph's other way,
going on from an older checkpoint, would bring back the same history, but not the same world: calls
beside the wrong one ran, parallel branches and sub-graphs wrote their state, and a fork of an older
checkpoint forgets all of it while its effects stay. It also needs a checkpointer, which most graphs
have not. So nothing is ever run again from before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage
from langgraph.graph.message import (  # pyright: ignore[reportMissingTypeStubs]  # typed, but not marked so
    REMOVE_ALL_MESSAGES,
)

from guardrails.core.events import StepTakenBack
from guardrails.core.ids import CallId
from guardrails.engine import Session
from guardrails.hygiene.quarantine import without_quarantined
from guardrails.integrations.context import LangChainShape

_SHAPE = LangChainShape()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surgery:
    """What a history becomes without the calls that were taken back."""

    messages: list[BaseMessage]
    """The whole history, in order."""
    fact: StepTakenBack

    def update(self, before: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Return the update that makes it of the history as it is, for LangGraph's reducer."""
        return update_to(before, self.messages)


def surgery_on(session: Session, messages: Sequence[BaseMessage]) -> Surgery | None:
    """Return what a history becomes; None if nothing in it was taken back.

    Args:
        session: The run.
        messages: The history, every call in it answered.
    """
    reasons = {str(one.call_id): one.reason for one in session.state.early.taken_back}
    gone = _called(messages, reasons) if reasons else []
    if not gone:
        return None
    left = without_quarantined(_SHAPE.read(messages), reasons).messages
    written = _SHAPE.write(messages, left)
    kept = {message.at for message in left}
    steps = sum(
        isinstance(message, AIMessage) and at not in kept for at, message in enumerate(messages)
    )
    fact = StepTakenBack(
        call_ids=tuple(CallId(one) for one in gone), reason=reasons[gone[-1]], steps=steps
    )
    return Surgery(messages=written, fact=fact)


def update_to(before: Sequence[BaseMessage], after: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the update that turns one history into another.

    Removals and changes keep everything else in its place. New messages can only be added at the
    end, so the history is written anew when one stands elsewhere, or when something has no id.
    """
    known = {message.id: message for message in before if message.id}
    stays = [message for message in after if message.id in known]
    fresh = list(after[len(stays) :])
    ids = {message.id for message in after}
    if len(known) < len(before) or any(m.id in known for m in fresh):
        return [RemoveMessage(id=REMOVE_ALL_MESSAGES), *after]
    removed = [RemoveMessage(id=id_) for id_ in known if id_ not in ids]
    changed = [message for message in stays if message is not known[message.id or ""]]
    return [*removed, *changed, *fresh]


def _called(messages: Sequence[BaseMessage], reasons: Mapping[str, str]) -> list[str]:
    """Return the calls of a history that were taken back, in order."""
    found = (
        call["id"] or ""
        for message in messages
        if isinstance(message, AIMessage)
        for call in (*message.tool_calls, *message.invalid_tool_calls)
    )
    return [one for one in dict.fromkeys(found) if one in reasons]
