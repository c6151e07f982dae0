"""The three nodes around a guarded graph: begin the run, let the agent work, judge its end.

They hold nothing of a run: what must outlive a node stands in the parent's state as plain JSON,
and the session is found by the key that stands there too.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast

import msgspec
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END
from langgraph.types import Command

from guardrails.core.decisions import Decision
from guardrails.core.events import EndRequested
from guardrails.core.incident import Incident
from guardrails.engine import Guard, Session, SessionKey
from guardrails.errors import InternalError
from guardrails.integrations.asking import answers_told, ask, ask_sync, has_to_ask
from guardrails.integrations.claiming import ReadClaim
from guardrails.integrations.langgraph.inner import GOTO
from guardrails.integrations.langgraph.shape import OUTCOME, Graph, Shape
from guardrails.integrations.owner import current_owner
from guardrails.integrations.passes import Pass, Way, accountable
from guardrails.integrations.refusing import (
    Reentry,
    Refusals,
    departure_of,
    goto_of,
    update_of,
)
from guardrails.integrations.replies import closing_message, outcome_state, stream_event
from guardrails.integrations.streaming import STREAM

BEGIN = "guardrails_begin"
AGENT = "agent"
ASK = "guardrails_ask"
GATE = "guardrails_gate"
"""Names of the parent's nodes. `agent` also begins the namespace of everything inside."""

RUN = "guardrails_run"
END_KEY = "guardrails_end"
REENTRY = "guardrails_reentry"
"""Private state keys: the session's key; the end to be judged; where a refusal re-enters."""

PRIVATE = frozenset({RUN, END_KEY, REENTRY})

LIMIT = "guardrails_recursion_limit"
"""Configurable key of the caller's recursion limit, which counts inside, not for the parent."""

STOPS = "guardrails_stops"
"""Configurable key of the nodes that the caller asks to stop at; they are inside, too."""

ADAPTER = "langgraph"

Errors = Literal["return", "raise"]
"""What becomes of an exception that leaves the agent, once its outcome is recorded: `return` ends
the graph with the outcome in its state, `raise` raises it to the caller as without a guard."""


class StoredEnd(TypedDict):
    """An end between the agent's node and the gate's."""

    end: dict[str, Any]
    resets: dict[str, Any]
    forward: dict[str, Any] | None
    """A hand-off to a graph further out, which goes on its way once it is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around one graph."""

    shape: Shape
    guard: Guard
    incident: Incident | None
    claim: ReadClaim | None
    refusals: Refusals
    errors: Errors
    stream: bool = True
    """Whether findings show in the custom stream."""

    # Begin

    def begin(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """Open the run's session."""
        session, update = self._begin(state, config)
        if session is not None:
            self.guard.prepare_sync(session)
        return update

    async def abegin(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """Do `begin` in asynchronous graphs."""
        session, update = self._begin(state, config)
        if session is not None:
            await self.guard.prepare(session)
        return update

    def _begin(
        self, state: dict[str, Any], config: RunnableConfig
    ) -> tuple[Session | None, dict[str, Any]]:
        del state
        if current_owner.get() is not None:
            return None, {RUN: "", OUTCOME: None}
        key = _session_key(config)
        return self._open(key), {RUN: key, OUTCOME: None}

    def _open(self, key: str) -> Session:
        return self._streamed(
            self.guard.begin(SessionKey(key), adapter=ADAPTER, incident=self.incident)
        )

    def _streamed(self, session: Session) -> Session:
        if self.stream:
            session.follow(STREAM)
        return session

    def _session(self, state: Mapping[str, Any]) -> Session:
        """Return the run's session. A process that resumes another's run begins a new one."""
        key = str(state[RUN])
        found = self.guard.find(SessionKey(key))
        return self._open(key) if found is None else self._streamed(found)

    # Ask a person

    def ask(self, state: dict[str, Any]) -> Command[Any]:
        """Put what is not clear to a person, one round of questions each time."""
        if state.get(RUN):
            session = self._session(state)
            self.guard.prepare_sync(session)
            ask_sync(self.guard, session)
            self.guard.prepare_sync(session)
            return self._asked(session)
        return Command(goto=AGENT)

    async def aask(self, state: dict[str, Any]) -> Command[Any]:
        """Do `ask` in asynchronous graphs."""
        if state.get(RUN):
            session = self._session(state)
            await self.guard.prepare(session)
            await ask(self.guard, session)
            await self.guard.prepare(session)
            return self._asked(session)
        return Command(goto=AGENT)

    def _asked(self, session: Session) -> Command[Any]:
        """Ask on, or let the agent begin and tell it what a person said."""
        if has_to_ask(session):
            return Command(goto=ASK)
        said, key = answers_told(session), self.shape.messages
        if not said or key is None:
            return Command(goto=AGENT)
        return Command(goto=AGENT, update={key: [HumanMessage(said)]})

    # The agent

    def agent(self, state: dict[str, Any], config: RunnableConfig, *, inner: Graph) -> Command[Any]:
        """Run the graph once, to whatever end."""
        if not state.get(RUN):
            return self._passed_through(state, config, inner)
        done = self._pass(state, inner)
        done.run(self._given(state), _inside(config), **_stops(config))
        with accountable(self.guard, done.session, where="claim"):
            return self._left(done, config)

    async def aagent(
        self, state: dict[str, Any], config: RunnableConfig, *, inner: Graph
    ) -> Command[Any]:
        """Do `agent` in asynchronous graphs."""
        if not state.get(RUN):
            return await self._apassed_through(state, config, inner)
        session = self._session(state)
        await self.guard.prepare(session)
        done = self._pass(state, inner)
        await done.arun(self._given(state), _inside(config), **_stops(config))
        with accountable(self.guard, done.session, where="claim"):
            return self._left(done, config)

    def _pass(self, state: Mapping[str, Any], inner: Graph) -> Pass:
        return Pass(
            graph=inner,
            shape=self.shape,
            guard=self.guard,
            session=self._session(state),
            adapter=ADAPTER,
            before={key: state[key] for key in self.shape.keys if key in state},
        )

    def _given(self, state: Mapping[str, Any]) -> dict[str, Any]:
        given = self.shape.replacing({key: state[key] for key in self.shape.keys if key in state})
        reentry: Mapping[str, Any] = state.get(REENTRY) or {}
        return {**given, GOTO: reentry["goto"]} if reentry.get("goto") else given

    def _left(self, done: Pass, config: RunnableConfig) -> Command[Any]:
        """Go on to the gate, or straight back in after a call that was held."""
        if done.exit.held is not None:
            held = done.exit.held
            again = self.refusals.answering(
                done.after, call_id=held.call_id, said=held.to_model, session=done.session
            )
            return self._again(done, again)
        unread = self.refusals.resending(done)
        if unread is not None and not done.watch.must_halt:
            return self._again(done, unread)
        if unread is not None:
            done.exit.way = Way.HALTED
        departure = departure_of(done, claim=self.claim)
        if done.exit.error is not None and self._raises(done.exit.way):
            done.session.observe(departure.end)
            raise done.exit.error
        stored = StoredEnd(
            end=cast("dict[str, Any]", msgspec.to_builtins(departure.end)),
            resets=departure.resets,
            forward=_forward(done, config),
        )
        update = self.shape.replacing(departure.state)
        return Command(goto=GATE, update={**update, END_KEY: stored})

    def _again(self, done: Pass, again: Reentry) -> Command[Any]:
        """Go straight back in."""
        update = self.shape.replacing(self.shape.merged(done.after, again.update))
        return Command(goto=AGENT, update={**update, REENTRY: {"goto": list(again.goto)}})

    def _raises(self, way: Way) -> bool:
        return way is Way.FAILED and self.errors == "raise"

    # Inside a run that another adapter owns there is nothing to judge here

    def _passed_through(
        self, state: dict[str, Any], config: RunnableConfig, inner: Graph
    ) -> Command[Any]:
        values: dict[str, Any] = {}
        for part in inner.stream(
            cast("Any", self._given(state)),
            _inside(config),
            stream_mode="values",
            output_keys=self.shape.keys,
            **_stops(config),
        ):
            values = cast("dict[str, Any]", part)
        return Command(goto=END, update=self.shape.replacing(values))

    async def _apassed_through(
        self, state: dict[str, Any], config: RunnableConfig, inner: Graph
    ) -> Command[Any]:
        values: dict[str, Any] = {}
        async for part in inner.astream(
            cast("Any", self._given(state)),
            _inside(config),
            stream_mode="values",
            output_keys=self.shape.keys,
            **_stops(config),
        ):
            values = cast("dict[str, Any]", part)
        return Command(goto=END, update=self.shape.replacing(values))

    # The gate

    def gate(self, state: dict[str, Any]) -> Command[Any]:
        """Judge the end."""
        session = self._session(state)
        decision: Decision | None = None
        if session.outcome is None:
            decision = self.guard.settle_sync(session, _end_in(state))
        with accountable(self.guard, session, where="on_refusal"):
            return self._settled(session, state, decision)

    async def agate(self, state: dict[str, Any]) -> Command[Any]:
        """Do `gate` in asynchronous graphs."""
        session = self._session(state)
        decision: Decision | None = None
        if session.outcome is None:
            decision = await self.guard.settle(session, _end_in(state))
        with accountable(self.guard, session, where="on_refusal"):
            return self._settled(session, state, decision)

    def _settled(
        self, session: Session, state: dict[str, Any], decision: Decision | None
    ) -> Command[Any]:
        stored = cast("StoredEnd", state[END_KEY])
        values = {key: state[key] for key in self.shape.keys if key in state}
        if session.outcome is not None:
            return self._ended(session, values, stored, decision)
        if decision is None:
            raise InternalError(f"run {session.run} came out of its gate without a decision")
        again = self.refusals.reentry(values, decision, session=session, resets=stored["resets"])
        _tell(session, decision, kind="refused")
        return Command(goto=AGENT, update={**again.update, REENTRY: {"goto": list(again.goto)}})

    def _ended(
        self,
        session: Session,
        values: dict[str, Any],
        stored: StoredEnd,
        decision: Decision | None,
    ) -> Command[Any]:
        result = session.result()
        update: dict[str, Any] = {OUTCOME: outcome_state(result)}
        if decision is not None:
            _tell(session, decision, kind="ended")
        key = self.shape.messages
        clean = self.refusals.cleaned(values, session)
        values = self.shape.merged(values, clean)
        update.update(clean)
        if key is not None and not result.outcome.accepted and not result.shadow:
            closing = self.refusals.closing(values, closing_message(result))
            update.update(
                self.shape.replacing(self.shape.merged(values, closing)) if clean else closing
            )
        forward = stored["forward"]
        if forward is None:
            return Command(goto=END, update=update)
        outward = {**forward["update"], OUTCOME: update[OUTCOME]}
        return Command(graph=Command.PARENT, goto=forward["goto"], update=outward)


def _end_in(state: Mapping[str, Any]) -> EndRequested:
    return msgspec.convert(state[END_KEY]["end"], EndRequested)


def _tell(session: Session, decision: Decision, *, kind: Literal["refused", "ended"]) -> None:
    get_stream_writer()(stream_event(session, decision, kind=kind))


def _session_key(config: RunnableConfig) -> str:
    """Return the thread's id, with the place in the graph around when there is one."""
    configurable: Mapping[str, Any] = config.get("configurable", {})
    thread = str(configurable.get("thread_id") or f"run-{uuid.uuid4().hex}")
    inside = str(configurable.get("checkpoint_ns", "")).rpartition("|")[0]
    return f"{thread}/{inside}" if inside else thread


def _inside(config: RunnableConfig) -> RunnableConfig:
    limit = config.get("configurable", {}).get(LIMIT)
    return config if limit is None else {**config, "recursion_limit": limit}


def _stops(config: RunnableConfig) -> dict[str, Any]:
    return dict(config.get("configurable", {}).get(STOPS) or {})


def _forward(done: Pass, config: RunnableConfig) -> dict[str, Any] | None:
    """Return a hand-off to the graph around this one, if there is such a graph."""
    command = done.exit.command
    nested = "|" in str(config.get("configurable", {}).get("checkpoint_ns", ""))
    if command is None or not nested:
        return None
    return {"goto": goto_of(command), "update": update_of(command)}
