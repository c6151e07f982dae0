"""Builds the parent graph around a compiled graph."""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import Annotated, Any, NotRequired, cast, get_type_hints

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.channels import EphemeralValue
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict  # pydantic, which reads output schemas, wants this one

from guardrails.core.incident import Incident
from guardrails.engine import Guard
from guardrails.errors import UsageError
from guardrails.integrations.claiming import REPORT_KEYS, OnRefusal, ReadClaim
from guardrails.integrations.langgraph.inner import prepared
from guardrails.integrations.langgraph.nodes import (
    AGENT,
    ASK,
    BEGIN,
    END_KEY,
    GATE,
    REENTRY,
    RUN,
    Around,
    Errors,
)
from guardrails.integrations.langgraph.shape import OUTCOME, Graph, Shape, shape_of
from guardrails.integrations.langgraph.stream import GuardedGraph
from guardrails.integrations.refusing import Refusals


def guard(
    graph: Graph,
    *,
    using: Guard,
    incident: Incident | None = None,
    claim: ReadClaim | None = None,
    on_refusal: OnRefusal | None = None,
    errors: Errors = "return",
    stream: bool = True,
) -> GuardedGraph:
    """Return a compiled graph that runs the given one and lets it end only on evidence.

    The graph is not changed. The result takes the same input, gives the same output with the typed
    outcome under `guardrails_outcome`, and streams what the graph streams. Checkpointer, store,
    cache, interrupts, name and configuration carry over. Threads that the graph began without a
    guard do not: a guarded graph keeps its state in a namespace of its own.

    Every exit is judged: an answer, a limit of another middleware, the recursion limit, a hand-off
    to a parent graph, an exception. An interrupt or a drain is a pause and no exit. Model turns
    and tool calls are counted wherever callbacks reach, else read from the state. Calls of a
    `ToolNode` are held before they run; for tool nodes of one's own there is `guard_tools`.

    Args:
        graph: Any compiled graph.
        using: The guard; one may serve any number of graphs.
        incident: What the runs are about; the guard's own incident when left out.
        claim: Reads what the agent says at its end from the state. Left out: the structured
            response or report that the run set, else the last message.
        on_refusal: Says how a refusal goes back in. Left out: the refusal is appended to the
            messages, flags that the agent raised and reports that it left are taken back, and the
            graph is entered anew.
        errors: What becomes of an exception, once its outcome is recorded.
        stream: Whether findings, their withdrawal and warnings show in `stream_mode="custom"`, as
            `guardrails.integrations.streaming` has them. Refusals and the end always do.

    Raises:
        UsageError: The graph keeps no messages, and `claim` or `on_refusal` is missing; or its
            state is one bare value.

    Example:
        ```python
        agent = guard(my_graph, using=Guard(gate=gate, incident=incident))
        agent.invoke({"messages": [("user", "checkout is down")]})["guardrails_outcome"]
        ```
    """
    if isinstance(graph, GuardedGraph):
        raise UsageError(f"graph {graph.get_name()!r} is guarded already")
    shape = shape_of(graph)
    _check(graph, shape, claim=claim, on_refusal=on_refusal)
    around = Around(
        shape=shape,
        guard=using,
        incident=incident,
        claim=claim,
        refusals=Refusals(graph=graph, shape=shape, on_refusal=on_refusal),
        errors=errors,
        stream=stream,
    )
    parent = _parent(graph, around, inner=prepared(graph, shape=shape, checkpointer=True))
    compiled = parent.compile(
        checkpointer=graph.checkpointer,
        store=graph.store,
        cache=graph.cache,
        debug=graph.debug,
        name=graph.name,
    )
    return GuardedGraph.around(compiled, graph=graph, claim=claim, on_refusal=on_refusal)


def _check(
    graph: Graph, shape: Shape, *, claim: ReadClaim | None, on_refusal: OnRefusal | None
) -> None:
    if shape.messages is not None:
        return
    missing: list[str] = []
    if claim is None and not REPORT_KEYS.intersection(shape.keys):
        missing.append("claim=lambda state: … (where the agent's answer stands)")
    if on_refusal is None:
        missing.append("on_refusal=lambda state, report, words: … (how a refusal goes back in)")
    if missing:
        raise UsageError(
            f"graph {graph.get_name()!r} keeps no messages (its state: {', '.join(shape.keys)}); "
            f"pass {' and '.join(missing)}"
        )


def _parent(graph: Graph, around: Around, *, inner: Graph) -> StateGraph[Any, Any, Any, Any]:
    builder = graph.builder
    outcome = {OUTCOME: NotRequired[dict[str, Any]]}
    own = {
        **outcome,
        RUN: NotRequired[str],
        END_KEY: NotRequired[dict[str, Any]],
        # Ephemeral: set by a refusal, read by the pass that follows, gone after it.
        REENTRY: NotRequired[Annotated[dict[str, Any], EphemeralValue]],
    }
    output = {
        key: hint
        for key, hint in get_type_hints(builder.output_schema, include_extras=True).items()
        if key in around.shape.hints
    }
    parent: StateGraph[Any, Any, Any, Any] = StateGraph(
        _typed("GuardedState", {**around.shape.hints, **own}),
        input_schema=builder.input_schema,
        output_schema=_typed("GuardedOutput", {**output, **outcome}),
        context_schema=builder.context_schema,
    )

    def agent(state: dict[str, Any], config: RunnableConfig) -> Any:  # noqa: ANN401  # a Command; naming it would make LangGraph read its edges from here
        # LangGraph finds a sub-graph by the names that a node's function uses, hence `inner`.
        return around.agent(state, config, inner=inner)

    async def aagent(state: dict[str, Any], config: RunnableConfig) -> Any:  # noqa: ANN401  # as above
        return await around.aagent(state, config, inner=inner)

    parent.add_node(BEGIN, cast("Any", RunnableLambda(around.begin, around.abegin, name=BEGIN)))
    parent.add_node(
        ASK,
        cast("Any", RunnableLambda(around.ask, around.aask, name=ASK)),
        destinations=(ASK, AGENT),
    )
    parent.add_node(
        AGENT,
        cast("Any", RunnableLambda(agent, aagent, name=AGENT)),
        destinations=(GATE, AGENT, END),
    )
    parent.add_node(
        GATE,
        cast("Any", RunnableLambda(around.gate, around.agate, name=GATE)),
        destinations=(AGENT, END),
    )
    parent.add_edge(START, BEGIN)
    parent.add_edge(BEGIN, ASK)
    return parent


def _typed(name: str, hints: dict[str, Any]) -> type[Any]:
    """Return a TypedDict of these keys, which are known at run time only."""
    return cast("type[Any]", TypedDict(name, hints))  # pyright: ignore  # noqa: PGH003  # as above
