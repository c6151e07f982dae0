"""The tools that a request for a chat completion offers, and the kinds of their calls."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardrails.sidecar.proxy.wire.base import Json, ToolSpec
from guardrails.sidecar.proxy.wire.fields import an_object, field, objects, without

_KINDS: Final = ("function", "custom")


def kind_of(value: Mapping[str, Any]) -> str:
    """Return the kind of a call or a tool, which is also the field that holds it."""
    return next((kind for kind in _KINDS if isinstance(value.get(kind), Mapping)), "function")


def offered(body: Json) -> Iterator[ToolSpec]:
    """Yield the tools of a request."""
    for tool in objects(body.get("tools")):
        kind = kind_of(tool)
        inner = an_object(tool.get(kind))
        if not inner:
            yield ToolSpec(name=field(tool, "type"), hosted=True)
            continue
        schema: object = inner.get("parameters")
        yield ToolSpec(
            name=field(inner, "name"),
            schema=None if kind == "custom" else an_object(schema),
        )


def with_tools(body: Json, wanted: frozenset[str]) -> Json:
    """Return a request that offers fewer tools, and forces none that it does not offer."""
    tools = objects(body.get("tools"))
    left = [tool for tool in tools if _tool_name(tool) in wanted]
    if len(left) == len(tools):
        return body
    if not left:
        return without(body, "tools", "tool_choice", "parallel_tool_calls")
    choice = an_object(body.get("tool_choice"))
    if choice:
        narrowed = _choice(choice, wanted)
        body = without(body, "tool_choice") | ({"tool_choice": narrowed} if narrowed else {})
    return {**body, "tools": left}


def _choice(choice: Json, wanted: frozenset[str]) -> Json | None:
    allowed = an_object(choice.get("allowed_tools"))
    if not allowed:
        return choice if _tool_name(choice) in wanted else None
    left = [tool for tool in objects(allowed.get("tools")) if _tool_name(tool) in wanted]
    return {**choice, "allowed_tools": {**allowed, "tools": left}} if left else None


def _tool_name(tool: Json) -> str:
    return field(an_object(tool.get(kind_of(tool))), "name") or field(tool, "type")
