"""The tools that a request for a message offers, some of which the provider runs itself."""

from collections.abc import Iterator
from typing import Final

from guardrails.hygiene.shapes.blocks import blocks_of
from guardrails.sidecar.proxy.wire.base import Json, ToolSpec
from guardrails.sidecar.proxy.wire.fields import an_object, field, objects, without

_HOSTED: Final = ("web_search", "web_fetch", "code_execution", "tool_search", "mcp_toolset")
"""How the types of tools begin that the provider runs."""


def offered(body: Json) -> Iterator[ToolSpec]:
    """Yield the tools of a request."""
    for tool in objects(body.get("tools")):
        yield _spec(tool)


def with_tools(body: Json, wanted: frozenset[str]) -> Json:
    """Return a request that offers fewer tools, and forces none that it does not offer.

    The API wants tools with a conversation that holds calls, so there all stay when none is wanted,
    and the model is told to use none.
    """
    tools = objects(body.get("tools"))
    left = [tool for tool in tools if _spec(tool).name in wanted]
    if len(left) == len(tools):
        return body
    if not left:
        if not any(_has_calls(item) for item in objects(body.get("messages"))):
            return without(body, "tools", "tool_choice")
        return {**body, "tool_choice": {"type": "none"}}
    choice = an_object(body.get("tool_choice"))
    if choice.get("type") == "tool" and field(choice, "name") not in wanted:
        body = {**body, "tool_choice": {**without(choice, "name"), "type": "auto"}}
    return {**body, "tools": left}


def _spec(tool: Json) -> ToolSpec:
    kind = field(tool, "type")
    schema = an_object(tool.get("input_schema"))
    return ToolSpec(
        name=field(tool, "name") or kind,
        schema=schema if "input_schema" in tool else None,
        hosted=kind.startswith(_HOSTED),
    )


def _has_calls(item: Json) -> bool:
    kinds = {"tool_use", "tool_result"}
    return any(block.get("type") in kinds for block in blocks_of(item.get("content")))
