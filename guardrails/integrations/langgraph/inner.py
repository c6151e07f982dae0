"""A compiled graph made ready to be guarded: a copy, never the user's object.

Three things differ in the copy. Its entrance takes every state key (a refusal has to reset private
ones) and can lead to any node (a refusal may re-enter in the middle). Its tool nodes ask the
guard before each call. Its other nodes find no step that was taken back.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Sequence
from typing import Any, TypedDict, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode
from langgraph.pregel._read import PregelNode
from langgraph.pregel._write import ChannelWrite, ChannelWriteEntry
from langgraph.types import Checkpointer

from guardrails.integrations.langgraph.shape import Graph, Shape, conversation_of
from guardrails.integrations.langgraph.tending import Tended
from guardrails.integrations.langgraph.toolnodes import guarded_tool_node

GOTO = "guardrails_goto"
"""Key of an input that names the nodes to enter at; it is no state key and goes no further."""


def prepared(graph: Graph, *, shape: Shape, checkpointer: Checkpointer) -> Graph:
    """Return the copy that the guard runs.

    Args:
        graph: The user's graph.
        shape: Its shape.
        checkpointer: The copy's own; True inside a parent keeps what only the graph itself knows
            (private keys, sub-graphs with memory) from one refusal to the next.
    """
    nodes = _guarded_nodes(graph)
    nodes[START] = _entrance(graph, shape)
    return graph.copy({"checkpointer": checkpointer, "nodes": nodes})


def _entrance(graph: Graph, shape: Shape) -> PregelNode:
    door = graph.nodes[START]
    return door.copy({"writers": [_taking_every_key(shape), _Turnstile(door.writers[1:])]})


def _taking_every_key(shape: Shape) -> Runnable[Any, Any]:
    """Return the writer of an entrance whose input schema is the whole state.

    LangGraph makes it while compiling, so a graph of one empty node is compiled for it.
    """
    every = TypedDict("every", shape.hints)  # type: ignore[misc]  # pyright: ignore  # noqa: PGH003  # keys are known at run time only
    lens: StateGraph[Any, Any, Any, Any] = StateGraph(cast("type[Any]", every))
    lens.add_node("nothing", cast("Any", _nothing))
    lens.add_edge(START, "nothing")
    return lens.compile().nodes[START].writers[0]


def _nothing(state: dict[str, Any]) -> dict[str, Any]:
    del state
    return {}


class _Turnstile(Runnable[Any, Any]):
    """Leads in by the graph's own edges, or to the nodes that the input names."""

    def __init__(self, edges: Sequence[Runnable[Any, Any]]) -> None:
        self._edges = list(edges)
        ChannelWrite.register_writer(self, _static(self._edges))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401  # LangChain's signature
        """Write the first branch."""
        if not self._diverted(input, config):
            for edge in self._edges:
                edge.invoke(input, config, **kwargs)
        return input

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401  # as above
        """Write the first branch."""
        if not self._diverted(input, config):
            for edge in self._edges:
                await edge.ainvoke(input, config, **kwargs)
        return input

    @staticmethod
    def _diverted(given: Any, config: RunnableConfig | None) -> bool:  # noqa: ANN401  # a graph's input
        goto = cast("dict[str, Any]", given).get(GOTO) if isinstance(given, dict) else None
        if not goto or config is None:
            return False
        ChannelWrite.do_write(
            config, [ChannelWriteEntry(f"branch:to:{name}", None) for name in goto]
        )
        return True


def _static(edges: Sequence[Runnable[Any, Any]]) -> list[tuple[ChannelWriteEntry, None]]:
    """Return where the edges lead, for drawings of the graph."""
    return [
        (ChannelWriteEntry(entry.channel, None), None)
        for edge in edges
        if isinstance(edge, ChannelWrite)
        for entry in edge.writes
        if isinstance(entry, ChannelWriteEntry)
    ]


def _guarded_nodes(graph: Graph) -> dict[str, PregelNode]:
    key = conversation_of(graph)
    return {
        name: node if name == START else _guarded(node, key=key)
        for name, node in graph.nodes.items()
    }


def _guarded(node: PregelNode, *, key: str | None) -> PregelNode:
    """Return the node with its tools guarded, or its state cleaned of what was taken back.

    Args:
        node: A node of the user's graph.
        key: The key of the graph's conversation, if it has one to clean.
    """
    match node.bound:
        case ToolNode() as tools:
            return node.copy({"bound": guarded_tool_node(tools)})
        case CompiledStateGraph() as sub:
            inside = sub.copy({"nodes": _guarded_nodes(sub)})
            # Its messages are merged into the outer ones, so it cannot take any out of them.
            bound = inside if key is None else Tended(inside, key=key)
            return node.copy({"bound": bound, "subgraphs": [inside]})
        case work if key is not None:
            return node.copy({"bound": Tended(work, key=key)})
        case _:
            return node


__all__ = ["GOTO", "prepared"]
