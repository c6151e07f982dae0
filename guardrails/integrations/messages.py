"""LangChain's messages and tool calls into facts, and histories that providers accept.

Everything here is a pure function of messages. A conversion never fails on an odd message: what
cannot be read becomes text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    InvalidToolCall,
    ToolMessage,
)
from langchain_core.messages import ToolCall as LangChainCall
from langchain_core.tools import BaseTool
from langgraph.types import Command

from guardrails.core.events import (
    TEXT_LIMIT,
    ModelReplied,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    Usage,
)
from guardrails.core.ids import CallId
from guardrails.core.toolaction import ToolAnnotations
from guardrails.hygiene.redact import clipped
from guardrails.integrations.returned import returned_text

_FINISH_KEYS = ("finish_reason", "stop_reason", "done_reason")
"""Where providers put it: OpenAI and Google, Anthropic, Ollama."""

NOT_MENDED: Final[Mapping[str, str]] = {}


def finish_reason_of(message: AIMessage) -> str:
    """Return why a model stopped, in its provider's word; empty if it did not say."""
    metadata = cast("dict[str, object]", message.response_metadata)
    return next((str(metadata[key]) for key in _FINISH_KEYS if metadata.get(key)), "")


def reply_of(message: AIMessage, *, mended: Mapping[str, str] = NOT_MENDED) -> ModelReplied:
    """Turn a model's message into its fact: text, reasoning, calls, tokens, id.

    Args:
        message: The message.
        mended: What was wrong with arguments that were mended, by the id of the call.
    """
    usage = message.usage_metadata
    return ModelReplied(
        text=clipped(message.text, TEXT_LIMIT),
        reasoning=clipped(_reasoning(message), TEXT_LIMIT),
        tool_calls=tuple(
            ToolCall(
                call_id=CallId(call["id"] or ""),
                tool=call["name"],
                arguments=arguments_json(call["args"]),
                mended=mended.get(call["id"] or "", ""),
            )
            for call in message.tool_calls
        ),
        invalid_tool_calls=tuple(_invalid(call) for call in message.invalid_tool_calls),
        usage=Usage(input_tokens=usage["input_tokens"], output_tokens=usage["output_tokens"])
        if usage
        else None,
        finish_reason=finish_reason_of(message),
        message_id=message.id or "",
    )


def requested_of(call: LangChainCall, tool: BaseTool | None, *, fault: str = "") -> ToolRequested:
    """Turn a tool call that is about to run into its fact.

    Args:
        call: The call.
        tool: The tool that will run it, for what it says of itself.
        fault: What is wrong with its form.
    """
    return ToolRequested(
        call_id=CallId(call["id"] or ""),
        tool=call["name"],
        arguments=arguments_json(call["args"]),
        annotations=annotations_of(tool) if tool is not None else None,
        fault=fault,
    )


def returned_of(
    value: object, *, call_id: str, tool: str, status: ToolStatus | None = None
) -> ToolReturned:
    """Turn what a tool gave back into its fact.

    Args:
        value: A `ToolMessage`, or anything else that a tool returns or raises.
        call_id: The call that it answers.
        tool: The tool's name.
        status: How it went; read from a `ToolMessage` when left out.
    """
    text = message_text(value) if isinstance(value, BaseMessage) else _plain(value)
    if status is None:
        failed = isinstance(value, ToolMessage) and value.status == "error"
        status = ToolStatus.ERROR if failed else ToolStatus.OK
    return returned_text(text, call_id=call_id, tool=tool, status=status)


def result_in(result: object) -> object:
    """Return the result message that a tool's `Command` carries, or the result itself."""
    results = cast("list[object]", result) if isinstance(result, list) else [result]
    for one in results:
        if isinstance(one, ToolMessage):
            return one
        update: object = cast("Command[Any]", one).update if isinstance(one, Command) else None
        if isinstance(update, Mapping):
            messages = cast("Mapping[str, object]", update).get("messages")
            for message in cast("list[object]", messages) if isinstance(messages, list) else []:
                if isinstance(message, ToolMessage):
                    return message
    return "" if isinstance(result, Command) else cast("object", result)


def message_text(message: BaseMessage) -> str:
    """Return a message's text; content that is not text at all is returned as JSON."""
    text = message.text
    return text if text or not message.content else _plain(message.content)


def arguments_json(arguments: Mapping[str, object]) -> str:
    """Return arguments as JSON text; values without a JSON form become their `str`."""
    try:
        return msgspec.json.encode(arguments, enc_hook=str, order="sorted").decode()
    except (TypeError, ValueError, RecursionError):
        return msgspec.json.encode({"unreadable": str(arguments)}).decode()


def annotations_of(tool: BaseTool) -> ToolAnnotations:
    """Return what a tool says of itself, MCP hints included.

    The MCP adapters keep the hints in `metadata`, either flat or under `annotations`.
    """
    metadata = cast("Mapping[str, object]", tool.metadata or {})
    nested = metadata.get("annotations")
    hints = cast("Mapping[str, object]", nested) if isinstance(nested, Mapping) else metadata
    return ToolAnnotations(
        read_only=_hint(hints, "readOnlyHint"),
        destructive=_hint(hints, "destructiveHint"),
        idempotent=_hint(hints, "idempotentHint"),
        open_world=_hint(hints, "openWorldHint"),
        description=clipped(tool.description, TEXT_LIMIT),
        returns_directly=tool.return_direct,
    )


def model_name(model: BaseChatModel) -> str:
    """Guess `provider:name` of a model, as profiles and traces want it; empty when unknown."""
    try:
        said = model._get_ls_params()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the only place where every integration says both
    except Exception:  # noqa: BLE001  # a third party's model; its name is a hint, not worth a run
        return ""
    provider, name = said.get("ls_provider") or "", said.get("ls_model_name") or ""
    return f"{provider}:{name}" if provider and name else name


def last_reply(messages: Sequence[BaseMessage]) -> tuple[AIMessage | None, list[ToolMessage]]:
    """Return the last message of a model and the tool results after it."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if isinstance(message, AIMessage):
            return message, [m for m in messages[at + 1 :] if isinstance(m, ToolMessage)]
    return None, []


def repairs(messages: Sequence[BaseMessage], *, said: str) -> list[ToolMessage]:
    """Return an error result for every call of the last model message that has no result.

    Providers refuse a history with a call that nobody answered, calls that do not parse included.

    Args:
        messages: The history.
        said: What the result says to the model.
    """
    reply, results = last_reply(messages)
    return [] if reply is None else _missing(reply, results, said=said)


def with_repairs(messages: Sequence[AnyMessage], *, said: str) -> list[AnyMessage]:
    """Return the whole history with the missing results right after their calls."""
    repaired: list[AnyMessage] = []
    results = [m for m in messages if isinstance(m, ToolMessage)]
    for message in messages:
        repaired.append(message)
        if isinstance(message, AIMessage):
            repaired.extend(_missing(message, results, said=said))
    return repaired


def _missing(reply: AIMessage, results: Iterable[ToolMessage], *, said: str) -> list[ToolMessage]:
    answered = {result.tool_call_id for result in results}
    calls = [(c["id"], c["name"]) for c in reply.tool_calls]
    calls += [(c["id"], c["name"] or "unknown") for c in reply.invalid_tool_calls]
    return [
        ToolMessage(content=said, name=name, tool_call_id=call_id, status="error")
        for call_id, name in calls
        if call_id and call_id not in answered
    ]


def _invalid(call: InvalidToolCall) -> ToolCall:
    raw = call["args"] or ""
    return ToolCall(
        call_id=CallId(call["id"] or ""),
        tool=call["name"] or "",
        arguments=clipped(raw, TEXT_LIMIT),
    )


def _reasoning(message: AIMessage) -> str:
    """Return reasoning text, wherever the provider put it."""
    if isinstance(message.content, str):
        extra = cast("dict[str, object]", message.additional_kwargs).get("reasoning_content")
        return extra if isinstance(extra, str) else ""
    blocks = cast("list[str | dict[str, Any]]", message.content)
    return "\n".join(
        part for block in blocks if isinstance(block, dict) for part in _reasoning_in(block)
    )


def _reasoning_in(block: Mapping[str, Any]) -> list[str]:
    """Read LangChain's and Anthropic's blocks, and the summaries of OpenAI's Responses."""
    parts: list[object] = []
    if block.get("type") in {"reasoning", "thinking"}:
        parts = [block.get("reasoning"), block.get("thinking")]
        summary = block.get("summary")
        if isinstance(summary, list):
            rows = cast("list[object]", summary)
            parts += [cast("dict[str, object]", r).get("text") for r in rows if isinstance(r, dict)]
    return [part for part in parts if isinstance(part, str) and part]


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _hint(hints: Mapping[str, object], name: str) -> bool | None:
    value = hints.get(name)
    return value if isinstance(value, bool) else None
