"""What an end says, read from a graph's state, and what a refusal has to take back.

Hand-built graphs leave their answer in many places: the last message, a structured response, a
`final_report`, a `submitted` flag. What counts is what this pass changed.
"""

# LangGraph leaves its generics open in nearly every signature, so partly unknown types remain:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import Command
from pydantic import BaseModel

from guardrails.actions.claims import read_claim, read_structured_claim
from guardrails.core.claims import Claim
from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.evidence import GateReport
from guardrails.core.incident import Goal

State = Mapping[str, Any]

ReadClaim = Callable[[dict[str, Any]], Claim | str | Mapping[str, Any] | None]
"""Reads the claim from the state at the end: a claim, words, a structure, or nothing."""

OnRefusal = Callable[
    [dict[str, Any], GateReport | None, str], "Mapping[str, Any] | Command[Any] | None"
]
"""Says how a refusal goes back in: `(state, report, words for the model)` to a state update, or to
a `Command` whose `goto` names the node to re-enter at. The report is None when there was none."""

REPORT_KEYS = frozenset(
    {
        "answer",
        "conclusion",
        "diagnosis",
        "final_answer",
        "final_diagnosis",
        "final_output",
        "final_report",
        "final_response",
        "output",
        "rca_output",
        "report",
        "result",
        "root_cause",
        "root_cause_analysis",
        "submission",
        "summary",
    }
)
"""Keys under which public SRE agents leave their answer; read when a pass has changed them."""

STRUCTURED = "structured_response"
"""LangChain's key for structured output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One pass through a graph that came to its end by itself."""

    before: dict[str, Any]
    """State at its beginning."""
    after: dict[str, Any]
    messages: str | None
    """The key of the conversation."""
    final: dict[str, Any]
    """What the last superstep wrote."""
    spoken: Callable[[str], bool]
    """Tells whether a model of this run said a text."""
    callbacks_fire: bool

    def changed(self, key: str) -> bool:
        """Tell whether this pass set a key to something."""
        value = self.after.get(key)
        return value is not None and not _same(value, self.before.get(key))


def end_of(passed: Passed, *, goal: Goal, claim: ReadClaim | None) -> EndRequested:
    """Return the end that a pass asks for."""
    if claim is not None:
        said = claim(dict(passed.after))
        return EndRequested(exit=_exit_of(passed), claim=claim_from(said, goal=goal))
    for key in _answers(passed):
        exit_kind = ExitKind.STRUCTURED if key == STRUCTURED else ExitKind.GRAPH_END
        said = claim_from(passed.after[key], goal=goal)
        return EndRequested(exit=exit_kind, claim=said, detail=f"state key {key}")
    exit_kind = _exit_of(passed)
    if exit_kind in _CLAIMLESS:
        return EndRequested(exit=exit_kind)
    text = _last_text(passed)
    return EndRequested(exit=exit_kind, claim=read_claim(text, goal=goal) if text else None)


def claim_from(said: object, *, goal: Goal) -> Claim | None:
    """Return the claim in words, a structure, a model, or nothing."""
    match said:
        case None:
            return None
        case Claim():
            return said
        case str():
            return read_claim(said, goal=goal)
        case BaseModel():
            return read_structured_claim(said.model_dump(mode="json"), goal=goal)
        case Mapping():
            return read_structured_claim(cast("Mapping[str, object]", said), goal=goal)
        case list() | tuple():
            return read_structured_claim(cast("Sequence[object]", said), goal=goal)
        case _:
            return read_claim(str(said), goal=goal)


def resets_of(passed: Passed, *, public: Container[str], coerced: bool) -> dict[str, Any]:
    """Return what a refusal must take back so that the graph does not end at once again.

    These are flags that the pass raised, the answers that it left, and what its last superstep
    set for the first time. Counters stay, or a refusal would lift the graph's own limits.

    Args:
        passed: The pass.
        public: Keys of the graph's output; what it keeps to itself is its own bookkeeping.
        coerced: Whether the graph checks its state, so that a key cannot simply be emptied.
    """
    resets: dict[str, Any] = {}
    for key, value in passed.after.items():
        if value is True and passed.before.get(key) is not True:
            resets[key] = False
    fresh = [key for key in passed.final if key in public and passed.before.get(key) is None]
    for key in [*_answers(passed), *fresh]:
        if key in resets or not passed.changed(key) or not _is_answer(passed.after.get(key)):
            continue
        if key in passed.before:
            resets[key] = passed.before[key]
        elif not coerced:
            resets[key] = None
    return resets


_CLAIMLESS = frozenset({ExitKind.EMPTY, ExitKind.MALFORMED, ExitKind.MIDDLEWARE_END})


def _answers(passed: Passed) -> list[str]:
    """Return the keys that hold an answer of this pass, the structured response first."""
    found = [key for key in passed.after if key in REPORT_KEYS and passed.changed(key)]
    if passed.changed(STRUCTURED):
        found.insert(0, STRUCTURED)
    return [key for key in found if key != passed.messages and passed.after[key] not in ("", {})]


def _is_answer(value: object) -> bool:
    return isinstance(value, (str, Mapping, BaseModel, list, tuple, msgspec.Struct)) and not (
        isinstance(value, (list, tuple))
        and any(isinstance(row, BaseMessage) for row in cast("Sequence[object]", value)[-1:])
    )


def _exit_of(passed: Passed) -> ExitKind:
    rows = passed.after.get(passed.messages or "")
    if not isinstance(rows, list) or not rows:
        return ExitKind.GRAPH_END
    match cast("list[object]", rows)[-1]:
        case ToolMessage():
            return ExitKind.DIRECT_RETURN
        case AIMessage() as reply:
            return _exit_by(reply, passed)
        case _:
            return ExitKind.GRAPH_END


def _exit_by(reply: AIMessage, passed: Passed) -> ExitKind:
    if reply.invalid_tool_calls and not reply.tool_calls:
        return ExitKind.MALFORMED
    if reply.tool_calls:
        return ExitKind.GRAPH_END
    if not reply.text.strip():
        return ExitKind.EMPTY
    if passed.callbacks_fire and not passed.spoken(reply.text):
        return ExitKind.MIDDLEWARE_END
    return ExitKind.FINAL_ANSWER


def _last_text(passed: Passed) -> str:
    """Return the words that the graph ends with: its last message, else its last model message."""
    rows = passed.after.get(passed.messages or "")
    for row in reversed(cast("list[object]", rows) if isinstance(rows, list) else []):
        if isinstance(row, (AIMessage, ToolMessage)) and row.text.strip():
            return row.text
    return ""


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  # an array or a query object in the state; then it is new
        return False
