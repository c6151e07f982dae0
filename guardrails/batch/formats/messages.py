"""A chat message of any dialect, read into one form.

OpenAI's chat and responses, Anthropic's content blocks, LangChain's messages (plain, dumped with
`dumpd`, or wrapped in `data`), Gemini's parts, and the parts of OpenTelemetry's GenAI conventions
differ in names only: who speaks, words, thoughts, calls, and results of calls.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from guardrails.batch.formats.values import (
    NOTHING,
    Json,
    first,
    is_list,
    is_object,
    items,
    obj,
    objects,
    text,
    whole,
    word,
)
from guardrails.core.events import Usage

Role = Literal["system", "person", "model", "tool"]

ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "person",
    "human": "person",
    "assistant": "model",
    "ai": "model",
    "model": "model",
    "gemini": "model",
    "tool": "tool",
    "function": "tool",
    "chat": "model",
}
"""Words for who speaks. LangChain's classes end in Message or MessageChunk; that is cut off."""
_WORDS = frozenset({"text", "input_text", "output_text", "refusal"})
_THOUGHTS = frozenset({"thinking", "reasoning"})
_CALLS = frozenset({"tool_use", "tool_call", "function_call", "server_tool_use"})
_CALLS_ALONE = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
_RESULTS = frozenset({"tool_result", "tool_call_response", "function_call_output"})
_RESULTS_ALONE = frozenset({"function_call_output", "custom_tool_call_output"})
_BAD = frozenset({"error", "failed", "failure", "cancelled", "canceled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call as a message holds it."""

    call_id: str
    tool: str
    arguments: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back from a call, as a message holds it."""

    call_id: str
    text: str
    tool: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message."""

    role: Role
    text: str = ""
    thoughts: str = ""
    calls: tuple[Asked, ...] = ()
    results: tuple[Answered, ...] = ()
    name: str = ""
    """The speaker's own name, where the message has one."""
    model: str = ""
    message_id: str = ""
    usage: Usage | None = None
    at: datetime | None = None


def is_message(value: object) -> bool:
    """Tell whether a JSON value is a message of a dialect that we know."""
    found = obj(value)
    return bool(found) and _role(_plain(found)) is not None and _has_body(_plain(found))


def message_of(value: object, *, at: datetime | None = None) -> Message | None:
    """Read one message; None for what is no message."""
    found = _plain(obj(value))
    kind = word(found.get("type"))
    if kind in _CALLS_ALONE:
        return Message(role="model", calls=(_asked(found),), at=at)
    if kind in _RESULTS_ALONE:
        return Message(role="tool", results=(_answered(found),), at=at)
    if kind == "reasoning" and "role" not in found:
        return Message(role="model", thoughts=_thought(found), at=at)
    role = _role(found)
    if role is None:
        return None
    return _read(found, role, at=at)


def _read(found: Json, role: Role, *, at: datetime | None) -> Message:
    words, thoughts, calls, results = _content(found)
    if role == "tool" and not results:
        results = (_tool_result(found, words),)
        words = ""
    elif role == "model":
        calls += tuple(_listed_calls(found, known={call.call_id for call in calls if call.call_id}))
        thoughts = thoughts or first(found, "reasoning_content", "reasoning")
        thoughts = thoughts or first(obj(found.get("additional_kwargs")), "reasoning_content")
    return Message(
        role="tool" if results and not words and not calls else role,
        text=words,
        thoughts=thoughts,
        calls=calls,
        results=results,
        name=word(found.get("name")),
        model=first(found, "model") or first(obj(found.get("response_metadata")), "model_name"),
        message_id=word(found.get("id")),
        usage=usage_of(found.get("usage_metadata") or found.get("usage")),
        at=at,
    )


def usage_of(value: object) -> Usage | None:
    """Read what a turn cost, by the names of any provider."""
    found = obj(value)
    into = whole(found.get("input_tokens", found.get("prompt_tokens", found.get("input"))))
    out = whole(found.get("output_tokens", found.get("completion_tokens", found.get("output"))))
    if into is None and out is None:
        return None
    return Usage(input_tokens=into or 0, output_tokens=out or 0)


def _plain(found: Json) -> Json:
    """Return the message inside LangChain's wrappings: `{"lc": 1, "kwargs": …}`, `{"data": …}`."""
    if "lc" in found and is_object(found.get("kwargs")):
        kind = word(items(found.get("id"))[-1] if items(found.get("id")) else "")
        return {"type": kind, **obj(found["kwargs"])} if kind else obj(found["kwargs"])
    if "type" in found and is_object(found.get("data")) and "content" in found["data"]:
        return {**obj(found["data"]), "type": found["type"]}
    if is_object(found.get("message")) and "role" in found["message"] and len(found) == 1:
        return obj(found["message"])
    return found


def _role(found: Json) -> Role | None:
    said = found.get("role")
    if not isinstance(said, str):
        said = found.get("type")
    if not isinstance(said, str):
        return None
    plain = said.lower().removesuffix("chunk").removesuffix("message")
    return ROLES.get(plain)


_BODY = frozenset(
    {"content", "parts", "tool_calls", "function_call", "reasoning_content", "additional_kwargs"}
)


def _has_body(found: Json) -> bool:
    return not _BODY.isdisjoint(found)


def _content(
    found: Json,
) -> tuple[str, str, tuple[Asked, ...], tuple[Answered, ...]]:
    """Return words, thoughts, calls and results of a message's content."""
    content = found.get("content")
    if content is None:
        content = found.get("parts")
    if isinstance(content, str):
        return content, "", (), ()
    if is_object(content):
        content = [content]
    words: list[str] = []
    thoughts: list[str] = []
    calls: list[Asked] = []
    results: list[Answered] = []
    for item in items(content):
        if isinstance(item, str):
            words.append(item)
            continue
        part = obj(item)
        kind = word(part.get("type"))
        if kind in _CALLS or "functionCall" in part:
            calls.append(_asked(obj(part.get("functionCall")) or part))
        elif kind in _RESULTS or "functionResponse" in part:
            results.append(_answered(obj(part.get("functionResponse")) or part))
        elif kind in _THOUGHTS or part.get("thought") is True:
            thoughts.append(_thought(part))
        elif kind in _WORDS or not kind:
            words.append(first(part, "text", "content", "refusal"))
    return _joined(words), _joined(thoughts), tuple(calls), tuple(results)


def _joined(parts: list[str]) -> str:
    return "\n".join(part for part in parts if part)


def _thought(part: Json) -> str:
    found = first(part, "thinking", "reasoning", "text", "content")
    listed = [*objects(part.get("summary")), *objects(part.get("content"))]
    return found or _joined([first(one, "text") for one in listed])


def _listed_calls(found: Json, *, known: set[str]) -> Iterator[Asked]:
    extra = obj(found.get("additional_kwargs"))
    listed = objects(found.get("tool_calls")) or objects(extra.get("tool_calls"))
    for call in (*listed, *objects(found.get("invalid_tool_calls"))):
        asked = _asked(call)
        if asked.call_id not in known:
            yield asked
    if not listed and is_object(found.get("function_call")):
        yield _asked(obj(found["function_call"]))


def _asked(call: Json) -> Asked:
    """Read a call: OpenAI nests it in `function`, everyone else lists its parts."""
    inner = obj(call.get("function")) or obj(call.get("tool_call")) or call
    arguments = next(
        (inner[key] for key in ("arguments", "args", "input", "action") if inner.get(key)), NOTHING
    )
    return Asked(
        call_id=first(call, "call_id", "id", "tool_call_id") or first(inner, "id"),
        tool=first(inner, "name", "tool", "tool_name") or word(call.get("type")),
        arguments=arguments,
    )


def _answered(part: Json) -> Answered:
    body = next(
        (
            part[key]
            for key in ("content", "output", "response", "result")
            if part.get(key) is not None
        ),
        "",
    )
    return Answered(
        call_id=first(part, "tool_use_id", "call_id", "tool_call_id", "id"),
        text=result_text(body),
        tool=first(part, "name"),
        failed=part.get("is_error") is True or word(part.get("status")).lower() in _BAD,
    )


def _tool_result(found: Json, words: str) -> Answered:
    return Answered(
        call_id=first(found, "tool_call_id", "call_id", "id"),
        text=words or result_text(found.get("content")),
        tool=first(found, "name", "tool_name"),
        failed=found.get("is_error") is True or word(found.get("status")).lower() in _BAD,
    )


def result_text(body: object) -> str:
    """Return the words of a result: its text blocks, or the only text field of an object."""
    if is_list(body):
        parts = [first(part, "text", "content") for part in objects(body)]
        return _joined(parts) if any(parts) else text(body)
    if is_object(body):
        found = obj(body)
        for key in ("output", "error", "content", "result"):
            if isinstance(found.get(key), str) and len(found) == 1:
                return word(found[key])
    return text(body)
