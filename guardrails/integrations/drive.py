"""The outer loop: runs a graph from outside until its end is accepted or its run has an outcome.

It stands around everything, so it also catches what no node of a graph can: exceptions, the
recursion limit, a wall clock that runs out inside one node, cancellation, and a question that
nobody is there to answer.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import asyncio
import inspect
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.types import Command

from guardrails.core.decisions import Next
from guardrails.core.events import (
    EndRequested,
    ExitKind,
    NodeRan,
    PauseReason,
    RunPaused,
    RunResumed,
)
from guardrails.core.incident import Incident
from guardrails.core.result import RunResult
from guardrails.engine import Guard, Session, SessionKey
from guardrails.integrations.asking import answers_told, ask, has_to_ask, payload_of, take
from guardrails.integrations.claiming import OnRefusal, ReadClaim
from guardrails.integrations.langgraph.inner import GOTO, prepared
from guardrails.integrations.langgraph.shape import Graph, Shape, shape_of
from guardrails.integrations.langgraph.stream import GuardedGraph
from guardrails.integrations.passes import Pass, Way, accountable, question_in
from guardrails.integrations.refusing import Reentry, Refusals, departure_of

ADAPTER = "cli"

OnUpdate = Callable[[tuple[str, ...], str, Any], None]
"""Told of every part of the graph's streams: place, mode (`updates` or `values`), payload."""

Answer = Callable[[tuple[Any, ...]], Any]
"""Answers an interrupt: given its payload, returns (or is awaited for) the value to resume with, or
None when nobody can answer. Questions that stand open at once are asked one after the other; for
nodes marked to stop at there is one payload, their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """How a driven run came out."""

    result: RunResult
    state: dict[str, Any]
    """The graph's newest state."""
    interrupts: tuple[Any, ...] = ()
    """What the graph asked and nobody answered."""


async def drive(
    graph: Graph,
    inputs: Any,  # noqa: ANN401  # the graph's own input type
    *,
    using: Guard,
    incident: Incident | None = None,
    config: RunnableConfig | None = None,
    claim: ReadClaim | None = None,
    on_refusal: OnRefusal | None = None,
    on_update: OnUpdate | None = None,
    answer: Answer | None = None,
    model: str = "",
) -> Driven:
    """Run a graph to an outcome.

    The run has one session, which `GuardrailMiddleware` and guarded tools inside the graph join.
    A graph made by `guard(graph)` is driven from outside instead, with what it was given for
    `claim` and `on_refusal`. A refused end re-enters the graph on the same thread; a graph without
    a checkpointer gets one in memory for the time of the run.

    Args:
        graph: The graph.
        inputs: Its input.
        using: The guard.
        incident: What the run is about; the guard's own incident when left out.
        config: LangGraph's configuration; a thread id is made up when it has none.
        claim: As for `guard(graph)`.
        on_refusal: As for `guard(graph)`.
        on_update: Told of the graph's streams.
        answer: Answers interrupts. Without it a question ends the run `escalated`.
        model: `provider:name`, for the trace.

    Returns:
        The result, with an outcome whatever happened.

    Raises:
        CancelledError: The task was cancelled; the run is recorded as `aborted`.
        UsageError: As for `guard(graph)`.
    """
    if isinstance(graph, GuardedGraph):
        claim = claim or graph.claim
        on_refusal = on_refusal or graph.on_refusal
        graph = graph.guarded.copy({"checkpointer": graph.checkpointer, "store": graph.store})
    settled, thread = _with_thread(config)
    key = SessionKey(thread)
    shape = shape_of(graph)
    session = using.begin(key, adapter=ADAPTER, incident=incident, model=model)
    saver = graph.checkpointer if graph.checkpointer not in (None, True, False) else None
    run = _Drive(
        graph=prepared(graph, shape=shape, checkpointer=saver or InMemorySaver()),
        shape=shape,
        guard=using,
        session=session,
        config=settled,
        claim=claim,
        refusals=Refusals(graph=graph, shape=shape, on_refusal=on_refusal),
        on_update=on_update,
        answer=answer,
    )
    with accountable(using, session, where="drive"):
        return await run.to_the_end(inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pause:
    """A graph that stands still."""

    payloads: tuple[Any, ...]
    question: str
    ids: tuple[str, ...] = ()
    """Ids of the interrupts, which take an answer each; none for a node marked to stop at."""


ROUNDS = 3
"""How often questions are put before the run begins; each narrows what the next could be about."""

CLOCK_MARGIN = 0.05
"""Seconds that the wall clock is given beyond its budget, so that the engine, which reads another
clock, agrees that the budget is spent."""


@dataclass(slots=True, kw_only=True)
class _Drive:
    """One driven run."""

    graph: Graph
    shape: Shape
    guard: Guard
    session: Session
    config: RunnableConfig
    claim: ReadClaim | None
    refusals: Refusals
    on_update: OnUpdate | None
    answer: Answer | None
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    begun: dict[str, Any] | None = None
    """The state at the last entrance. A pause is none: what was said before it is still said."""

    async def to_the_end(self, inputs: Any) -> Driven:  # noqa: ANN401  # the graph's own input type
        """Run, judge, and go back in until there is an outcome."""
        await self.guard.prepare(self.session)
        await self._clarify()
        given = _told(inputs, answers_told(self.session), key=self.shape.messages)
        while True:
            done = await self._pass(given)
            given, interrupts = await self._after(done)
            if self.session.outcome is not None:
                clean = self.refusals.cleaned(self.state, self.session)
                state = self.shape.merged(self.state, clean)
                return Driven(result=self.session.result(), state=state, interrupts=interrupts)

    async def _clarify(self) -> None:
        """Ask a person what is not clear; an answer may bring up another question."""
        for _ in range(ROUNDS):
            if not has_to_ask(self.session):
                return
            questions = self.session.state.questions
            detail = "; ".join(question.text for question in questions)
            self.session.observe(RunPaused(reason=PauseReason.INTERRUPT, detail=detail))
            if self.guard.ask is not None:
                await ask(self.guard, self.session)
            else:
                take(self.guard, self.session, await self._said(payload_of(questions)))
            self.session.observe(RunResumed())
            await self.guard.prepare(self.session)
        self.guard.give_up_asking(self.session, detail=f"still not clear after {ROUNDS} answers")

    async def _after(self, done: Pass) -> tuple[Any, tuple[Any, ...]]:
        """Return what to go on with after a pass; nothing when the run has its outcome."""
        if self.session.outcome is not None:
            return None, ()
        if done.exit.way is Way.ENDED and (paused := await self._paused_at()) is not None:
            self.begun = done.begun
            return await self._resumed(paused)
        self.begun = None
        if (held := done.exit.held) is not None:
            again = self.refusals.answering(
                self.state, call_id=held.call_id, said=held.to_model, session=self.session
            )
            return self._entering(again), ()
        if (unread := self.refusals.resending(done)) is not None:
            if not done.watch.must_halt:
                return self._entering(unread), ()
            done.exit.way = Way.HALTED
        departure = departure_of(done, claim=self.claim)
        self.state = departure.state
        if self.session.outcome is not None:
            return None, ()
        decision = await self.guard.settle(self.session, departure.end)
        if decision.next is Next.END:
            return None, ()
        again = self.refusals.reentry(
            departure.state, decision, session=self.session, resets=departure.resets
        )
        if done.exit.way is Way.LEFT:
            # The hand-off's own update never reached the graph, so the whole state goes in anew.
            merged = self.shape.merged(departure.state, again.update)
            again = replace(again, update=self.shape.replacing(merged))
        return self._entering(again), ()

    async def _pass(self, given: Any) -> Pass:  # noqa: ANN401  # the graph's own input type
        done = Pass(
            graph=self.graph,
            shape=self.shape,
            guard=self.guard,
            session=self.session,
            adapter=ADAPTER,
            before=self.begun,
            newest=self.state,
            on_part=self.on_update,
            notes_cancellation=False,
        )
        clock = asyncio.timeout(self._seconds_left())
        try:
            async with clock:
                await done.arun(given, self.config)
        except GraphDrained as drained:
            detail = f"the graph was told to stop, and nobody is there to resume it: {drained}"
            end = EndRequested(exit=ExitKind.HANDOFF, detail=detail)
            await self.guard.settle(self.session, end)
        except TimeoutError:
            if not clock.expired():
                raise
            # Any step shows the engine that its clock has run out.
            self.session.observe(NodeRan(node="", turn=True))
            done.exit.way = Way.HALTED
        self.state = done.after
        return done

    def _seconds_left(self) -> float | None:
        state = self.session.state
        if state.shadow or state.stop is not None:
            return None
        limit = self.session.rules.settings.budgets.wall_time
        left = limit - state.elapsed_seconds(self.guard.clock.now())
        return max(0.0, left) + CLOCK_MARGIN

    async def _paused_at(self) -> _Pause | None:
        snapshot = await self.graph.aget_state(self.config)
        if not snapshot.next:
            return None
        payloads = tuple(cast("object", one.value) for one in snapshot.interrupts)
        if payloads:
            ids = tuple(one.id for one in snapshot.interrupts)
            return _Pause(payloads=payloads, question=question_in(payloads), ids=ids)
        nodes = ", ".join(snapshot.next)
        return _Pause(payloads=(nodes,), question=f"continue at {nodes}?")

    async def _resumed(self, pause: _Pause) -> tuple[Any, tuple[Any, ...]]:
        """Ask, and go on with the answer; without one the run needs a person and ends."""
        self.session.observe(RunPaused(reason=PauseReason.INTERRUPT, detail=pause.question))
        said = [await self._said(payload) for payload in pause.payloads]
        if None not in said:
            resume = dict(zip(pause.ids, said, strict=True)) if pause.ids else None
            return (None if resume is None else Command(resume=resume)), ()
        detail = f"the agent asks, and nobody is there to answer: {pause.question}"
        await self.guard.settle(self.session, EndRequested(exit=ExitKind.HANDOFF, detail=detail))
        return None, pause.payloads

    async def _said(self, payload: object) -> object:
        said: object = None if self.answer is None else self.answer((payload,))
        return await cast("Awaitable[object]", said) if inspect.isawaitable(said) else said

    @staticmethod
    def _entering(again: Reentry) -> dict[str, Any]:
        return {**again.update, GOTO: list(again.goto)} if again.goto else again.update


def _told(inputs: Any, said: str, *, key: str | None) -> Any:  # noqa: ANN401  # the graph's own input type
    """Return the input with what a person said behind its messages, if it has any."""
    if not said or key is None or not isinstance(inputs, dict):
        return inputs
    given = cast("dict[str, Any]", inputs)
    return {**given, key: [*given.get(key, ()), HumanMessage(said)]}


def _with_thread(config: RunnableConfig | None) -> tuple[RunnableConfig, str]:
    """Return the configuration with a thread, and that thread's id."""
    given: RunnableConfig = config or {}
    configurable = dict(given.get("configurable", {}))
    thread = str(configurable.setdefault("thread_id", f"run-{uuid.uuid4().hex}"))
    return {**given, "configurable": configurable}, thread
