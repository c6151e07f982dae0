"""The tools that a request to Responses offers, some of which the provider runs itself."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardrails.hygiene.shapes.responses import tool_name
from guardrails.sidecar.proxy.wire.base import Json, ToolSpec
from guardrails.sidecar.proxy.wire.fields import an_object, field, objects, without

_OURS: Final = {
    "local_shell": "local_shell",
    "shell": "shell",
    "apply_patch": "apply_patch",
    "computer": "computer",
    "computer_use": "computer",
    "computer_use_preview": "computer",
}
"""Tools that the provider defines and the agent runs, by the name that their calls have here."""


def offered(body: Json) -> Iterator[ToolSpec]:
    """Yield the tools of a request; those of a namespace one by one, under their whole names."""
    for tool in objects(body.get("tools")):
        if tool.get("type") == "namespace":
            yield from (_spec(one, field(tool, "name")) for one in objects(tool.get("tools")))
        else:
            yield _spec(tool, "")


def with_tools(body: Json, wanted: frozenset[str]) -> Json:
    """Return a request that offers fewer tools, and forces none that it does not offer."""
    tools = objects(body.get("tools"))
    left = [one for tool in tools if (one := _narrowed(tool, wanted)) is not None]
    if left == tools:
        return body
    if not left:
        return without(body, "tools", "tool_choice")
    choice = an_object(body.get("tool_choice"))
    if choice:
        narrowed = _choice(choice, wanted)
        body = without(body, "tool_choice") | ({"tool_choice": narrowed} if narrowed else {})
    return {**body, "tools": left}


def _spec(tool: Json, space: str) -> ToolSpec:
    kind = field(tool, "type")
    if kind == "function":
        return ToolSpec(name=_name(tool, space), schema=an_object(tool.get("parameters")))
    return ToolSpec(name=_name(tool, space), hosted=_hosted(tool))


def _hosted(tool: Mapping[str, Any]) -> bool:
    kind = field(tool, "type")
    if kind == "shell":
        return field(an_object(tool.get("environment")), "type") not in {"", "local"}
    if kind == "tool_search":
        return tool.get("execution") != "client"
    return kind not in {"function", "custom"} and kind not in _OURS


def _name(tool: Mapping[str, Any], space: str = "") -> str:
    kind = field(tool, "type")
    if kind == "mcp":
        return f"mcp__{field(tool, 'server_label')}"
    return tool_name(space, field(tool, "name") or _OURS.get(kind, kind))


def _narrowed(tool: Json, wanted: frozenset[str]) -> Json | None:
    if tool.get("type") != "namespace":
        return tool if _name(tool) in wanted else None
    space = field(tool, "name")
    inner = objects(tool.get("tools"))
    left = [one for one in inner if _name(one, space) in wanted]
    return {**tool, "tools": left} if left else None


def _choice(choice: Json, wanted: frozenset[str]) -> Json | None:
    if choice.get("type") != "allowed_tools":
        return choice if _name(choice) in wanted else None
    left = [tool for tool in objects(choice.get("tools")) if _name(tool) in wanted]
    return {**choice, "tools": left} if left else None
