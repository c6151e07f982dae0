"""How three providers write a turn down: whole, and as a stream.

Written from the providers' own references and apart from the proxy's code, so that neither can hide
a mistake of the other.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from langchain_core.messages import AIMessage

Json = dict[str, Any]
Event = tuple[str, Json | str]
"""The name of an event, empty for none, and its data."""

PATHS: Final = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/messages": "anthropic",
}
_WORD: Final = 24
"""Characters of one delta."""


def body_of(said: AIMessage, asked: Json, *, wire: str, number: int) -> Json:
    """Return a turn as its server answers without a stream.

    Args:
        said: The turn.
        asked: The request's body.
        wire: `chat`, `responses` or `anthropic`.
        number: Of the reply; ids are made of it.
    """
    usage = said.usage_metadata
    spent = (usage["input_tokens"], usage["output_tokens"]) if usage else (10, 5)
    write = {"chat": _chat, "responses": _responses, "anthropic": _anthropic}[wire]
    return write(said, asked, number, spent)


def events_of(body: Json, asked: Json, *, wire: str) -> Iterator[Event]:
    """Yield the same turn as a stream.

    Args:
        body: As `body_of` returns it.
        asked: The request's body.
        wire: `chat`, `responses` or `anthropic`.
    """
    match wire:
        case "chat":
            return _chat_events(body, asked)
        case "responses":
            return _responses_events(body)
        case _:
            return _anthropic_events(body)


def error_of(status: int, message: str, kind: str, *, wire: str) -> Json:
    """Return an error as a server of a format tells it."""
    if wire == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}


def unanswered(items: Sequence[Json], *, wire: str) -> list[str]:
    """Return the calls and results of a conversation that have no counterpart.

    Providers refuse such a request, so a fake that takes it hides a broken history.
    """
    called, returned = list[str](), list[str]()
    for item in items:
        match wire:
            case "chat":
                called += [call["id"] for call in item.get("tool_calls") or ()]
                returned += [item["tool_call_id"]] if item.get("role") == "tool" else []
            case "responses":
                kind = str(item.get("type", ""))
                called += [item["call_id"]] if kind.endswith("_call") else []
                returned += [item["call_id"]] if kind.endswith("_call_output") else []
            case _:
                given: object = item.get("content")
                blocks = cast("list[Json]", given) if isinstance(given, list) else []
                called += [block["id"] for block in blocks if block["type"] == "tool_use"]
                returned += [
                    block["tool_use_id"] for block in blocks if block["type"] == "tool_result"
                ]
    return sorted(set(called).symmetric_difference(returned))


# Chat completions


def _chat(said: AIMessage, asked: Json, number: int, spent: tuple[int, int]) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.tool_calls:
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
            }
            for call in said.tool_calls
        ]
    finish = said.response_metadata.get("finish_reason")
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish or ("tool_calls" if said.tool_calls else "stop"),
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000 + number,
        "model": asked.get("model"),
        "choices": [choice],
        "usage": {
            "prompt_tokens": spent[0],
            "completion_tokens": spent[1],
            "total_tokens": sum(spent),
        },
    }


def _chat_events(body: Json, asked: Json) -> Iterator[Event]:
    options: Json = asked.get("stream_options") or {}
    usage = bool(options.get("include_usage"))
    head = {key: body[key] for key in ("id", "created", "model")}
    head |= {"object": "chat.completion.chunk"} | ({"usage": None} if usage else {})
    choice = body["choices"][0]
    message = choice["message"]

    def chunk(delta: Json, finish: str | None = None) -> Event:
        return "", head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": "" if message["content"] else None})
    for piece in _pieces(message["content"] or ""):
        yield chunk({"content": piece})
    for at, call in enumerate(message.get("tool_calls") or ()):
        named = call | {"function": call["function"] | {"arguments": ""}}
        yield chunk({"tool_calls": [{"index": at, **named}]})
        for piece in _pieces(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    yield chunk({}, choice["finish_reason"])
    if usage:
        yield "", head | {"choices": [], "usage": body["usage"]}
    yield "", "[DONE]"


# Responses


def _responses(said: AIMessage, asked: Json, number: int, spent: tuple[int, int]) -> Json:
    output: list[Json] = []
    if said.text:
        output.append(
            {
                "type": "message",
                "id": f"msg_{number}",
                "status": "completed",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
                ],
            }
        )
    output += [
        {
            "type": "function_call",
            "id": f"fc_{number}_{at}",
            "call_id": call["id"],
            "name": call["name"],
            "arguments": json.dumps(call["args"]),
            "status": "completed",
        }
        for at, call in enumerate(said.tool_calls)
    ]
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_700_000_000 + number,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "metadata": {},
        "model": asked.get("model"),
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": asked.get("previous_response_id"),
        "store": asked.get("store", True),
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        "usage": {
            "input_tokens": spent[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": spent[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(spent),
        },
    }


def _responses_events(body: Json) -> Iterator[Event]:
    for number, (name, data) in enumerate(_unnumbered(body)):
        yield name, {"type": name, "sequence_number": number, **data}


def _unnumbered(body: Json) -> Iterator[tuple[str, Json]]:
    begun: Json = {**body, "status": "in_progress", "output": [], "usage": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for at, item in enumerate(body["output"]):
        words = item["type"] == "message"
        empty = item | ({"content": []} if words else {"arguments": ""})
        yield (
            "response.output_item.added",
            {"output_index": at, "item": empty | {"status": "in_progress"}},
        )
        where = {"item_id": item["id"], "output_index": at}
        yield from _words(item, where) if words else _arguments(item, where)
        yield "response.output_item.done", {"output_index": at, "item": item}
    yield "response.completed", {"response": body}


def _words(item: Json, where: Json) -> Iterator[tuple[str, Json]]:
    part = item["content"][0]
    place = where | {"content_index": 0}
    yield "response.content_part.added", place | {"part": part | {"text": ""}}
    for piece in _pieces(part["text"]):
        yield "response.output_text.delta", place | {"delta": piece, "logprobs": []}
    yield "response.output_text.done", place | {"text": part["text"], "logprobs": []}
    yield "response.content_part.done", place | {"part": part}


def _arguments(item: Json, where: Json) -> Iterator[tuple[str, Json]]:
    for piece in _pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", where | {"delta": piece}
    whole = {"name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", where | whole


# Anthropic's messages


def _anthropic(said: AIMessage, asked: Json, number: int, spent: tuple[int, int]) -> Json:
    content: list[Json] = [{"type": "text", "text": said.text}] if said.text else []
    content += [
        {"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["args"]}
        for call in said.tool_calls
    ]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": asked.get("model"),
        "content": content,
        "stop_reason": "tool_use" if said.tool_calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": spent[0],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": spent[1],
        },
    }


def _anthropic_events(body: Json) -> Iterator[Event]:
    counted: Json = body["usage"] | {"output_tokens": 1}
    opened: Json = {**body, "content": [], "stop_reason": None, "usage": counted}
    yield "message_start", {"type": "message_start", "message": opened}
    yield "ping", {"type": "ping"}
    for at, block in enumerate(body["content"]):
        words = block["type"] == "text"
        text = block["text"] if words else json.dumps(block["input"])
        key, kind = ("text", "text_delta") if words else ("partial_json", "input_json_delta")
        empty = block | ({"text": ""} if words else {"input": {}})
        yield (
            "content_block_start",
            {"type": "content_block_start", "index": at, "content_block": empty},
        )
        for piece in _pieces(text):
            delta = {"type": kind, key: piece}
            yield (
                "content_block_delta",
                {"type": "content_block_delta", "index": at, "delta": delta},
            )
        yield "content_block_stop", {"type": "content_block_stop", "index": at}
    delta = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": body["usage"]["output_tokens"]}
    yield "message_delta", {"type": "message_delta", "delta": delta, "usage": usage}
    yield "message_stop", {"type": "message_stop"}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _WORD):
        yield text[start : start + _WORD]
