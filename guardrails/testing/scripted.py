"""A chat model that plays a script: a real LangChain model without a provider.

Agents under test run on it unchanged (binding tools, streaming, async), and it remembers what it
was shown, so a test can say what reached the model.
"""
# ruff: noqa: ARG002, ANN401  # the signatures are LangChain's

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    InvalidToolCall,
    ToolCall,
    ToolCallChunk,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

Turn = AIMessage | BaseException | Callable[[list[BaseMessage]], AIMessage]
"""One turn of a script: what the model says, what it raises, or how it finds its words."""


class ScriptEndedError(AssertionError):
    """The agent asked the model for more turns than the script has."""


class ScriptedModel(BaseChatModel):
    """Plays its turns one after the other, whoever asks.

    Example:
        >>> model = ScriptedModel(turns=[turn("looking", calls=[call("get_pods")]), turn("done")])
        >>> model.invoke("what is wrong?").tool_calls[0]["name"]
        'get_pods'
    """

    turns: list[Any] = Field(default_factory=list)
    """The script: `Turn`s. (Pydantic cannot validate an exception, hence the type.)"""
    at_end: Literal["raise", "repeat"] = "raise"
    """What comes after the last turn: an error, or the last turn for ever."""
    provider: str = "scripted"
    model_name: str = "model"

    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _seen: list[list[BaseMessage]] = PrivateAttr(default_factory=list[list[BaseMessage]])
    _tools: list[dict[str, Any]] = PrivateAttr(default_factory=list[dict[str, Any]])

    @property
    def seen(self) -> list[list[BaseMessage]]:
        """The messages of every request, in order."""
        return self._seen

    @property
    def asked(self) -> int:
        """How many turns were asked for."""
        return len(self._seen)

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools bound last, in OpenAI's form."""
        return self._tools

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(
            ls_provider=self.provider, ls_model_name=self.model_name, ls_model_type="chat"
        )

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools as a provider's model would."""
        self._tools = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=self._tools, tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._next(messages)):
            generated = ChatGenerationChunk(message=chunk)
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=generated)
            yield generated

    def _next(self, messages: list[BaseMessage]) -> AIMessage:
        with self._lock:
            at = len(self._seen)
            self._seen.append(list(messages))
        if at >= len(self.turns):
            if self.at_end == "raise" or not self.turns:
                raise ScriptEndedError(f"the script has {len(self.turns)} turns, not {at + 1}")
            at = len(self.turns) - 1
        following: Turn = self.turns[at]
        if isinstance(following, BaseException):
            raise following
        said = following if isinstance(following, AIMessage) else following(messages)
        # Without an id of its own LangChain numbers the message, so a repeated turn is a new one.
        return said.model_copy(update={"tool_calls": numbered(said.tool_calls, at=at)})


def turn(
    text: str = "",
    *,
    calls: Sequence[ToolCall] = (),
    malformed: Sequence[tuple[str, str]] = (),
    reasoning: str = "",
    tokens: tuple[int, int] | None = None,
    finish_reason: str = "",
) -> AIMessage:
    """Write one turn.

    Args:
        text: What the model says.
        calls: Tool calls, made by `call`.
        malformed: Calls that do not parse: tool name and raw arguments.
        reasoning: Text of a reasoning block.
        tokens: Input and output tokens, as a provider would report them.
        finish_reason: As a provider would report it.
    """
    blocks: list[str | dict[str, Any]] = [
        {"type": "reasoning", "reasoning": reasoning},
        {"type": "text", "text": text},
    ]
    usage = (
        UsageMetadata(input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=sum(tokens))
        if tokens
        else None
    )
    return AIMessage(
        content=blocks if reasoning else text,
        tool_calls=list(calls),
        invalid_tool_calls=[
            InvalidToolCall(
                type="invalid_tool_call",
                id=f"bad_{uuid.uuid4().hex[:8]}",
                name=name,
                args=raw,
                error="not JSON",
            )
            for name, raw in malformed
        ],
        usage_metadata=usage,
        response_metadata={"finish_reason": finish_reason} if finish_reason else {},
    )


def call(tool: str, /, *, call_id: str = "", **arguments: Any) -> ToolCall:
    """Write one tool call; without an id it is numbered when the turn is played."""
    return ToolCall(type="tool_call", name=tool, args=arguments, id=call_id or None)


def numbered(calls: list[ToolCall], *, at: int) -> list[ToolCall]:
    """Give every call that has none an id of its own; providers always send one."""
    return [
        {**one, "id": one["id"] or f"call_{at + 1}_{number}_{uuid.uuid4().hex[:8]}"}
        for number, one in enumerate(calls, start=1)
    ]


def _chunks(said: AIMessage) -> Iterator[AIMessageChunk]:
    """Cut a message as a provider streams it: words, then whole calls, then the counts."""
    for word in said.text.split(" "):
        if word:
            yield AIMessageChunk(content=f"{word} ")
    yield AIMessageChunk(
        content="",
        tool_call_chunks=_call_chunks(said),
        response_metadata=said.response_metadata,
        usage_metadata=said.usage_metadata,
        chunk_position="last",
    )


def _call_chunks(said: AIMessage) -> list[ToolCallChunk]:
    parts = [(c["id"], c["name"], json.dumps(c["args"])) for c in said.tool_calls]
    parts += [(c["id"], c["name"], c["args"]) for c in said.invalid_tool_calls]
    return [
        ToolCallChunk(type="tool_call_chunk", id=i, name=name, args=args, index=at)
        for at, (i, name, args) in enumerate(parts)
    ]
