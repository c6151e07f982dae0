"""Steps read from a graph's state, for agents whose model client fires no callbacks.

Own clients (litellm, raw HTTP) append messages to the state without LangChain noticing. Every
superstep's state is read from its end back to the first message that is known.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from guardrails.integrations.watch import Watch

Namespace = tuple[str, ...]

QUIET_NODES = 8
"""Nodes in a row without a model turn before each further one counts as a turn. Housekeeping
between two turns (the hooks of several middlewares) stays below; a loop that shows no model at
all must still spend its budget of steps."""

HIDDEN = "__"
"""Prefix of LangGraph's own entries in a stream of updates: `__interrupt__`, `__metadata__`."""


class StateReader:
    """Reads the stream of one pass. Used by one consumer; not thread-safe.

    Args:
        watch: Takes what is read.
        opaque: True when the graph has no conversation in its state: then each of its nodes
            counts as a turn until a model turn shows.
    """

    def __init__(self, watch: Watch, *, opaque: bool) -> None:
        self._watch = watch
        self._quiet = 0
        self._allowed = 0 if opaque else QUIET_NODES
        self._turns = watch.session.state.step
        self._known: dict[tuple[Namespace, str], set[str]] = {}
        self.first: dict[str, Any] = {}
        """The state that the pass begins with, its input included."""
        self.values: dict[str, Any] = {}
        """The graph's newest state."""
        self.final: dict[str, Any] = {}
        """What the nodes of the last superstep wrote, together."""
        self._fresh = True
        self._wrote: dict[str, dict[str, Any]] = {}

    def speaker(self, key: str, message: BaseMessage) -> str | None:
        """Return the node that wrote a message in the last superstep, if it was the last to write.

        Args:
            key: The state key of the conversation.
            message: A message of it.
        """
        names = [
            node
            for node, update in self._wrote.items()
            if any(row is message or row.id == message.id for row in _rows(update.get(key)))
        ]
        return names[0] if len(names) == len(self._wrote) == 1 else None

    def take(self, namespace: Namespace, mode: str, payload: object, *, top: bool) -> None:
        """Take one part of the stream.

        Args:
            namespace: Which sub-graph it is from.
            mode: `updates` or `values`; anything else is ignored.
            payload: The part.
            top: Whether it is from the graph itself.

        Raises:
            Halt: The guard lets the agent take no further turn.
        """
        if not isinstance(payload, Mapping):
            return
        parts = cast("Mapping[str, Any]", payload)
        if mode == "values":
            self._messages(namespace, parts)
            if top:
                self.first = self.first or dict(parts)
                self.values = dict(parts)
                self._fresh = True
        elif mode == "updates":
            self._nodes(parts, top=top)
        self._watch.halt_if_told()

    def left_with(self, namespace: Namespace, state: Mapping[str, Any]) -> None:
        """Take the state that a hand-off leaves the graph with, which no stream shows."""
        self._messages(namespace, state)
        self.values = dict(state)

    def _nodes(self, parts: Mapping[str, Any], *, top: bool) -> None:
        for node, update in parts.items():
            if node.startswith(HIDDEN):
                continue
            if top:
                if self._fresh:
                    self.final, self._wrote = {}, {}
                self._fresh = False
                written = _written(update)
                self.final.update(written)
                self._wrote.setdefault(node, {}).update(written)
            self._count(node)

    def _count(self, node: str) -> None:
        turns = self._watch.session.state.step
        if turns != self._turns:
            self._turns, self._quiet, self._allowed = turns, 0, QUIET_NODES
            return
        self._quiet += 1
        if self._quiet > self._allowed:
            self._watch.node_ran(node)
            self._turns = self._watch.session.state.step

    def _messages(self, namespace: Namespace, parts: Mapping[str, Any]) -> None:
        for key, value in parts.items():
            if not isinstance(value, (list, tuple)):
                continue
            rows = cast("Sequence[object]", value)
            if rows and isinstance(rows[-1], BaseMessage):
                self._conversation((namespace, key), rows)

    def _conversation(self, place: tuple[Namespace, str], rows: Sequence[object]) -> None:
        """Take the messages after the last known one. What a pass begins with is history."""
        begins = place not in self._known
        known = self._known.setdefault(place, set())
        fresh: list[BaseMessage] = []
        for at in range(len(rows) - 1, -1, -1):
            row = rows[at]
            if not isinstance(row, BaseMessage):
                continue
            name = row.id or _digest(at, row)
            if name in known:
                break
            known.add(name)
            fresh.append(row)
        if not begins:
            for message in reversed(fresh):
                self._take(message)

    def _take(self, message: BaseMessage) -> None:
        match message:
            case AIMessage():
                self._watch.replied(message, agent=message.name or "", by_callback=False)
            case ToolMessage() if self._watch.asked_for(message.tool_call_id):
                self._watch.answered(message, call_id=message.tool_call_id, tool=message.name or "")
            case _:
                return


def _written(update: object) -> dict[str, Any]:
    return dict(cast("Mapping[str, Any]", update)) if isinstance(update, Mapping) else {}


def _rows(value: object) -> list[BaseMessage]:
    rows = cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,)
    return [row for row in rows if isinstance(row, BaseMessage)]


def _digest(at: int, message: BaseMessage) -> str:
    """Name a message without an id by its place and words; such lists are only appended to."""
    text = f"{at}:{message.type}:{message.content}:{getattr(message, 'tool_calls', '')}"
    return blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()
