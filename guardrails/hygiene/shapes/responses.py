"""OpenAI's Responses: one list of items, in which a model's turn is several of them.

Thought, words and calls of one turn are items of their own, so a run of them is one message here.
Calls come in kinds (functions, free text tools, shells, patches), each with its own form of result;
a kind that is new follows the same pattern: `x_call` with a `call_id`, answered by `x_call_output`.
What stands for more than itself, as a compacted history does, is pinned. Nothing is left out that
is not understood.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.shapes.blocks import JOINT, Json, as_object, changed, text_of, with_text
from guardrails.hygiene.shapes.results import (
    APPROVAL,
    answers,
    is_result,
    result_item,
    result_text,
    with_input,
    with_result,
)

_ROLES: Final = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "assistant": Role.ASSISTANT,
}
_BY_REFERENCE: Final = "item_reference"
_OF_A_TURN: Final = frozenset(
    {"reasoning", _BY_REFERENCE, APPROVAL, "mcp_list_tools", "program", "program_output"}
)
"""Items beside words and calls that a model's turn is made of."""
_UNNAMED: Final = frozenset({"message", "function_call", "custom_tool_call"})
"""Kinds that servers take without their id. With it, a server that keeps its items also wants the
thought that came before."""
_ARGUMENTS: Final = ("arguments", "input", "action", "operation", "actions")


class ResponsesShape:
    """Items as `/v1/responses` takes them."""

    def read(self, messages: Sequence[Json]) -> tuple[Message, ...]:
        """Return the items in our form; a turn of the model is one message."""
        return tuple(
            replace(part.message, at=part.at) for part in _referenced(list(_parts(messages)))
        )

    def write(self, messages: Sequence[Json], kept: Sequence[Message]) -> list[Json]:
        """Return what is left, as items."""
        parts = {part.at: part for part in _referenced(list(_parts(messages)))}
        kinds = {call.call_id: kind_of(item) for item in messages if (call := call_of(item))}
        found: list[Json] = []
        for message in kept:
            if message.at < 0:
                found.append(_made(message, kinds))
            elif not changed(parts[message.at].message, message):
                found += parts[message.at].items
            else:
                found += _written(parts[message.at], message)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What is one message in our form."""

    at: int
    items: tuple[Json, ...]
    message: Message


def kind_of(item: Mapping[str, Any]) -> str:
    """Return the type of an item; messages may leave it out."""
    return str(item.get("type") or ("message" if item.get("role") else _BY_REFERENCE))


def call_of(item: Mapping[str, Any]) -> Call | None:
    """Return the call that an item is, if it is one that somebody answers.

    >>> call_of({"type": "function_call", "call_id": "1", "name": "get", "arguments": "{}"})
    Call(call_id='1', tool='get', arguments='{}')
    """
    kind = kind_of(item)
    call_id = item.get("id") if kind == APPROVAL else item.get("call_id")
    if not call_id or not (kind.endswith("_call") or kind == APPROVAL):
        return None
    given: object = next((item[key] for key in _ARGUMENTS if item.get(key) is not None), "")
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    empty = "" if kind == "custom_tool_call" else "{}"
    return Call(call_id=str(call_id), tool=_tool(item, kind), arguments=text or empty)


def tool_name(space: str, name: str) -> str:
    """Return the name of a tool within a namespace, as servers of tools are named elsewhere.

    >>> tool_name("mcp__kube", "pods_list")
    'mcp__kube__pods_list'
    """
    return f"{space.rstrip('_')}__{name}" if space else name


def thought_of(item: Mapping[str, Any]) -> str:
    """Return what can be read of a `reasoning` item; none of what is encrypted."""
    texts = [
        str(as_object(part).get("text") or "")
        for key in ("summary", "content")
        for part in item.get(key) or ()
    ]
    return JOINT.join(text for text in texts if text)


def with_arguments(item: Json, arguments: str) -> Json:
    """Return a call with other arguments, which are JSON where its kind wants an object."""
    key = next((key for key in _ARGUMENTS if item.get(key) is not None), "arguments")
    if isinstance(item.get(key, ""), str):
        return {**item, key: arguments}
    read: object = msgspec.json.decode(arguments.encode())
    return {**item, key: read}


def without_thought(items: Sequence[Json]) -> list[Json]:
    """Return the items of a turn less its thought, where the rest can stand without."""
    found: list[Json] = []
    for run in _runs(items):
        rest = [item for item in run if kind_of(item) != "reasoning"]
        if len(rest) < len(run) and all(kind_of(item) in _UNNAMED for item in rest):
            found += [_unnamed(item) for item in rest]
        else:
            found += run
    return found


def followed(items: Sequence[Json]) -> list[Json]:
    """Return items less thought that nothing of its turn follows: servers refuse it alone."""
    found = list(items)
    while found and kind_of(found[-1]) == "reasoning":
        found.pop()
    return found


def _tool(item: Mapping[str, Any], kind: str) -> str:
    if kind == APPROVAL:
        return tool_name(f"mcp__{item.get('server_label') or ''}", str(item.get("name") or ""))
    name = str(item.get("name") or kind.removesuffix("_call"))
    return tool_name(str(item.get("namespace") or ""), name)


def _parts(items: Sequence[Json]) -> Iterator[_Part]:
    start = 0
    while start < len(items):
        end = start
        while end < len(items) and _of_a_turn(items[end]):
            end += 1
        end = max(end, start + 1)
        group = tuple(items[start:end])
        read = _turn(group) if _of_a_turn(group[0]) else _single(group[0])
        yield _Part(at=start, items=group, message=read)
        start = end


def _of_a_turn(item: Json) -> bool:
    kind = kind_of(item)
    if kind == "message":
        return item.get("role") == "assistant"
    return kind in _OF_A_TURN or kind.endswith("_call")


def _turn(items: Sequence[Json]) -> Message:
    texts = [text_of(item.get("content")) for item in items if kind_of(item) == "message"]
    thought = [thought_of(item) for item in items if kind_of(item) == "reasoning"]
    return Message(
        role=Role.ASSISTANT,
        text=JOINT.join(text for text in texts if text),
        reasoning=JOINT.join(text for text in thought if text),
        calls=tuple(call for item in items if (call := call_of(item)) is not None),
    )


def _single(item: Json) -> Message:
    kind = kind_of(item)
    if is_result(item):
        text, error = result_text(item)
        return Message(role=Role.TOOL, text=text, call_id=answers(item), error=error)
    if kind == "message":
        role = _ROLES.get(str(item.get("role")), Role.USER)
        return Message(role=role, text=text_of(item.get("content")))
    return Message(role=Role.USER, pinned=True)


def _referenced(parts: list[_Part]) -> list[_Part]:
    """Give turns that are named by reference the calls that the results behind them answer.

    The server knows those calls and we do not; without them their results would seem stray.
    """
    known = {call.call_id for part in parts for call in part.message.calls}
    found = list(parts)
    turn = -1
    for at, part in enumerate(parts):
        if part.message.role is Role.ASSISTANT:
            by_reference = any(kind_of(item) == _BY_REFERENCE for item in part.items)
            turn = at if by_reference else -1
        elif part.message.role is Role.TOOL and turn >= 0 and part.message.call_id not in known:
            message = found[turn].message
            call = Call(call_id=part.message.call_id, tool="")
            calls = (*message.calls, call)
            found[turn] = replace(found[turn], message=replace(message, calls=calls))
            known.add(call.call_id)
    return found


def _written(part: _Part, kept: Message) -> list[Json]:
    if part.message.role is not Role.ASSISTANT:
        item = part.items[0]
        if part.message.role is Role.TOOL:
            return [with_result(item, kept.text)]
        return [{**item, "content": with_input(item.get("content"), kept.text)}]
    items = list(part.items)
    if part.message.reasoning and not kept.reasoning:
        items = without_thought(items)
    if part.message.calls != kept.calls:
        items = list(_calls(items, kept))
    if part.message.text != kept.text:
        items = with_words(items, kept.text)
    return followed(items)


def _calls(items: Sequence[Json], kept: Message) -> Iterator[Json]:
    wanted = {call.call_id: call for call in kept.calls}
    for item in items:
        call = call_of(item)
        if call is None:
            yield item
        elif (left := wanted.pop(call.call_id, None)) is not None:
            same = left.arguments == call.arguments
            yield item if same else with_arguments(item, left.arguments)


def with_words(items: Sequence[Json], text: str) -> list[Json]:
    """Return the items of a turn that says something else, in the place of its last words.

    Those are its answer, where a model also comments on its way. A turn without words gets them
    before the calls that it ends with.
    """
    spoken = [at for at, item in enumerate(items) if kind_of(item) == "message"]
    found: list[Json] = []
    for at, item in enumerate(items):
        if kind_of(item) != "message":
            found.append(item)
        elif text and at == spoken[-1]:
            found.append({**item, "content": with_text(_parts_of(item), text)})
    if text and not spoken:
        content = [{"type": "output_text", "text": text}]
        place = len(found)
        while place and call_of(found[place - 1]) is not None:
            place -= 1
        found.insert(place, {"type": "message", "role": "assistant", "content": content})
    return found


def _parts_of(item: Json) -> object:
    """Return the content of words; a refusal is words too, and goes with them."""
    content: object = item.get("content")
    if not isinstance(content, list):
        return content
    parts = [as_object(part) for part in item["content"]]
    left = [
        {key: value for key, value in part.items() if key not in {"annotations", "logprobs"}}
        for part in parts
        if part.get("type") != "refusal"
    ]
    return left or [{"type": "output_text", "text": ""}]


def _runs(items: Sequence[Json]) -> list[list[Json]]:
    """Split a turn before each thought."""
    found: list[list[Json]] = []
    for item in items:
        if not found or (kind_of(item) == "reasoning" and kind_of(found[-1][-1]) != "reasoning"):
            found.append([])
        found[-1].append(item)
    return found


def _unnamed(item: Json) -> Json:
    return {key: value for key, value in item.items() if key != "id"}


def _made(message: Message, kinds: Mapping[str, str]) -> Json:
    """Write a message that a filter made: a note, or the result of a call that has none."""
    if message.role is Role.TOOL:
        kind = kinds.get(message.call_id, "function_call")
        return result_item(kind, message.call_id, message.text, error=message.error)
    return {"type": "message", "role": message.role.value, "content": message.text}
