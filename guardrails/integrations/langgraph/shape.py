"""What a graph's state looks like: which keys carry over, how they merge, where messages stand.

The guarded graph runs inside a parent that mirrors its state, so the parent has to know each key
and whether writing to it replaces the value or goes through a reducer.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_type_hints

from langgraph.channels import AnyValue, BinaryOperatorAggregate, LastValue
from langgraph.channels.base import BaseChannel
from langgraph.channels.delta import DeltaChannel
from langgraph.graph.state import CompiledStateGraph, StateGraph
from langgraph.pregel import Pregel
from langgraph.types import Overwrite

from guardrails.errors import UsageError

Graph = CompiledStateGraph[Any, Any, Any, Any]
"""Any compiled graph; its type parameters are its author's."""

MIRRORED = (LastValue, AnyValue, BinaryOperatorAggregate, DeltaChannel)
"""Channels whose value outlives a superstep. Ephemeral and untracked ones, barriers and managed
values belong to one run of the graph and stay inside."""

OUTCOME = "guardrails_outcome"
"""State key of the typed outcome; plain JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The part of a graph's state that outlives a superstep."""

    hints: dict[str, Any]
    """Key to annotation, reducers included, as a schema would write it."""
    channels: dict[str, BaseChannel[Any, Any, Any]]
    messages: str | None
    """The key that holds the conversation, if there is one."""
    outputs: frozenset[str]
    """The keys that the graph gives to its caller."""
    talks: bool
    """True when a sub-graph that is in sight holds a conversation."""
    coerced: bool
    """True when the state is a pydantic model or a dataclass: a key cannot be emptied with None."""

    @property
    def keys(self) -> list[str]:
        """The mirrored keys."""
        return list(self.hints)

    def replacing(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return an update that sets these values as they are, past any reducer.

        Passing a whole value through its own reducer would add it to itself.
        """
        return {
            key: Overwrite(value) if _reduces(self.channels[key]) else value
            for key, value in values.items()
            if key in self.hints
        }

    def replaces(self, key: str) -> bool:
        """Tell whether writing to a key replaces its value."""
        return not _reduces(self.channels[key])

    def merged(self, values: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values after an update that goes through the reducers."""
        result = dict(values)
        for key, new in update.items():
            match self.channels.get(key):
                case _ if isinstance(new, Overwrite):
                    result[key] = new.value
                case BinaryOperatorAggregate() as channel if key in result:
                    result[key] = channel.operator(result[key], new)
                case DeltaChannel() as channel if key in result:
                    result[key] = channel.reducer(result[key], [new])
                case None:
                    continue
                case _:
                    result[key] = new
        return result


def shape_of(graph: Graph) -> Shape:
    """Read a graph's shape.

    Raises:
        UsageError: It is no compiled graph of a `StateGraph`, or its state is one bare value
            instead of named keys.
    """
    _check_kind(graph)
    builder = graph.builder
    channels = {
        key: channel for key, channel in builder.channels.items() if isinstance(channel, MIRRORED)
    }
    if "__root__" in builder.channels:
        raise UsageError(
            f"graph {graph.get_name()!r} keeps one bare value as its state; the guard needs named "
            f"keys to carry an outcome. Give the graph a TypedDict state."
        )
    hints: dict[str, Any] = {}
    for schema in builder.schemas:
        for key, hint in get_type_hints(schema, include_extras=True).items():
            if key in channels:
                hints.setdefault(key, hint)
    state = cast("type[object]", builder.state_schema)
    return Shape(
        hints=hints,
        channels={key: channels[key] for key in hints},
        messages=_messages_key(channels),
        outputs=frozenset(get_type_hints(builder.output_schema)) & hints.keys(),
        talks=any(shape_of(sub).messages or shape_of(sub).talks for sub in _subgraphs(graph)),
        coerced=not _is_typed_dict(state),
    )


def _check_kind(graph: object) -> None:
    match graph:
        case CompiledStateGraph():
            return
        case StateGraph():
            raise UsageError("the graph is not compiled: pass graph.compile()")
        case Pregel():
            raise UsageError(
                "the graph is no StateGraph (an @entrypoint keeps its state to itself): call it "
                "from a node of a StateGraph, and pass that one compiled"
            )
        case _:
            raise UsageError(f"the guard takes a compiled StateGraph, not {type(graph).__name__!r}")


def _subgraphs(graph: Graph) -> list[Graph]:
    found = (sub for node in graph.nodes.values() for sub in node.subgraphs)
    return [
        sub
        for sub in found
        if isinstance(sub, CompiledStateGraph) and "__root__" not in sub.builder.channels
    ]


def _reduces(channel: BaseChannel[Any, Any, Any]) -> bool:
    return isinstance(channel, (BinaryOperatorAggregate, DeltaChannel))


def _is_typed_dict(schema: type[object]) -> bool:
    return issubclass(schema, dict)


def _messages_key(channels: Mapping[str, BaseChannel[Any, Any, Any]]) -> str | None:
    """Return the key of the conversation: `messages`, else the only one that adds messages."""
    if "messages" in channels and _reduces(channels["messages"]):
        return "messages"
    adding = [key for key, channel in channels.items() if adds_messages(channel)]
    return adding[0] if len(adding) == 1 else None


def conversation_of(graph: Graph) -> str | None:
    """Return the key of a graph's conversation, if single messages can be taken out of it."""
    channels = cast("Mapping[str, BaseChannel[Any, Any, Any]]", graph.builder.channels)
    key = _messages_key(channels)
    return key if key is not None and adds_messages(channels[key]) else None


def adds_messages(channel: BaseChannel[Any, Any, Any]) -> bool:
    """Tell whether a channel merges messages by their ids."""
    match channel:
        case BinaryOperatorAggregate():
            reducer: object = channel.operator
        case DeltaChannel():
            reducer = channel.reducer
        case _:
            return False
    return "messages" in getattr(reducer, "__name__", "")
