"""OpenAI's chat completions: roles, `tool_calls` on assistants, one `tool` message per result.

Servers that speak this format put thought into `reasoning_content` (vLLM, DeepSeek) or `reasoning`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.shapes.blocks import Json, as_object, changed, text_of, with_text

_ROLES: Final = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_THOUGHT: Final = ("reasoning_content", "reasoning")


class OpenAIShape:
    """Messages as `/v1/chat/completions` takes them."""

    def read(self, messages: Sequence[Json], *, start: int = 0) -> tuple[Message, ...]:
        """Return the messages in our form, from one on."""
        return tuple(_read(messages[at], at) for at in range(start, len(messages)))

    def write(
        self, messages: Sequence[Json], kept: Sequence[Message], *, known: Sequence[Message] = ()
    ) -> list[Json]:
        """Return what is left, in OpenAI's form.

        Args:
            messages: The list that was read.
            kept: What is left of it.
            known: What `read` made of the list, where that is at hand.
        """
        return [
            _write(messages[m.at], m, known[m.at] if known else None) if m.at >= 0 else _made(m)
            for m in kept
        ]


def _read(message: Json, at: int) -> Message:
    return Message(
        role=_ROLES.get(str(message.get("role")), Role.USER),
        text=text_of(message.get("content")),
        reasoning=_thought(message),
        calls=tuple(_calls(message)) if message.get("tool_calls") else (),
        call_id=str(message.get("tool_call_id") or ""),
        tool=str(message.get("name") or "") if message.get("role") in {"tool", "function"} else "",
        at=at,
    )


def _thought(message: Json) -> str:
    return next((text for key in _THOUGHT if isinstance(text := message.get(key), str)), "")


def _calls(message: Json) -> Iterator[Call]:
    for call in cast("Sequence[object]", message.get("tool_calls") or ()):
        fields = as_object(call)
        function = as_object(fields.get("function") or fields.get("custom"))
        arguments: object = function.get("arguments", function.get("input"))
        yield Call(
            call_id=str(fields.get("id") or ""),
            tool=str(function.get("name") or ""),
            arguments=arguments if isinstance(arguments, str) else "{}",
        )


def _write(original: Json, kept: Message, known: Message | None) -> Json:
    if kept is known:
        return original
    read = known or _read(original, kept.at)
    if not changed(read, kept):
        return original
    found = dict(original)
    if read.text != kept.text:
        found["content"] = with_text(original.get("content"), kept.text)
    if read.reasoning != kept.reasoning:
        for key in _THOUGHT:
            if key in found:
                found[key] = kept.reasoning
    if read.calls != kept.calls:
        wanted = {call.call_id: call for call in kept.calls}
        found["tool_calls"] = [
            _call(as_object(call), wanted[str(as_object(call).get("id") or "")])
            for call in _once(found.get("tool_calls"))
            if str(as_object(call).get("id") or "") in wanted
        ]
    return found


def _once(calls: object) -> list[object]:
    """Return the calls of a message, of those with the same id the last, in the first's place."""
    listed = cast("Sequence[object]", calls or ())
    by_id = {str(as_object(call).get("id") or ""): call for call in listed}
    return list(by_id.values())


def _call(original: Json, kept: Call) -> Json:
    function = as_object(original.get("function"))
    if not function or function.get("arguments") == kept.arguments:
        return original
    return {**original, "function": {**function, "arguments": kept.arguments}}


def _made(message: Message) -> Json:
    """Write a message that a filter made: a note, or the result of a call that has none."""
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    found: dict[str, Any] = {"role": message.role.value, "content": message.text}
    return found
