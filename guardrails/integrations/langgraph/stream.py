"""The guarded graph as its callers see it: the streams of the graph inside, at their usual place.

In the parent every part of the graph would come from a sub-graph and show only with
`subgraphs=True`. Callers asked for their graph, so the parent's layer is taken out of what they
get; the gate shows as one more node of it.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import Any, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from guardrails.errors import UsageError
from guardrails.integrations.claiming import OnRefusal, ReadClaim
from guardrails.integrations.langgraph.nodes import AGENT, ASK, BEGIN, LIMIT, PRIVATE, RUN, STOPS
from guardrails.integrations.langgraph.shape import OUTCOME, Graph
from guardrails.integrations.replies import is_ours

PARENT_STEPS = 1_000
"""The parent's own recursion limit. It takes two supersteps per refusal and one to begin; the
guard's budget of refusals, not this number, ends it. The caller's limit counts inside."""

INTERRUPT = "__interrupt__"

STOP_OPTIONS = ("interrupt_before", "interrupt_after")
"""LangGraph's options that name nodes."""


class GuardedGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """A guarded graph. Made by `guard(graph)`, never directly."""

    def __init__(
        self,
        *,
        guarded: Graph,
        claim: ReadClaim | None,
        on_refusal: OnRefusal | None,
        **kwargs: Any,  # noqa: ANN401  # whatever a compiled graph is made of
    ) -> None:
        super().__init__(**kwargs)
        self.guarded = guarded
        """The graph inside, as it was given."""
        self.claim = claim
        self.on_refusal = on_refusal

    @classmethod
    def around(
        cls,
        parent: Graph,
        *,
        graph: Graph,
        claim: ReadClaim | None,
        on_refusal: OnRefusal | None,
    ) -> Self:
        """Return the parent as a guarded graph."""
        parts = {key: value for key, value in vars(parent).items() if key != "__orig_class__"}
        parts["config"] = graph.config
        return cls(guarded=graph, claim=claim, on_refusal=on_refusal, **parts)

    def stream(
        self,
        input: Any,  # noqa: A002, ANN401  # LangGraph's signature
        config: RunnableConfig | None = None,
        **options: Any,  # noqa: ANN401  # as above
    ) -> Iterator[Any]:
        """Stream a run, as the graph inside would.

        Raises:
            UsageError: It is told to resume a thread that the unguarded graph began.
        """
        asked = self._asked(config, options)
        if config is not None and self._resumes(input, nested=asked.nested):
            _check_begun(self.get_state(config))
        parts = super().stream(input, self._told(config, asked.stops), **asked.options)
        if asked.nested:
            yield from parts
            return
        with closing(cast("Any", parts)):
            for part in parts:
                yield from asked.shown(part)

    async def astream(
        self,
        input: Any,  # noqa: A002, ANN401  # LangGraph's signature
        config: RunnableConfig | None = None,
        **options: Any,  # noqa: ANN401  # as above
    ) -> AsyncIterator[Any]:
        """Stream a run, as the graph inside would.

        Raises:
            UsageError: As `stream`.
        """
        asked = self._asked(config, options)
        if config is not None and self._resumes(input, nested=asked.nested):
            _check_begun(await self.aget_state(config))
        parts = super().astream(input, self._told(config, asked.stops), **asked.options)
        async with aclosing(cast("Any", parts)):
            async for part in parts:
                if asked.nested:
                    yield part
                    continue
                for shown in asked.shown(part):
                    yield shown

    def _resumes(self, given: object, *, nested: bool) -> bool:
        """Tell whether the caller goes on with a thread instead of giving it something new."""
        remembers = isinstance(self.checkpointer, BaseCheckpointSaver)
        return remembers and not nested and (given is None or isinstance(given, Command))

    def _told(self, config: RunnableConfig | None, stops: Mapping[str, Any]) -> RunnableConfig:
        """Return the configuration with what the caller wants of the graph inside."""
        given: RunnableConfig = config or {}
        configurable = {**given.get("configurable", {})}
        if stops:
            configurable[STOPS] = dict(stops)
        limit = given.get("recursion_limit") or (self.config or {}).get("recursion_limit")
        if limit is None:
            return {**given, "configurable": configurable}
        configurable[LIMIT] = limit
        return {**given, "configurable": configurable, "recursion_limit": PARENT_STEPS}

    def _asked(self, config: RunnableConfig | None, options: dict[str, Any]) -> "_Asked":
        modes = options.get("stream_mode") or self.stream_mode
        nested = "__pregel_task_id" in (config or {}).get("configurable", {})
        if nested:
            return _Asked(options=options, nested=True)
        several = not isinstance(modes, str)
        outputs = options.get("output_keys")
        keys = self.guarded.stream_channels_asis if outputs is None else outputs
        return _Asked(
            stops={name: options[name] for name in STOP_OPTIONS if options.get(name)},
            options={
                **{name: value for name, value in options.items() if name not in STOP_OPTIONS},
                "stream_mode": list(cast("Sequence[str]", modes)) if several else [modes],
                "subgraphs": True,
            },
            several=several,
            subgraphs=bool(options.get("subgraphs")),
            second=options.get("version") == "v2",
            keys=frozenset([keys] if isinstance(keys, str) else keys)
            | ({OUTCOME} if outputs is None else set[str]()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the caller of a stream asked for."""

    options: dict[str, Any]
    """What LangGraph is asked for instead."""
    stops: dict[str, Any] = field(default_factory=dict[str, Any])
    """The nodes to stop before and after, which are nodes of the graph inside."""
    nested: bool = False
    """True inside another graph, which takes the streams itself."""
    several: bool = False
    subgraphs: bool = False
    second: bool = False
    """True for LangGraph's second form of parts, which are dicts."""
    keys: frozenset[str] = frozenset()

    def shown(self, part: Any) -> Iterator[Any]:  # noqa: ANN401  # either form of a part
        """Return the part as the graph inside would have given it, if it would."""
        if self.second:
            place, mode, payload = part["ns"], part["type"], part["data"]
        else:
            place, mode, payload = part
        inside = _inside(tuple(place))
        if inside is None:
            here, payload = (), self._parents(mode, payload, part)
        else:
            here = inside
            payload = payload if inside else self._agents(mode, payload)
            if mode == "custom" and not self.subgraphs and is_ours(payload):
                here = ()  # what the guard says of a sub-agent concerns whoever watches the run
        if payload is None or (here and not self.subgraphs):
            return
        if self.second:
            yield {**part, "ns": here, "data": payload}
            return
        form = [here] if self.subgraphs else []
        form += [mode] if self.several else []
        yield (*form, payload) if form else payload

    def _parents(self, mode: str, payload: Any, part: Any) -> Any:  # noqa: ANN401  # a stream's payload, and None to leave it out
        match mode:
            case "updates":
                seen = {k: _public(v) for k, v in payload.items() if k not in {BEGIN, ASK, AGENT}}
                return seen or None
            case "values":
                paused = self.second and part.get("interrupts")
                ended = OUTCOME not in self.keys or payload.get(OUTCOME) is not None
                return _public(payload) if paused or ended else None
            case "tasks" | "checkpoints" | "debug":
                return None
            case _:
                return payload

    def _agents(self, mode: str, payload: Any) -> Any:  # noqa: ANN401  # as above
        match mode:
            case "updates" if isinstance(payload, dict) and INTERRUPT in payload:
                return None  # the parent shows it too
            case "values" if isinstance(payload, dict):
                values = cast("dict[str, Any]", payload)
                return {key: value for key, value in values.items() if key in self.keys}
            case _:
                return payload


def _check_begun(state: StateSnapshot) -> None:
    values = cast("Mapping[str, Any]", state.values)
    if values and RUN not in values:
        raise UsageError(
            "this thread was begun by the graph without its guard, whose place in it a guarded "
            "graph cannot take up: let the unguarded graph finish it, or give the guarded one a "
            "new input or another thread"
        )


def _inside(place: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return a place as seen from the graph inside; None for the parent's own parts."""
    if not place or place[0].partition(":")[0] != AGENT:
        return None
    return place[1:]


def _public(update: Any) -> Any:  # noqa: ANN401  # a node's update
    if not isinstance(update, Mapping):
        return update
    known = cast("Mapping[str, Any]", update)
    return {key: value for key, value in known.items() if key not in PRIVATE}
