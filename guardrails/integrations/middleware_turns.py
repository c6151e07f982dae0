"""What the middleware's hooks do at each point of a turn, synchronous or not.

A hook finds its session, waits for the guard where it must, and leaves the rest to a function here:
facts go to the session, decisions become updates of the agent's state.
"""

import operator
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain.agents.middleware.types import (
    ContextT,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
)
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.runtime import Runtime

from guardrails.core.decisions import Decision, Next
from guardrails.core.events import EndRequested, ErrorRaised, ExitKind, PauseReason
from guardrails.engine import Session
from guardrails.hygiene.redact import clipped
from guardrails.integrations.asking import answers_told
from guardrails.integrations.closing import stopped_words
from guardrails.integrations.exits import Update, ending, leaving, refusal, refused_calls_only
from guardrails.integrations.mending import answers_to_unreadable
from guardrails.integrations.messages import (
    NOT_MENDED,
    annotations_of,
    last_reply,
    repairs,
    reply_of,
)
from guardrails.integrations.middleware_state import ROOM_KEY, GuardrailState
from guardrails.integrations.modelcalls import listening
from guardrails.integrations.recalling import RECALL, is_recall
from guardrails.integrations.replies import (
    closing_message,
    stopped_message,
    stream_event,
)
from guardrails.integrations.seen import first_time, was_seen
from guardrails.integrations.sending import to_send
from guardrails.integrations.standing import Standing
from guardrails.integrations.surgery import surgery_on


def note_reply(
    standing: Standing,
    response: ModelResponse[Any] | AIMessage | ExtendedModelResponse[Any],
    runtime: Runtime[Any],
    *,
    mended: Mapping[str, str] = NOT_MENDED,
) -> None:
    """Record what the model said; what follows from it is done by `after_model`.

    Args:
        standing: Where the agent stands.
        response: What came of the call.
        runtime: LangGraph's.
        mended: What was wrong with calls that were mended, by their ids.
    """
    if isinstance(response, ExtendedModelResponse):
        response = response.model_response
    messages = [response] if isinstance(response, AIMessage) else response.result
    for message in messages:
        if isinstance(message, AIMessage) and first_time(standing.session, "reply", message.id):
            standing.session.observe(reply_of(message, mended=mended), agent=standing.agent)
    _note_drain(standing, runtime)


def prepared_request(standing: Standing, request: ModelRequest[ContextT]) -> ModelRequest[ContextT]:
    """Return what the model is asked with: the phase's tools, a person's answers, clean context."""
    asked = with_answers(standing, with_tools_of_phase(standing, request))
    sent = to_send(standing.session, asked.messages, agent=standing.agent)
    return asked if sent is None else asked.override(messages=sent)


def with_tools_of_phase(
    standing: Standing, request: ModelRequest[ContextT]
) -> ModelRequest[ContextT]:
    """Leave out the tools that are not for where the run stands; a call of one is refused too."""
    shown = _with_recall([tool for tool in request.tools if _is_shown(standing, tool)])
    same = len(shown) == len(request.tools) and all(map(operator.is_, shown, request.tools))
    return request if same else request.override(tools=shown)


def with_answers(standing: Standing, request: ModelRequest[ContextT]) -> ModelRequest[ContextT]:
    """Put what a person said of the task behind the task, for this turn's model only."""
    said = "" if standing.owned else answers_told(standing.session)
    if not said:
        return request
    first = next(
        (at for at, one in enumerate(request.messages, 1) if isinstance(one, HumanMessage)), 0
    )
    messages = [*request.messages[:first], HumanMessage(said), *request.messages[first:]]
    return request.override(messages=messages)


def _with_recall(tools: Sequence[BaseTool | dict[str, Any]]) -> list[BaseTool | dict[str, Any]]:
    """Offer `recall` once, beside tools whose results it can show, and never in place of another.

    Two guards of one agent bring one each, and a user's own tool may have the name.
    """
    found = [tool for tool in tools if not (isinstance(tool, BaseTool) and is_recall(tool))]
    ours = next((tool for tool in tools if isinstance(tool, BaseTool) and is_recall(tool)), None)
    if ours is None or not found or any(_name_of(tool) == RECALL for tool in found):
        return found
    return [*found, ours]


def _name_of(tool: BaseTool | dict[str, Any]) -> object:
    if isinstance(tool, BaseTool):
        return tool.name
    return tool.get("name") or tool.get("function", {}).get("name")


def _is_shown(standing: Standing, tool: BaseTool | dict[str, Any]) -> bool:
    if isinstance(tool, BaseTool):
        if is_recall(tool):
            return True
        return standing.session.shows(tool.name, annotations_of(tool))
    named = _name_of(tool)
    return not isinstance(named, str) or standing.session.shows(named)


@contextmanager
def pausing(standing: Standing) -> Generator[None]:
    """Note that the run stands still while a person is asked."""
    try:
        yield
    except GraphInterrupt:
        standing.paused(PauseReason.INTERRUPT, "a question to a person")
        raise


@contextmanager
def asking(standing: Standing) -> Generator[Mapping[str, str]]:
    """Ask the model, and record an exception or a cancellation that leaves it.

    Yields:
        What was wrong with calls that are mended on the way, by their ids. An owner listens itself.
    """
    try:
        if standing.owned:
            yield NOT_MENDED
            return
        with listening(standing.session, agent=standing.agent) as heard:
            yield heard.mended
    except GraphBubbleUp:
        raise
    except Exception as error:
        _note_failure(standing, error)
        raise
    except BaseException:
        standing.cancelled("model")
        raise


def _note_failure(standing: Standing, error: Exception) -> None:
    """Record an exception of the model; nothing of the agent runs after it."""
    if standing.owned:
        fact = ErrorRaised(
            error=type(error).__name__, message=clipped(str(error), 500), where="model", fatal=False
        )
        standing.session.observe(fact, agent=standing.agent)
    else:
        standing.guard.fail(standing.session, error, where="model")


def silence(standing: Standing) -> ModelResponse[Any]:
    """Return what stands in for the model's turn when it is not asked any more."""
    if standing.session.outcome is None:
        return ModelResponse(result=[stopped_message(standing.session)])
    return ModelResponse(result=[closing_message(standing.session.result())])


def _note_drain(standing: Standing, runtime: Runtime[Any]) -> None:
    """Record that LangGraph will stop after this superstep and keep the run for later."""
    control = runtime.control
    if control is not None and control.drain_requested:
        standing.paused(PauseReason.DRAIN, control.drain_reason or "")


def early_end(state: GuardrailState[Any], standing: Standing) -> EndRequested | None:
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


def sent_back(
    state: GuardrailState[Any], standing: Standing, runtime: Runtime[Any]
) -> Update | None:
    """Answer calls that could not be read; None when there are none to answer.

    Calls beside them run. Without any, the agent would end here, so it goes back to its model.
    """
    reply, _ = last_reply(state["messages"])
    if reply is None or not was_seen(standing.session, "reply", reply.id):
        return None
    answers = answers_to_unreadable(standing.session, reply, agent=standing.agent)
    if answers is None:
        return None
    update = go_on(state, standing, runtime)
    if standing.stopped:
        return update
    return {**update, "messages": answers} | ({} if reply.tool_calls else {"jump_to": "model"})


def without_taken_back(state: GuardrailState[Any], session: Session | None) -> Update | None:
    """Take wrong steps out of the agent's history, before its model is asked again."""
    if session is None:
        return None
    messages = state["messages"]
    found = surgery_on(session, messages)
    if found is None:
        return None
    session.observe(found.fact)
    return {"messages": found.update(messages)}


def go_on(state: GuardrailState[Any], standing: Standing, runtime: Runtime[Any]) -> Update:
    """Let the agent go on, or answer its calls in place of the tools and bring it to the door."""
    update: Update = {ROOM_KEY: state.get("remaining_steps")}
    if standing.stopped:
        said = stopped_words(standing.session)
        pending = repairs(state["messages"], said=said)
        if pending:
            return {**update, "messages": pending, "jump_to": "end"}
    _note_drain(standing, runtime)
    return update


def settled_early(
    state: GuardrailState[Any], standing: Standing, decision: Decision, runtime: Runtime[Any]
) -> Update:
    """Send a refused answer back at once; let an ended run go on to its door."""
    if decision.next is Next.END:
        return go_on(state, standing, runtime)
    _tell_refused(state, standing, decision, runtime)
    return {ROOM_KEY: state.get("remaining_steps"), **refusal(state, decision)}


def without_door(state: GuardrailState[Any], standing: Standing) -> Update | None:
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


def settled(
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
