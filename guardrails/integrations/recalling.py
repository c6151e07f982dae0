"""`recall`: shows a tool result again that was left out of what the model is sent.

It reads the agent's own history and nothing of the world. So it is no evidence and no progress, no
phase denies it, and the guard holds and counts it nowhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, cast
from weakref import WeakKeyDictionary

from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.prebuilt import InjectedState

from guardrails.engine import Session
from guardrails.hygiene.sent import again
from guardrails.integrations.owner import current_owner
from guardrails.policy.models import FilterName, HygieneSettings

RECALL: Final = "recall"
"""Name of the tool."""

_MARK: Final = "guardrails_recall"
"""Key in the tool's metadata, which callbacks are given too: a tool of the same name is not it."""

_LEAVE_OUT: Final[frozenset[FilterName]] = frozenset({"repeats", "compress", "window"})
"""Filters that put a pointer in a result's place."""


@tool(RECALL)
def recall(pointer: str, state: Annotated[object, InjectedState] = None) -> str:
    """Show a tool result again that was left out, by the id given in its place."""
    for message in _results(state):
        if message.tool_call_id == pointer:
            return again(message.text)
    return f"There is no result {pointer!r}. Make the call again if you need what it shows."


recall.metadata = {_MARK: True}


def is_recall(tool: BaseTool | None) -> bool:
    """Tell our tool from one that a user calls so."""
    return tool is not None and is_recall_run(tool.metadata)


def is_recall_run(metadata: Mapping[str, Any] | None) -> bool:
    """Tell a run of our tool by the metadata that a callback is given."""
    return _MARK in (metadata or {})


def may_leave_out(settings: HygieneSettings) -> bool:
    """Tell whether a model can ever be shown a pointer."""
    return not _LEAVE_OUT.isdisjoint(settings.filters)


def note_history(session: Session, messages: Sequence[BaseMessage], *, agent: str) -> None:
    """Remember the history that an agent's model is sent a part of."""
    _histories.setdefault(session, {})[agent] = messages


_histories: WeakKeyDictionary[Session, dict[str, Sequence[BaseMessage]]] = WeakKeyDictionary()
"""For tools that are called without the graph's state: by hand-written nodes, say."""


def _results(state: object) -> Iterator[ToolMessage]:
    """Yield the results in a graph's state, under whatever key; then those of the run's agents."""
    yield from _results_in(_values(state))
    owner = current_owner.get()
    if owner is not None:
        yield from _results_in(tuple(_histories.get(owner.session, {}).values()))


def _values(state: object) -> Iterable[object]:
    if isinstance(state, Mapping):
        return tuple(cast("Mapping[str, object]", state).values())
    if isinstance(state, list):
        return (cast("list[object]", state),)
    return tuple(cast("Mapping[str, object]", getattr(state, "__dict__", {})).values())


def _results_in(values: Iterable[object]) -> Iterator[ToolMessage]:
    for value in values:
        for row in cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else ():
            if isinstance(row, ToolMessage):
                yield row
