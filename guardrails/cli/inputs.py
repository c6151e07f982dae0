"""What the graph is started with: the incident's task, in the place where this graph reads it."""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from guardrails.errors import UsageError

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

TASK_KEYS = ("task", "query", "question", "problem", "incident", "alert", "prompt", "input")
"""Keys under which graphs without `messages` take their task, the likeliest first."""


def graph_input(
    graph: "CompiledStateGraph[Any, Any, Any, Any]", task: str, *, given: str = ""
) -> dict[str, Any]:
    """Build the input of a graph.

    Args:
        graph: Its input schema says which keys it takes.
        task: What the agent is told.
        given: `--input`: a JSON object, or the path of a file that holds one. Its keys win.

    Raises:
        UsageError: `given` is no JSON object, or the graph has no key for a task.
    """
    own = _read(given) if given else {}
    keys = _keys(graph)
    if "messages" in own or any(key in own for key in TASK_KEYS):
        return own
    if "messages" in keys:
        return {"messages": [{"role": "user", "content": task}], **own}
    key = next((key for key in TASK_KEYS if key in keys), None)
    if key is not None:
        return {key: task, **own}
    if own:
        return own
    known = ", ".join(sorted(keys)) or "none"
    raise UsageError(
        f"the graph takes no `messages` and no key that looks like a task (its keys: {known}); "
        f"give its input as --input '{{\"key\": …}}'"
    )


def _keys(graph: "CompiledStateGraph[Any, Any, Any, Any]") -> frozenset[str]:
    # Not `get_input_jsonschema`: pydantic refuses `typing.TypedDict` on Python 3.11.
    builder = graph.builder
    schemas = cast("dict[Any, dict[str, object]]", builder.schemas)
    return frozenset(schemas.get(builder.input_schema, {}))


def _read(given: str) -> dict[str, Any]:
    text, source = given, "--input"
    if not given.lstrip().startswith("{"):
        source = given
        try:
            text = Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--input {given}: neither a JSON object nor a readable file: {error}"
            ) from error
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"{source}: not a JSON object: {error}") from error
