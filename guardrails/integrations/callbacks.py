"""Model turns and tool calls anywhere inside a graph, seen through LangChain's callbacks.

The handler is inheritable, so it reaches sub-agents that no middleware reaches: deepagents'
`task`, a supervisor's workers, nodes started by `Send`. A call that nothing else guards is held
here, before it runs.
"""
# ruff: noqa: ANN401  # the signatures are LangChain's

import json
import threading
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.messages import ToolCall as LangChainCall
from langchain_core.outputs import LLMResult
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand

from guardrails.integrations.handoff import handoff_in
from guardrails.integrations.messages import requested_of, result_in
from guardrails.integrations.modelcalls import mend_reply, note_bound, reply_in
from guardrails.integrations.recalling import is_recall_run
from guardrails.integrations.watch import Running, Watch


class GuardCallbacks(BaseCallbackHandler):
    """Hands every model turn and tool call below it to a `Watch`.

    `raise_error` lets a halt or a held call through to the node; `run_inline` keeps the order of
    facts under asyncio.
    """

    raise_error = True
    run_inline = True

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._agents: dict[UUID, str] = {}
        self._tools: dict[UUID, Running] = {}
        self._lock = threading.Lock()

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Refuse a turn that the budgets no longer allow, and see which tools are bound."""
        del serialized, messages
        self._watch.halt_if_told()
        agent = agent_of(metadata)
        note_bound(self._watch.session, kwargs, agent=agent)
        with self._lock:
            self._agents[run_id] = agent

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Take a model turn; calls in it that did not parse are mended before anybody reads it."""
        del kwargs
        agent = self._left(run_id)
        message = reply_in(response)
        if message is not None:
            mended = mend_reply(self._watch.session, message, agent=agent)
            self._watch.replied(message, agent=agent, by_callback=True, mended=mended)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Take a model call that failed; the agent may still retry it."""
        del kwargs
        agent = self._left(run_id)
        if isinstance(error, Exception):
            self._watch.model_failed(error, agent=agent)

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take a call, and hold it if nothing else guards it and it must not run."""
        name = str(kwargs.get("name") or serialized.get("name") or "")
        call_id = str(kwargs.get("tool_call_id") or run_id)
        if is_recall_run(metadata):
            self._watch.passed_over(call_id)
            return
        call = LangChainCall(
            type="tool_call", name=name, args=_plain(inputs, input_str), id=call_id
        )
        running = self._watch.started(requested_of(call, None), agent=agent_of(metadata))
        with self._lock:
            self._tools[run_id] = running

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Take a result."""
        del kwargs
        if (running := self._ended(run_id)) is None:
            return
        self._watch.returned(running, result_in(output))
        self._read_handoff(output, running)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Take a failure. An interrupt is none: the call runs again when the run is resumed."""
        del kwargs
        if (running := self._ended(run_id)) is None:
            return
        match error:
            case ParentCommand():
                self._read_handoff(cast("object", error.args[0]), running)  # pyright: ignore[reportUnknownMemberType]  # LangGraph leaves Command's parameter open
            case GraphInterrupt():
                self._watch.paused(running)
            case GraphBubbleUp():
                return
            case Exception():
                self._watch.failed(running, error)
            case _:
                return

    def _read_handoff(self, output: object, running: Running) -> None:
        handoff = None if running.guarded else handoff_in(output)
        if handoff is not None:
            to = ", ".join(handoff.to) or "parent"
            self._watch.handed_off(to, leaves_graph=False, agent=running.agent)

    def _left(self, run_id: UUID) -> str:
        with self._lock:
            return self._agents.pop(run_id, "")

    def _ended(self, run_id: UUID) -> Running | None:
        with self._lock:
            return self._tools.pop(run_id, None)


def agent_of(metadata: Mapping[str, Any] | None) -> str:
    """Return the agent's name from a callback's metadata, or nothing where there is one agent."""
    return str((metadata or {}).get("lc_agent_name") or "")


def _plain(inputs: Mapping[str, Any] | None, text: str) -> dict[str, Any]:
    """Return a call's arguments; a tool called with bare text has one, named as LangChain does."""
    if inputs is not None:
        return dict(inputs)
    try:
        parsed: object = json.loads(text)
    except ValueError:
        return {"input": text}
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {"input": text}
