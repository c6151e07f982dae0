"""`GuardrailMiddleware`: the guard as middleware of LangChain's `create_agent`.

It turns what the hooks see into events and the decisions into jumps, refusals and results. Every
exit of the agent comes to one door; none is left that ends a run without a typed outcome.
"""

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
from langchain_core.messages import ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.incident import Incident
from guardrails.engine import Guard, Session, SessionKey
from guardrails.integrations.asking import ask, ask_sync
from guardrails.integrations.claiming import STRUCTURED
from guardrails.integrations.exits import Update, leaving
from guardrails.integrations.messages import model_name
from guardrails.integrations.middleware_state import (
    LIVE_KEY,
    ROOM_KEY,
    SESSIONS_KEY,
    GuardrailState,
)
from guardrails.integrations.middleware_tools import ToolHooks, state_of
from guardrails.integrations.middleware_turns import (
    asking,
    early_end,
    go_on,
    note_reply,
    pausing,
    prepared_request,
    sent_back,
    settled,
    settled_early,
    silence,
    without_door,
    without_taken_back,
)
from guardrails.integrations.owner import current_owner
from guardrails.integrations.recalling import may_leave_out, recall
from guardrails.integrations.replies import (
    OUTCOME_KEY,
)
from guardrails.integrations.standing import Standing, fresh_key, revive, stand
from guardrails.integrations.streaming import STREAM

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

    What no hook of it sees has no outcome either: an exception that another middleware's own hook
    raises (a call limit with `exit_behavior="error"`), or a closing hook that jumps to the end for
    ever, leaves the agent as it would without a guard. Nothing is accepted by that, and a new run
    on the thread closes the one before it as `aborted`. Put `guard(agent, using=guard)` around
    such an agent to have these typed too.

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
        stream: bool = True,
    ) -> None:
        """Make the middleware.

        Args:
            using: The guard; one guard may serve any number of agents.
            incident: What this agent's runs are about; the guard's own incident when left out.
            name: Unique among the agent's middleware, so that several can be combined.
            stream: Whether findings, their withdrawal and warnings show in
                `stream_mode="custom"`. Refusals and the end always do.

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
        self._stream = stream
        self.tools = [recall] if may_leave_out(using.settings.hygiene) else []
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
        # An outcome or an answer of an earlier run on the thread is none of this one's.
        stale = [name for name in (OUTCOME_KEY, STRUCTURED) if state.get(name) is not None]
        return {
            **self._keeping(state, key),
            ROOM_KEY: state.get("remaining_steps"),
            **dict.fromkeys(stale),
        }

    async def abefore_agent(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `before_agent` in an async agent."""
        return self.before_agent(state, runtime)

    # Before the model

    def before_model(self, state: GuardrailState[Any], runtime: Runtime[Any]) -> Update | None:
        """Take steps out of the history that were taken back, before anybody builds on them."""
        del runtime
        return without_taken_back(state, self._session(state))

    async def abefore_model(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `before_model` in an async agent."""
        return self.before_model(state, runtime)

    # Around the model

    def wrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], ModelResponse[ResponseT]],
    ) -> ModelCallResult[ResponseT]:
        """Record the turn; when the run is over, answer without asking the model."""
        standing = self._before_model(request)
        standing.prepare_sync()
        with pausing(standing):
            ask_sync(standing.guard, standing.session)
            standing.prepare_sync()
        if standing.silenced:
            if not standing.owned:
                standing.guard.settle_sync(standing.session, EndRequested(exit=ExitKind.BUDGET))
            return silence(standing)
        with asking(standing) as mended:
            response = handler(prepared_request(standing, request))
        note_reply(standing, response, request.runtime, mended=mended)
        return self._kept(request.state, standing, response)

    async def awrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], Awaitable[ModelResponse[ResponseT]]],
    ) -> ModelCallResult[ResponseT]:
        """Do `wrap_model_call` in an async agent."""
        standing = self._before_model(request)
        await standing.prepare()
        with pausing(standing):
            await ask(standing.guard, standing.session)
            await standing.prepare()
        if standing.silenced:
            if not standing.owned:
                await standing.guard.settle(standing.session, EndRequested(exit=ExitKind.BUDGET))
            return silence(standing)
        with asking(standing) as mended:
            response = await handler(prepared_request(standing, request))
        note_reply(standing, response, request.runtime, mended=mended)
        return self._kept(request.state, standing, response)

    # After the model

    @hook_config(can_jump_to=_JUMPS)
    def after_model(self, state: GuardrailState[Any], runtime: Runtime[Any]) -> Update | None:
        """Send empty and malformed answers back at once; stop a run whose budget is spent."""
        standing = self._enter(state)
        unread = sent_back(state, standing, runtime)
        if unread is not None:
            return unread
        end = early_end(state, standing)
        if end is None:
            return go_on(state, standing, runtime)
        decision = standing.guard.settle_sync(standing.session, end)
        return settled_early(state, standing, decision, runtime)

    @hook_config(can_jump_to=_JUMPS)
    async def aafter_model(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `after_model` in an async agent."""
        standing = self._enter(state)
        unread = sent_back(state, standing, runtime)
        if unread is not None:
            return unread
        end = early_end(state, standing)
        if end is None:
            return go_on(state, standing, runtime)
        decision = await standing.guard.settle(standing.session, end)
        return settled_early(state, standing, decision, runtime)

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
        early = without_door(state, standing)
        if early is not None:
            return early
        end = leaving(state, standing.session)
        decision = standing.guard.settle_sync(standing.session, end)
        return {
            **self._keeping(state, standing.key),
            **settled(state, standing, decision, runtime),
        }

    @hook_config(can_jump_to=["model"])
    async def aafter_agent(
        self, state: GuardrailState[Any], runtime: Runtime[Any]
    ) -> Update | None:
        """Do `after_agent` in an async agent."""
        standing = self._enter(state)
        early = without_door(state, standing)
        if early is not None:
            return early
        end = leaving(state, standing.session)
        decision = await standing.guard.settle(standing.session, end)
        return {
            **self._keeping(state, standing.key),
            **settled(state, standing, decision, runtime),
        }

    # Finding the session

    def _key(self, state: Mapping[str, Any]) -> SessionKey | None:
        """Return the key of this run's session, or None if the run never told its beginning.

        A run that is resumed finds it where it survives a checkpoint. But if an outcome stands
        beside it there, that run is over, and this one never came past `before_agent`.
        """
        key = _keys(state, LIVE_KEY).get(self._name)
        if key is None and state.get(OUTCOME_KEY) is None:
            key = _keys(state, SESSIONS_KEY).get(self._name)
        return None if key is None else SessionKey(key)

    def _keeping(self, state: Mapping[str, Any], key: SessionKey | None) -> Update:
        """Return the update that keeps a session's key for the hooks that come after."""
        if key is None or _keys(state, LIVE_KEY).get(self._name) == key:
            return {}
        return {at: {**_keys(state, at), self._name: key} for at in (SESSIONS_KEY, LIVE_KEY)}

    def _kept(
        self, state: Mapping[str, Any], standing: Standing, response: ModelResponse[ResponseT]
    ) -> ModelResponse[ResponseT] | ExtendedModelResponse[ResponseT]:
        """Return the response, with the session's key if the run's beginning did not keep it."""
        update = self._keeping(state, standing.key)
        if not update:
            return response
        return ExtendedModelResponse(model_response=response, command=Command(update=update))

    def _session(self, state: Mapping[str, Any]) -> Session | None:
        """Return the run's session, if it has begun."""
        owner = current_owner.get()
        if owner is not None:
            return owner.session
        key = self._key(state)
        return None if key is None else self._guard.find(key)

    def _enter(self, state: Mapping[str, Any]) -> Standing:
        standing = stand(self._guard, self._key(state), incident=self._incident)
        return self._entered(standing)

    def _before_model(self, request: ModelRequest[ContextT]) -> Standing:
        key, model = self._key(request.state), model_name(request.model)
        standing = stand(self._guard, key, incident=self._incident, model=model)
        return self._entered(revive(standing, incident=self._incident, model=model))

    def _entered(self, standing: Standing) -> Standing:
        if self._stream and not standing.owned:
            standing.session.follow(STREAM)
        standing.resumed()
        return standing


def _keys(state: Mapping[str, Any], at: str) -> Mapping[str, str]:
    return state.get(at) or {}
