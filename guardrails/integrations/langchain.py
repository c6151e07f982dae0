"""`GuardrailMiddleware`: the guard as middleware of LangChain's `create_agent`.

It turns what the hooks see into events and the decisions into jumps, refusals and results. Every
exit of the agent comes to one door; none is left that ends a run without a typed outcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from langchain.agents.middleware.types import (
    AgentMiddleware,
    ContextT,
    ExtendedModelResponse,
    ModelCallResult,
    ModelRequest,
    ModelResponse,
    ResponseT,
    ToolCallRequest,
    TracePolicy,
    hook_config,
    omit_payload,
)
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command

from guardrails.core.decisions import Decision, Next
from guardrails.core.events import EndRequested, ErrorRaised, ExitKind, PauseReason
from guardrails.core.incident import Incident
from guardrails.engine import Guard, SessionKey
from guardrails.integrations.exits import Update, ending, leaving, refusal, refused_calls_only
from guardrails.integrations.messages import last_reply, model_name, repairs, reply_of
from guardrails.integrations.middleware_state import ROOM_KEY, SESSIONS_KEY, GuardrailState
from guardrails.integrations.middleware_tools import ToolHooks, state_of
from guardrails.integrations.owner import current_owner
from guardrails.integrations.replies import (
    OUTCOME_KEY,
    closing_message,
    stopped_message,
    stopped_words,
    stream_event,
)
from guardrails.integrations.seen import first_time
from guardrails.integrations.standing import Standing, fresh_key, late_key, revive, stand

_JUMPS: list[Literal["tools", "model", "end"]] = ["model", "end"]


class GuardrailMiddleware(AgentMiddleware[GuardrailState[ResponseT], ContextT, ResponseT]):
    """Lets an agent end only on evidence, and holds its calls to the policy.

    Put it first in the list: then it sees what really goes to and comes from the model and the
    tools, has the last word when the agent ends, and takes an exception that reaches it for one
    that leaves the agent. Elsewhere it works too, with two differences: an error that middleware
    listed before it mends ends one session and begins another, and closing hooks of middleware
    listed before it run after its verdict.

    The result carries the outcome under `guardrails_outcome`. Inside a run that another adapter
    owns, the middleware reports to that run's session and leaves its end to the owner.

    Example:
        ```python
        agent = create_agent(
            "openai:gpt-5", tools, middleware=[GuardrailMiddleware(using=guard)]
        )
        result = agent.invoke({"messages": [("user", "checkout is down")]})
        print(result["guardrails_outcome"]["outcome"])
        ```
    """

    state_schema: type[GuardrailState[ResponseT]] = GuardrailState
    trace_policy = TracePolicy(process_inputs=omit_payload)

    def __init__(
        self,
        *,
        using: Guard,
        incident: Incident | None = None,
        name: str = "GuardrailMiddleware",
    ) -> None:
        """Make the middleware.

        Args:
            using: The guard; one guard may serve any number of agents.
            incident: What this agent's runs are about; the guard's own incident when left out.
            name: Unique among the agent's middleware, so that several can be combined.

        Raises:
            ValueError: The name is empty.
        """
        super().__init__()
        if not name:
            msg = "name must not be empty: LangChain names the middleware's graph nodes by it"
            raise ValueError(msg)
        self._guard = using
        self._incident = incident
        self._name = name
        self._tools = ToolHooks(lambda request: self._enter(state_of(request)))

    @property
    def name(self) -> str:
        """The name among the agent's middleware."""
        return self._name

    # Before the agent

    def before_agent(self, state: GuardrailState[Any], runtime: Runtime[Any]) -> Update | None:
        """Give this invocation a session of its own; it begins when the model is first asked."""
        if current_owner.get() is not None:
            return None
        info = runtime.execution_info
        thread = info.thread_id if info is not None else None
        key = fresh_key(thread, info.checkpoint_ns if info is not None else "")
        update: Update = {
            SESSIONS_KEY: {**state.get(SESSIONS_KEY, {}), self._name: key},
            ROOM_KEY: state.get("remaining_steps"),
        }
        if state.get(OUTCOME_KEY) is not None:
            update[OUTCOME_KEY] = None
        return update

    async def abefore_agent(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `before_agent` in an async agent."""
        return self.before_agent(state, runtime)

    # Around the model

    def wrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], ModelResponse[ResponseT]],
    ) -> ModelCallResult[ResponseT]:
        """Record the turn; when the run is over, answer without asking the model."""
        standing = self._before_model(request)
        standing.prepare_sync()
        if standing.silenced:
            if not standing.owned:
                standing.guard.settle_sync(standing.session, EndRequested(exit=ExitKind.BUDGET))
            return _silence(standing)
        try:
            response = handler(request)
        except GraphBubbleUp:
            raise
        except Exception as error:
            _failed(standing, error)
            raise
        _replied(standing, response, request.runtime)
        return response

    async def awrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], Awaitable[ModelResponse[ResponseT]]],
    ) -> ModelCallResult[ResponseT]:
        """Do `wrap_model_call` in an async agent."""
        standing = self._before_model(request)
        await standing.prepare()
        if standing.silenced:
            if not standing.owned:
                await standing.guard.settle(standing.session, EndRequested(exit=ExitKind.BUDGET))
            return _silence(standing)
        try:
            response = await handler(request)
        except GraphBubbleUp:
            raise
        except asyncio.CancelledError:
            standing.cancelled("model")
            raise
        except Exception as error:
            _failed(standing, error)
            raise
        _replied(standing, response, request.runtime)
        return response

    # After the model

    @hook_config(can_jump_to=_JUMPS)
    def after_model(self, state: GuardrailState[Any], runtime: Runtime[Any]) -> Update | None:
        """Send empty and malformed answers back at once; stop a run whose budget is spent."""
        standing = self._enter(state)
        end = _early_end(state, standing)
        if end is None:
            return _go_on(state, standing, runtime)
        decision = standing.guard.settle_sync(standing.session, end)
        return _settled_early(state, standing, decision, runtime)

    @hook_config(can_jump_to=_JUMPS)
    async def aafter_model(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `after_model` in an async agent."""
        standing = self._enter(state)
        end = _early_end(state, standing)
        if end is None:
            return _go_on(state, standing, runtime)
        decision = await standing.guard.settle(standing.session, end)
        return _settled_early(state, standing, decision, runtime)

    # Around a tool

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Hold the call until the guard lets it through; runs in parallel threads."""
        return self._tools.wrap(request, handler)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Do `wrap_tool_call` in an async agent."""
        return await self._tools.awrap(request, handler)

    # After the agent: the door

    @hook_config(can_jump_to=["model"])
    def after_agent(self, state: GuardrailState[Any], runtime: Runtime[Any]) -> Update | None:
        """Bring the end to the door; a refused one goes back to the model."""
        standing = self._enter(state)
        early = _without_door(state, standing)
        if early is not None:
            return early
        end = leaving(state, standing.session)
        decision = standing.guard.settle_sync(standing.session, end)
        return _settled(state, standing, decision, runtime)

    @hook_config(can_jump_to=["model"])
    async def aafter_agent(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `after_agent` in an async agent."""
        standing = self._enter(state)
        early = _without_door(state, standing)
        if early is not None:
            return early
        end = leaving(state, standing.session)
        decision = await standing.guard.settle(standing.session, end)
        return _settled(state, standing, decision, runtime)

    # Finding the session

    def _key(self, state: Mapping[str, Any]) -> SessionKey:
        keys: Mapping[str, str] = state.get(SESSIONS_KEY) or {}
        key = keys.get(self._name)
        return SessionKey(key) if key is not None else late_key()

    def _enter(self, state: Mapping[str, Any]) -> Standing:
        standing = stand(self._guard, self._key(state), incident=self._incident)
        standing.resumed()
        return standing

    def _before_model(self, request: ModelRequest[ContextT]) -> Standing:
        key, model = self._key(request.state), model_name(request.model)
        standing = stand(self._guard, key, incident=self._incident, model=model)
        standing = revive(standing, key, incident=self._incident, model=model)
        standing.resumed()
        return standing


def _replied(
    standing: Standing,
    response: ModelResponse[Any] | AIMessage | ExtendedModelResponse[Any],
    runtime: Runtime[Any],
) -> None:
    """Record what the model said; what follows from it is done by `after_model`."""
    if isinstance(response, ExtendedModelResponse):
        response = response.model_response
    messages = [response] if isinstance(response, AIMessage) else response.result
    for message in messages:
        if isinstance(message, AIMessage) and first_time(standing.session, "reply", message.id):
            standing.session.observe(reply_of(message), agent=standing.agent)
    _note_drain(standing, runtime)


def _failed(standing: Standing, error: Exception) -> None:
    """Record an exception of the model; nothing of the agent runs after it."""
    if standing.owned:
        fact = ErrorRaised(
            error=type(error).__name__, message=str(error)[:500], where="model", fatal=False
        )
        standing.session.observe(fact, agent=standing.agent)
    else:
        standing.guard.fail(standing.session, error, where="model")


def _silence(standing: Standing) -> ModelResponse[Any]:
    """Return what stands in for the model's turn when it is not asked any more."""
    if standing.session.outcome is None:
        return ModelResponse(result=[stopped_message(standing.session)])
    return ModelResponse(result=[closing_message(standing.session.result())])


def _note_drain(standing: Standing, runtime: Runtime[Any]) -> None:
    """Record that LangGraph will stop after this superstep and keep the run for later."""
    control = runtime.control
    if control is not None and control.drain_requested:
        standing.paused(PauseReason.DRAIN, control.drain_reason or "")


def _early_end(state: GuardrailState[Any], standing: Standing) -> EndRequested | None:
    """Return the ends that are settled right after the model, before another hook acts on them."""
    if standing.owned or standing.session.outcome is not None:
        return None
    end = leaving(state, standing.session)
    if end.exit in {ExitKind.EMPTY, ExitKind.MALFORMED}:
        return end
    if end.exit is ExitKind.MIDDLEWARE_END and not _has_room(state):
        return EndRequested(exit=ExitKind.RECURSION, detail="LangGraph's recursion limit is near")
    return None


def _has_room(state: GuardrailState[Any]) -> bool:
    """Tell whether the recursion limit leaves another round: tools, model, hooks, and the door.

    The last round, measured between two replies, says how many supersteps one takes. The first is
    measured from the agent's beginning and lacks the tools, hence one more.
    """
    now, before = state.get("remaining_steps"), state.get(ROOM_KEY)
    if now is None or before is None:
        return True
    return now >= (before - now) + 1 + 2


def _go_on(state: GuardrailState[Any], standing: Standing, runtime: Runtime[Any]) -> Update:
    """Let the agent go on, or answer its calls in place of the tools and bring it to the door."""
    update: Update = {ROOM_KEY: state.get("remaining_steps")}
    if standing.stopped:
        said = stopped_words(standing.session)
        pending = repairs(state["messages"], said=said)
        if pending:
            return {**update, "messages": pending, "jump_to": "end"}
    _note_drain(standing, runtime)
    return update


def _settled_early(
    state: GuardrailState[Any], standing: Standing, decision: Decision, runtime: Runtime[Any]
) -> Update:
    if decision.next is Next.END:
        return _go_on(state, standing, runtime)
    _tell_refused(state, standing, decision, runtime)
    return {ROOM_KEY: state.get("remaining_steps"), **refusal(state, decision)}


def _without_door(state: GuardrailState[Any], standing: Standing) -> Update | None:
    """Return what an exit comes to that is not for this middleware to settle.

    That is any exit of an owned run, and that of a direct-return tool which the guard refused:
    the refusal is in its result, and the model only needs its turn. Once per reply: if the agent
    comes back without one, something else ends it, and that goes through the door.
    """
    if standing.owned:
        return {}
    if standing.stopped:
        return None
    refused = refused_calls_only(state, standing.session)
    if refused is not None and first_time(standing.session, "bounce", refused.id):
        return {"jump_to": "model"}
    return None


def _settled(
    state: GuardrailState[Any], standing: Standing, decision: Decision, runtime: Runtime[Any]
) -> Update:
    """Send a refused agent back; let an ended run end with its outcome in the state."""
    if decision.next is not Next.END:
        _tell_refused(state, standing, decision, runtime)
        return refusal(state, decision)
    runtime.stream_writer(stream_event(standing.session, decision, kind="ended"))
    return ending(state, standing.session)


def _tell_refused(
    state: GuardrailState[Any], standing: Standing, decision: Decision, runtime: Runtime[Any]
) -> None:
    reply, _ = last_reply(state["messages"])
    message_id = (reply.id or "") if reply is not None else ""
    event = stream_event(standing.session, decision, kind="refused", message_id=message_id)
    runtime.stream_writer(event)
