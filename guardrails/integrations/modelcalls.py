"""What a model call shows to LangChain's callbacks: the tools that were bound, and the reply.

Only here is seen what the model was really shown, after every other middleware has had its say,
and the reply before anybody reads it.
"""
# ruff: noqa: ANN401  # the signatures are LangChain's

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from guardrails.engine import Session
from guardrails.integrations.mending import mend
from guardrails.integrations.messages import NOT_MENDED
from guardrails.integrations.toolspecs import note_shown, shown_in, shown_to


def note_bound(session: Session, options: Mapping[str, Any], *, agent: str) -> None:
    """Remember the tools that a model call is made with.

    Args:
        session: The run.
        options: What a callback is given besides the messages.
        agent: Whose call it is.
    """
    invocation = cast("Mapping[str, Any]", options.get("invocation_params") or {})
    tools: object = invocation.get("tools")
    if isinstance(tools, Sequence) and tools and not isinstance(tools, str):
        note_shown(session, shown_in(cast("Sequence[object]", tools)), agent=agent)


def mend_reply(session: Session, message: AIMessage, *, agent: str) -> Mapping[str, str]:
    """Mend a reply in place, where the run's policy lets calls be mended.

    Returns:
        What was wrong, by call id.
    """
    if session.state.shadow or session.rules.settings.hygiene.early == "none":
        return NOT_MENDED
    return mend(message, shown_to(session, agent=agent))


def reply_in(response: LLMResult) -> AIMessage | None:
    """Return the message of a model call."""
    for generation in response.generations[0][:1] if response.generations else ():
        if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
            return generation.message
    return None


class ModelCallListener(BaseCallbackHandler):
    """Listens to the model calls of one turn."""

    run_inline = True

    def __init__(self, session: Session, *, agent: str) -> None:
        self._session = session
        self._agent = agent
        self.mended: dict[str, str] = {}
        """What was wrong with calls that were mended, by their ids."""

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> None:
        """Take the tools that are bound."""
        del serialized, messages
        note_bound(self._session, kwargs, agent=self._agent)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Mend the reply."""
        del kwargs
        message = reply_in(response)
        if message is not None:
            self.mended.update(mend_reply(self._session, message, agent=self._agent))


@contextmanager
def listening(session: Session, *, agent: str) -> Generator[ModelCallListener]:
    """Listen to the model calls made inside this block."""
    listener = ModelCallListener(session, agent=agent)
    token = _listener.set(listener)
    try:
        yield listener
    finally:
        _listener.reset(token)


_listener: ContextVar[ModelCallListener | None] = ContextVar("guardrails_listener", default=None)
register_configure_hook(_listener, inheritable=True)
