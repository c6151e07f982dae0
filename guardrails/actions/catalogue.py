"""The tools that an agent has, and what is wrong with a call before any tool runs.

What the model is told holds the valid form, so that the next call can be right. An argument that a
tool does not have is a fault although frameworks drop it: in a public trace
`get_pods_from_service(namespace=…)` looked into another namespace and found no such service.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import cast

import msgspec

from guardrails.actions.nearest import nearest
from guardrails.actions.parameters import (
    Schema,
    Slip,
    SlipKind,
    form_of,
    properties_of,
    required_of,
    slip_in,
)
from guardrails.actions.repair import repaired_arguments, unreadable_because

LONGEST_MESSAGE = 600
"""Characters of a message to the model: two sentences with room for ten parameters."""
_LONGEST_NAME = 80
_LONGEST_VALUE = 60
_LONGEST_FORM = 120
"""Characters of one parameter's type or values."""


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tool_spec"):
    """One tool that the model may call."""

    name: str
    parameters: Mapping[str, object] = {}
    """JSON Schema of the arguments, an object. An empty one takes everything."""


class FaultKind(StrEnum):
    """What is wrong with a call."""

    UNKNOWN_TOOL = "unknown_tool"
    NO_OBJECT = "no_object"
    """The arguments are no JSON object."""
    UNKNOWN_ARGUMENT = "unknown_argument"
    MISSING_ARGUMENT = "missing_argument"
    WRONG_TYPE = "wrong_type"
    VALUE_NOT_ALLOWED = "value_not_allowed"


class CallFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="call_fault"):
    """What is wrong with one call."""

    kind: FaultKind
    tool: str
    message: str
    """For the model: one or two sentences with the valid form, at most `LONGEST_MESSAGE`."""
    where: str = ""
    """Path of the argument."""
    nearest: str = ""
    """The valid tool, argument or value that it most likely means."""


def fault_of(tool: str, arguments: str, specs: Mapping[str, ToolSpec]) -> CallFault | None:
    """Tell what is wrong with a call, or None if nothing plainly is.

    Args:
        tool: The tool's name, as the model wrote it.
        arguments: The arguments as JSON text. `repaired_arguments` comes first, for slips.
        specs: The tools that the agent has, by name. With none, nothing is known to be wrong.

    >>> takes = {"type": "object", "properties": {"command": {"type": "string"}}}
    >>> specs = {"kubectl": ToolSpec(name="kubectl", parameters=takes | {"required": ["command"]})}
    >>> fault_of("kubectl_exec", "{}", specs).message
    'There is no tool kubectl_exec; did you mean kubectl? It takes command (text).'
    """
    if not specs:
        return None
    spec = specs.get(tool)
    if spec is None:
        return _unknown_tool(tool, specs)
    value = _object_of(arguments)
    if value is None:
        mended = repaired_arguments(arguments)
        why = unreadable_because(arguments) if mended is None else mended.wrong
        lead = f"The arguments of {tool} are no JSON object: {why}."
        return CallFault(kind=FaultKind.NO_OBJECT, tool=tool, message=_told(lead, spec))
    slip = slip_in(value, spec.parameters)
    return None if slip is None else _of_slip(slip, spec)


def _object_of(arguments: str) -> Schema | None:
    """Decode arguments; nothing at all is an object without members, as frameworks have it."""
    if arguments.strip() in {"", "null"}:
        return {}
    try:
        value: object = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return cast("Schema", value) if isinstance(value, dict) else None


def _unknown_tool(tool: str, specs: Mapping[str, ToolSpec]) -> CallFault:
    like = nearest(tool, specs)
    if like is None:
        lead = f"There is no tool {_clipped(tool, _LONGEST_NAME)}. There are:"
        message = _filled(lead, iter(specs))
    else:
        lead = f"There is no tool {_clipped(tool, _LONGEST_NAME)}; did you mean {like}?"
        message = _told(lead, specs[like])
    return CallFault(kind=FaultKind.UNKNOWN_TOOL, tool=tool, message=message, nearest=like or "")


def _of_slip(slip: Slip, spec: ToolSpec) -> CallFault:
    where, tool = _clipped(slip.where, _LONGEST_NAME), spec.name
    form = _clipped(slip.expected, _LONGEST_FORM)
    guess = f"; did you mean {_clipped(slip.nearest, _LONGEST_NAME)}?" if slip.nearest else "."
    match slip.kind:
        case SlipKind.UNKNOWN:
            lead = f"{tool} has no argument {where}{guess}"
            kind = FaultKind.UNKNOWN_ARGUMENT
        case SlipKind.MISSING:
            lead = f"{tool} needs {where} ({form}), and the call leaves it out."
            kind = FaultKind.MISSING_ARGUMENT
        case SlipKind.WRONG_TYPE:
            shown = _shown(slip.value)
            lead = f"{where} of {tool} must be {_article(form)}, and {shown} is not."
            kind = FaultKind.WRONG_TYPE
        case SlipKind.NOT_ALLOWED:
            lead = f"{where} of {tool} must be {form}, and {_shown(slip.value)} is not{guess}"
            kind = FaultKind.VALUE_NOT_ALLOWED
    told = slip.kind in {SlipKind.UNKNOWN, SlipKind.MISSING}
    return CallFault(
        kind=kind,
        tool=tool,
        message=_told(lead, spec) if told else _clipped(lead, LONGEST_MESSAGE),
        where=slip.where,
        nearest=slip.nearest,
    )


def _told(lead: str, spec: ToolSpec) -> str:
    """Add what the tool takes, as far as there is room."""
    root = spec.parameters
    known, required = properties_of(root, root=root), required_of(root, root=root)
    if not known:
        return _clipped(lead, LONGEST_MESSAGE)
    names = [*(n for n in required if n in known), *(n for n in known if n not in required)]
    return _filled(f"{lead} It takes", (_parameter(n, known[n], required, root) for n in names))


def _parameter(name: str, schema: Schema, required: tuple[str, ...], root: Schema) -> str:
    form = _clipped(form_of(schema, root=root), _LONGEST_FORM)
    return f"{name} ({form})" if name in required else f"{name} ({form}, may be left out)"


def _filled(lead: str, parts: Iterator[str]) -> str:
    """Append parts, with commas, until the message is full."""
    message = _clipped(lead, LONGEST_MESSAGE // 2)
    separator = " "
    for part in parts:
        if len(message) + len(separator) + len(part) > LONGEST_MESSAGE - len(", …."):
            return f"{message}{separator}…."
        message = f"{message}{separator}{part}"
        separator = ", "
    return f"{message}."


def _article(form: str) -> str:
    return f"a {form}" if form.startswith(("whole", "number", "list")) else form


def _shown(value: object) -> str:
    return _clipped(msgspec.json.encode(value).decode(), _LONGEST_VALUE)


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
