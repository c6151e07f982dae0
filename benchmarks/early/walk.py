"""A real conversation as the engine sees it, call by call, with the state before each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from guardrails.actions.catalogue import ToolSpec
from guardrails.core.decisions import Decision, Reason
from guardrails.core.events import (
    AnyFact,
    Event,
    ModelReplied,
    RunStarted,
    ToolCall,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.toolaction import Effect
from guardrails.engine.fold import fold
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState
from guardrails.policy.load import load_settings

Json = dict[str, Any]

CAUGHT = frozenset({Reason.BAD_CALL, Reason.INVENTED, Reason.UNREAD, Reason.MISMATCH})
"""Reasons by which a call is held before its tool runs."""

SETTINGS = load_settings(
    profile="mid-tier",
    environ={},
    flags={
        "mode": "shadow",
        "fsm.machine": "none",
        "hygiene.rewinds": 1_000_000,
        "cascade.modes": 1_000_000,
        "cascade.signs": 1_000_000,
        "fsm.unreconciled": "warn",
        "budgets.steps": 1_000_000,
        "budgets.tool_calls": 1_000_000,
        "budgets.wall_time": "1000h",
    },
)
"""A recorded run goes on whatever is found: what would be held is told, and nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A call of a recorded run, at its place."""

    call: ToolRequested
    text: str
    """What the model said with it."""
    decision: Decision
    before: "Walk"
    """The run before the turn."""

    @property
    def caught(self) -> bool:
        """Whether it would be held."""
        return self.decision.reason in CAUGHT

    @property
    def writes(self) -> bool:
        """Whether it changes something, as far as can be told."""
        action = self.decision.tool_action
        return action is not None and action.effect in {Effect.WRITE, Effect.DESTRUCTIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A run up to some place."""

    state: SessionState
    rules: Rules
    shown: Sequence[str] = field(default=())
    """Results so far, the newest last."""

    def observe(self, fact: AnyFact) -> tuple["Walk", Decision]:
        """Go on by one fact."""
        event = Event(
            run=self.state.run,
            seq=self.state.seq + 1,
            at=_BEGAN + timedelta(seconds=self.state.seq),
            step=self.state.step + isinstance(fact, ModelReplied),
            fact=fact,
        )
        folded = fold(self.state, event, self.rules)
        shown = (*self.shown, fact.text) if isinstance(fact, ToolReturned) else self.shown
        return Walk(state=folded.state, rules=self.rules, shown=shown), folded.decision

    def asked(self, text: str, tool: str, arguments: str, *, fault: str = "") -> Decision:
        """Tell what would be decided of a turn with one call."""
        call = ToolCall(call_id=CallId("seeded"), tool=tool, arguments=arguments)
        walk, _ = self.observe(ModelReplied(text=text, tool_calls=(call,)))
        request = ToolRequested(call_id=call.call_id, tool=tool, arguments=arguments, fault=fault)
        return walk.observe(request)[1]


_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def met_in(messages: Sequence[Json]) -> Iterator[Met]:
    """Yield every call of a conversation."""
    task = "\n".join(_text(m) for m in messages[:2] if m["role"] in {"system", "user"})
    walk, _ = Walk(state=SessionState(run=RunId("r")), rules=Rules.of(SETTINGS)).observe(
        RunStarted(incident=Incident(task=task), adapter="benchmark", guard_version="0")
    )
    tools: dict[str, str] = {}
    for message in messages:
        if message["role"] == "tool":
            call_id = str(message["tool_call_id"])
            back = ToolReturned(
                call_id=CallId(call_id), tool=tools.get(call_id, ""), text=_text(message)
            )
            walk, _ = walk.observe(back)
        elif message["role"] == "assistant":
            before, calls = walk, _calls(message)
            said = _text(message)
            walk, _ = walk.observe(ModelReplied(text=said, tool_calls=calls))
            for call in calls:
                tools[str(call.call_id)] = call.tool
                request = ToolRequested(
                    call_id=call.call_id, tool=call.tool, arguments=call.arguments
                )
                walk, decision = walk.observe(request)
                yield Met(call=request, text=said, decision=decision, before=before)


def specs_of(met: Sequence[Met]) -> Mapping[str, ToolSpec]:
    """Return what tools take, as their calls tell: recorded runs hold no schemas."""
    seen: dict[str, list[Json]] = {}
    for one in met:
        value = _object(one.call.arguments)
        if value is not None:
            seen.setdefault(one.call.tool, []).append(value)
    return {tool: ToolSpec(name=tool, parameters=_schema(values)) for tool, values in seen.items()}


def _schema(values: Sequence[Json]) -> Json:
    names = dict.fromkeys(name for value in values for name in value)
    properties = {
        name: {"type": sorted({_type(value[name]) for value in values if name in value})}
        for name in names
    }
    required = [name for name in names if all(name in value for value in values)]
    return {"type": "object", "properties": properties, "required": required}


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _object(text: str) -> Json | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def _calls(message: Json) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(
            call_id=CallId(str(call["id"])),
            tool=str(call["function"]["name"]),
            arguments=str(call["function"]["arguments"]),
        )
        for call in message.get("tool_calls") or ()
    )


def _text(message: Json) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else json.dumps(content or "")
