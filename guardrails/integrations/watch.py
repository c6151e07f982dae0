"""What a graph shows on its passes, told to the session once.

Callbacks and state updates see the same run from two sides. Both hand what they see to a `Watch`,
which keeps a fact from being counted twice and brings the agent to a halt when the guard says so.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import msgspec
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.prebuilt.tool_node import ToolInvocationError

from guardrails.core.decisions import Next
from guardrails.core.events import (
    AgentHandedOff,
    ErrorRaised,
    NodeRan,
    ToolCall,
    ToolRequested,
    ToolStatus,
)
from guardrails.core.ids import CallId
from guardrails.engine import Session
from guardrails.hygiene.redact import clipped
from guardrails.integrations.holding import (
    _ask,  # pyright: ignore[reportPrivateUsage]  # the rule for "decided on already" must be one
    note_paused,
    note_returned,
    note_tool_error,
)
from guardrails.integrations.messages import NOT_MENDED, reply_of
from guardrails.integrations.seen import first_time, was_seen
from guardrails.integrations.toolspecs import shown_to, shown_to_any

replace = msgspec.structs.replace

REMEMBERED = 256
"""Calls and texts of the newest turns kept; a result comes in the superstep after its call."""

TURNS_AFTER_END = 8
"""Model turns an agent may still take after its end was accepted, to write its report."""


class Halt(BaseException):  # a signal like `CancelledError`, not an error
    """The agent takes no further turn.

    Not an `Exception`: agents catch those to retry, and a budget that is spent stays spent.
    """


class CallHeld(ToolInvocationError):  # noqa: N818  # what a node sees is a call that was not run
    """A call that the policy blocks, met outside of any guarded tool. Says what the model is told.

    It is of the kind that a `ToolNode` hands to its model by default, so that an agent which no
    guard reaches (a sub-agent of deepagents) goes on with a reason. Where nothing catches it, it
    ends the pass and the guard hands it over.
    """

    def __init__(self, call_id: str, to_model: str) -> None:
        Exception.__init__(self, to_model)
        self.call_id = call_id
        self.to_model = to_model
        self.message = to_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A tool call between its start and its end."""

    call_id: str
    tool: str
    agent: str
    guarded: bool
    """True when a guarded tool or tool node holds it, and reads its hand-offs."""


@dataclass(slots=True, kw_only=True)
class _Memory:
    """What is remembered of a run from one pass to the next: a pause may lie between them."""

    spoken: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    callbacks_fire: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


_memories: WeakKeyDictionary[Session, _Memory] = WeakKeyDictionary()
_memories_lock = threading.Lock()


class Watch:
    """Takes what one pass shows. Thread-safe: nodes and tools run in parallel."""

    def __init__(self, session: Session) -> None:
        self.session = session
        with _memories_lock:
            self._memory = _memories.setdefault(session, _Memory())
        self._asked: OrderedDict[str, ToolCall] = OrderedDict()
        self._after_end = 0

    @property
    def callbacks_fire(self) -> bool:
        """True once a model turn of the run came through a callback.

        Messages in the state that did not are then no turns (a limit's notice, a supervisor's
        hand-back).
        """
        return self._memory.callbacks_fire

    @property
    def must_halt(self) -> bool:
        """True when the guard lets the agent take no further turn."""
        state = self.session.state
        if state.shadow:
            return False
        if state.outcome is None:
            return state.stop is not None
        return not state.outcome.accepted or self._after_end >= TURNS_AFTER_END

    def halt_if_told(self) -> None:
        """Stop the agent here, if it must stop.

        Raises:
            Halt: It must.
        """
        if self.must_halt:
            raise Halt

    def said(self, text: str) -> bool:
        """Tell whether a model of this run said this text."""
        with self._memory.lock:
            return text in self._memory.spoken

    def asked_for(self, call_id: str) -> bool:
        """Tell whether a model of this pass asked for this call."""
        with self._memory.lock:
            return call_id in self._asked

    def replied(
        self,
        message: AIMessage,
        *,
        agent: str = "",
        by_callback: bool,
        mended: Mapping[str, str] = NOT_MENDED,
    ) -> None:
        """Take a model turn.

        Args:
            message: What the model said.
            agent: Whose model it is.
            by_callback: Whether LangChain showed it, or the graph's state did.
            mended: What was wrong with calls that were mended, by their ids.
        """
        fact, memory = reply_of(message, mended=mended), self._memory
        with memory.lock:
            if by_callback:
                memory.callbacks_fire = True
            elif memory.callbacks_fire:
                return
            memory.spoken.append(fact.text)
            self._after_end += self.session.outcome is not None
            for call in fact.tool_calls:
                self._asked[call.call_id] = call
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        if first_time(self.session, "reply", fact.message_id):
            self.session.observe(fact, agent=agent)

    def passed_over(self, call_id: str) -> None:
        """Take a call that is none of the guard's; its result in the state is none either."""
        first_time(self.session, "request", call_id)
        first_time(self.session, "return", call_id)

    def started(self, request: ToolRequested, *, agent: str = "") -> Running:
        """Take a call that is about to run, and stop it if it must not and nothing else does.

        A finish call that nothing else guards is let through: its end is judged when the graph
        ends.

        Raises:
            Halt: A budget is spent.
            CallHeld: The policy blocks it.
        """
        if self.asked_for(request.call_id):
            request = replace(request, fault=self._fault(request, agent))
        decision = _ask(self.session, request, agent=agent)
        if decision is not None and not self.session.state.shadow:
            if decision.next is Next.STOP:
                raise Halt
            if decision.blocked:
                note_returned(
                    self.session,
                    decision.to_model,
                    call_id=request.call_id,
                    tool=request.tool,
                    status=ToolStatus.BLOCKED,
                    agent=agent,
                )
                raise CallHeld(request.call_id, decision.to_model)
        return Running(
            call_id=request.call_id, tool=request.tool, agent=agent, guarded=decision is None
        )

    def _fault(self, request: ToolRequested, agent: str) -> str:
        """Say what is wrong with a model's call. A tool that starts is there, bound or not."""
        shown = shown_to(self.session, agent=agent)
        known = request.tool in shown.specs
        return shown.fault(request.tool, request.arguments) if known else ""

    def returned(self, running: Running, value: object) -> None:
        """Take a result."""
        note_returned(
            self.session, value, call_id=running.call_id, tool=running.tool, agent=running.agent
        )

    def failed(self, running: Running, error: Exception) -> None:
        """Take a tool's error; the agent may still catch it."""
        note_tool_error(
            self.session, error, call_id=running.call_id, tool=running.tool, agent=running.agent
        )

    def paused(self, running: Running) -> None:
        """Take an interrupt inside a tool; the call comes again when the run is resumed."""
        if not running.guarded:
            note_paused(self.session, running.call_id)

    def answered(self, value: object, *, call_id: str, tool: str) -> None:
        """Take a result that only shows in the state; its call ran where nobody could look."""
        with self._memory.lock:
            call = self._asked.get(call_id) or ToolCall(call_id=CallId(call_id), tool=tool)
        if not was_seen(self.session, "request", call_id):
            # Its own node refused it already; what is left is to count it as a wrong call.
            refused = isinstance(value, ToolMessage) and value.status == "error"
            shown = shown_to_any(self.session)
            request = ToolRequested(
                call_id=call.call_id,
                tool=call.tool,
                arguments=call.arguments,
                fault=shown.fault(call.tool, call.arguments) if refused else "",
            )
            _ask(self.session, request, agent="")
        note_returned(self.session, value, call_id=call_id, tool=call.tool)

    def handed_off(self, to: str, *, leaves_graph: bool, agent: str = "") -> None:
        """Take a hand-off from one agent to another."""
        self.session.observe(AgentHandedOff(to=to, leaves_graph=leaves_graph), agent=agent)

    def model_failed(self, error: Exception, *, agent: str = "") -> None:
        """Take a model's error; the agent may still catch it."""
        fact = ErrorRaised(
            error=type(error).__name__, message=clipped(str(error), 500), where="model", fatal=False
        )
        self.session.observe(fact, agent=agent)

    def node_ran(self, node: str) -> None:
        """Take a node that counts as a step, because no model turn shows."""
        self.session.observe(NodeRan(node=node, turn=True))
