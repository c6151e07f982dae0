"""The tools that a model was shown, and what is plainly wrong with a call by them.

Whoever cannot tell keeps silent: a tool of a provider takes what it likes, and where a model may
know tools that are not seen here no name is called unknown.
"""

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from langchain_core.tools import BaseTool, Tool
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, ValidationError

from guardrails.actions.catalogue import FaultKind, ToolSpec, fault_of
from guardrails.actions.parameters import properties_of
from guardrails.engine import Session

AGENTS: Final = 64
"""Agents of a run whose tools are remembered."""

ShownTool = BaseTool | Mapping[str, Any] | object
"""What LangChain's models are bound to. A mapping is a tool in a provider's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The tools that a model was shown."""

    specs: dict[str, ToolSpec] = field(default_factory=dict[str, ToolSpec])
    whole: bool = True
    """False when there is one whose name is not known: then any name may be a tool's."""

    def fault(self, tool: str, arguments: str) -> str:
        """Say what is wrong with a call, and what would be right; nothing if nothing plainly is.

        Args:
            tool: The tool's name, as the model wrote it.
            arguments: Its arguments as JSON text.
        """
        if not self.whole and tool not in self.specs:
            return ""
        found = fault_of(tool, arguments, self.specs)
        return "" if found is None else found.message

    def with_more(self, other: "Shown") -> "Shown":
        """Return the tools of both; one that they describe differently takes everything."""
        specs = dict(self.specs)
        for name, spec in other.specs.items():
            known = specs.setdefault(name, spec)
            if known != spec:
                specs[name] = ToolSpec(name=name)
        return Shown(specs=specs, whole=self.whole and other.whole)


NOTHING: Final = Shown()
"""No tools: with none, nothing is known to be wrong."""


def shown_in(tools: Iterable[ShownTool]) -> Shown:
    """Return the tools of a list as `bind_tools` takes it, or as a provider's client sends it."""
    specs: dict[str, ToolSpec] = {}
    whole = True
    for tool in tools:
        spec = spec_of(tool) if isinstance(tool, BaseTool) else _of_mapping(tool)
        if spec is None:
            whole = False
        else:
            specs[spec.name] = spec
    return Shown(specs=specs, whole=whole)


def spec_of(tool: BaseTool) -> ToolSpec:
    """Return what a tool takes from a model: its schema, without what is injected.

    Kept for each tool, as making a schema costs more than a whole turn of the guard.
    """
    key = id(tool)
    with _lock:
        kept = _specs.get(key)
    if kept is not None and kept[0]() is tool:
        return kept[1]
    spec = ToolSpec(name=tool.name, parameters=_parameters(tool))
    with _lock:
        _specs[key] = (weakref.ref(tool, lambda _: _specs.pop(key, None)), spec)
    return spec


_specs: dict[int, tuple["weakref.ref[BaseTool]", ToolSpec]] = {}
_lock = threading.Lock()


def fault_in(tool: BaseTool, arguments: Mapping[str, object], text: str) -> str:
    """Say what is wrong with a call of a tool that is at hand; nothing if the tool would take it.

    A tool may take more than its schema says, by validators of its own, so it has the last word on
    values. It has none on arguments that it does not know: it would drop them in silence.

    Args:
        tool: The tool.
        arguments: The arguments that the model wrote.
        text: The same as JSON text.
    """
    found = fault_of(tool.name, text, {tool.name: spec_of(tool)})
    if found is None or (found.kind in _VALUES and _takes(tool, arguments)):
        return ""
    return found.message


_VALUES: Final = frozenset(
    {FaultKind.MISSING_ARGUMENT, FaultKind.WRONG_TYPE, FaultKind.VALUE_NOT_ALLOWED}
)


def _takes(tool: BaseTool, arguments: Mapping[str, object]) -> bool:
    """Tell whether a tool's own model takes the arguments, whatever else is injected."""
    model = tool.args_schema
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return False
    try:
        model.model_validate(dict(arguments))
    except ValidationError as error:
        shown = properties_of(spec_of(tool).parameters, root={})
        return all(one["loc"] and one["loc"][0] not in shown for one in error.errors())
    return True


def _parameters(tool: BaseTool) -> Mapping[str, object]:
    """Return a tool's schema; one that cannot be written, or does not bind, takes everything."""
    if isinstance(tool, Tool):
        return {}  # it takes one text, under whatever name
    try:
        given: object = tool.tool_call_schema
        written: object = given if isinstance(given, dict) else convert_to_json_schema(given)
    except Exception:  # noqa: BLE001  # a third party's schema
        return {}
    schema = dict(cast("Mapping[str, object]", written))
    config = getattr(tool.args_schema, "model_config", {})
    if isinstance(config, Mapping) and cast("Mapping[str, object]", config).get("extra") == "allow":
        schema["additionalProperties"] = True
    return schema


def _of_mapping(tool: object) -> ToolSpec | None:
    """Read OpenAI's, Anthropic's and Google's forms; what a provider runs itself has no schema."""
    if not isinstance(tool, Mapping):
        return None
    fields = cast("Mapping[str, object]", tool)
    inner = fields.get("function")
    if isinstance(inner, Mapping):
        fields = cast("Mapping[str, object]", inner)
    name = fields.get("name")
    if not isinstance(name, str) or not name:
        return None
    schema = fields.get("parameters") or fields.get("input_schema")
    return ToolSpec(
        name=name,
        parameters=cast("Mapping[str, object]", schema) if isinstance(schema, Mapping) else {},
    )


def note_shown(session: Session, shown: Shown, *, agent: str = "") -> None:
    """Remember what an agent's model was shown in this run."""
    with _lock:
        known = _shown.setdefault(session, {})
        before = known.get(agent)
        if before is not None and before.specs == shown.specs and before.whole == shown.whole:
            return
        known[agent] = shown if before is None else before.with_more(shown)
        while len(known) > AGENTS:
            del known[next(iter(known))]


def shown_to(session: Session, *, agent: str = "") -> Shown:
    """Return what an agent's model was shown so far; nothing if nobody saw that."""
    with _lock:
        return _shown.get(session, {}).get(agent, NOTHING)


def shown_to_any(session: Session) -> Shown:
    """Return what any agent's model was shown, for a call whose agent is not known."""
    with _lock:
        every = tuple(_shown.get(session, {}).values())
    return reduce(Shown.with_more, every, NOTHING)


_shown: WeakKeyDictionary[Session, dict[str, Shown]] = WeakKeyDictionary()
