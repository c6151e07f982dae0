"""How agents give each other work, and write down what is to be done, by tool calls.

Frameworks do this in a handful of ways: deepagents' `task`, a supervisor's `transfer_to_…`, Claude
Code's `Task` and `TodoWrite`, LangChain's `write_todos`, Codex's `update_plan`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, cast

import msgspec

from guardrails.core.events import PlanItem, ToolRequested, ToolReturned, ToolStatus
from guardrails.core.ids import CallId

PLAN_TOOLS: Final = frozenset(
    {"write_todos", "todowrite", "todo_write", "update_plan", "write_todo", "set_plan"}
)
"""Tools that state a plan whole, by their names in lower case."""

_TASK_TOOLS: Final = frozenset({"task", "agent", "delegate", "delegate_task", "spawn_agent"})
_TRANSFER = re.compile(
    r"(?:transfer|hand_?off|delegate|assign)(?:_task|_work|_control)?_to_(?P<to>\w+)"
    r"|(?:call|ask|run)_(?P<called>\w+?)_?agent",
    re.IGNORECASE,
)
_TO_KEYS = ("subagent_type", "agent", "agent_name", "to", "assignee", "worker")
_TASK_KEYS = ("prompt", "description", "task", "task_description", "instructions", "message")
_ITEMS_KEYS = ("todos", "plan", "items", "steps", "tasks")
_TEXT_KEYS = ("content", "step", "text", "task", "title", "description")
_DONE = {
    "completed": "done",
    "complete": "done",
    "done": "done",
    "in_progress": "active",
    "in-progress": "active",
    "active": "active",
    "cancelled": "dropped",
    "canceled": "dropped",
    "skipped": "dropped",
}
_LONGEST_TEXT = 300
"""Characters kept of one item of a plan."""
_LONGEST_ARGUMENTS = 60_000
"""Characters of arguments that are read; more is no plan that a person would write."""


class Delegation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that gives another agent a task, and returns with its report."""

    call_id: CallId
    to: str
    task: str = ""
    returns: bool = True
    """Whether the call's result is the other agent's report; a transfer returns at once."""


def delegation_of(call: ToolRequested) -> Delegation | None:
    """Return the task that a call gives to another agent, if it gives one.

    >>> call = ToolRequested(call_id=CallId("c"), tool="transfer_to_network_expert")
    >>> delegation_of(call).to
    'network_expert'
    """
    name = call.tool.lower()
    transfer = None
    if name not in _TASK_TOOLS:
        # Nearly every tool is none of these, and a search costs more than looking for letters.
        if "_to_" not in name and "agent" not in name:
            return None
        transfer = _TRANSFER.fullmatch(call.tool)
        if transfer is None:
            return None
    given = _object(call.arguments)
    task = _first(given, _TASK_KEYS)
    if transfer is not None:
        to = transfer["to"] or transfer["called"] or ""
        returns = transfer["to"] is None
        return Delegation(call_id=call.call_id, to=to, task=task, returns=returns)
    to = _first(given, _TO_KEYS)
    return Delegation(call_id=call.call_id, to=to, task=task) if to or task else None


def report_of(returned: ToolReturned, delegation: Delegation) -> str | None:
    """Return the report that a delegation came back with; None for a transfer, or a failure."""
    if not delegation.returns or returned.status is not ToolStatus.OK:
        return None
    return returned.text


def plan_in(call: ToolRequested) -> tuple[PlanItem, ...] | None:
    """Return the plan that a call states; None when it states none."""
    if call.tool.lower() not in PLAN_TOOLS:
        return None
    given = _object(call.arguments)
    for key in _ITEMS_KEYS:
        items = given.get(key)
        if isinstance(items, list):
            return tuple(_items(cast("list[object]", items)))
    return None


def _items(items: list[object]) -> Iterator[PlanItem]:
    for item in items:
        if isinstance(item, str):
            yield PlanItem(text=item[:_LONGEST_TEXT])
        elif isinstance(item, dict):
            fields = cast("dict[str, object]", item)
            status = _DONE.get(str(fields.get("status", "")).lower(), "pending")
            yield PlanItem(
                text=_first(fields, _TEXT_KEYS)[:_LONGEST_TEXT],
                ref=str(fields.get("id", "")),
                status=cast("Literal['pending', 'active', 'done', 'dropped']", status),
            )


def _first(given: Mapping[str, object], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = given.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def _object(arguments: str) -> Mapping[str, object]:
    if len(arguments) > _LONGEST_ARGUMENTS:
        return {}
    try:
        value: object = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
