"""What the machine says to the model: what does not run or does not end here, and what is missing.

As everywhere, words for the model speak of the world and of what to do next, never of states.
"""

from collections.abc import Iterable
from datetime import datetime

from guardrails.core.toolaction import Effect, Target, ToolAction
from guardrails.fsm.facts import FACTS, INDEX, Values
from guardrails.fsm.guards import Compare
from guardrails.fsm.ledger import Change
from guardrails.fsm.machine import Row, State
from guardrails.policy.durations import format_duration

LIMIT = 1_200
"""Characters of anything said to the model, as for the gate's feedback."""

BEING_LOOKED_AT = "Not run: the system is being looked at, and nothing is changed meanwhile."

_UNCHECKED = INDEX["unchecked"]
_SHOWN = 3
"""Changed objects named in one refusal."""

_WHAT_IS = {
    Effect.READ: "it reads, and reading is over",
    Effect.WRITE: "it changes something, and nothing is changed yet",
    Effect.DESTRUCTIVE: "it takes something away, and nothing is changed yet",
    Effect.FINISH: "it is too early to conclude",
}


def denied(
    state: State, action: ToolAction, missing: tuple[str, ...], *, wrote: bool = False
) -> str:
    """Tell the model that a call does not run here, and what would change that.

    Args:
        state: Where the run stands.
        action: What the call means.
        missing: What keeps the run from a state that allows it, from `told`.
        wrote: Whether something was changed already, so that "yet" would be wrong.
    """
    what = next((f"{o.program} {o.verb}".strip() for o in action.operations if o.verb), "this call")
    unread = "" if action.understood else ", as far as it can be read"
    why = _WHAT_IS[action.effect]
    if wrote:
        why = why.replace("nothing is changed yet", "nothing more is changed")
    return _joined(f"Not run: `{what}`{unread}: {why}.", state.say, _list(missing))


def tool_denied(state: State, tool: str) -> str:
    """Tell the model that a tool is not for what is to be done now."""
    return _joined(f"Not run: {tool} is not used here.", state.say)


def refused(row: Row, missing: tuple[str, ...]) -> str:
    """Tell the model that its end is not accepted, and what is missing."""
    return _joined(f"Not accepted. {row.refuse}", _list(missing))


def told(
    lacking: Iterable[Compare],
    values: Values,
    *,
    changes: tuple[Change, ...] = (),
    now: datetime | None = None,
    settle_seconds: float = 0.0,
) -> tuple[str, ...]:
    """Put what a guard lacks into words, each comparison once.

    Args:
        lacking: Comparisons that do not hold, from `Reaction.lacking`.
        values: The facts as they are.
        changes: What was changed; those that nobody looked at since are named.
        now: The time, to say how long they still need.
        settle_seconds: How long a change needs to take effect.
    """
    said: list[str] = []
    for one in lacking:
        fact, value = FACTS[one.fact], values[one.fact]
        if one.fact == _UNCHECKED and value > one.number:
            said += _unchecked(changes, now=now, settle_seconds=settle_seconds)
        elif value < one.number or one.sign in {"!=", ">"}:
            missing = max(1, one.number - value + (one.sign == ">"))
            said.append(fact.lacking.format(n=missing))
        else:
            said.append(fact.above or f"{fact.about}: no more of it")
    return tuple(dict.fromkeys(said))


def _unchecked(
    changes: tuple[Change, ...], *, now: datetime | None, settle_seconds: float
) -> list[str]:
    open_ = [change for change in changes if not change.checked]
    if not open_:
        return [FACTS[_UNCHECKED].above]
    said = [
        f"look at {_named(change.target)}{_when(change, now, settle_seconds)}"
        for change in open_[-_SHOWN:]
    ]
    more = len(open_) - len(said)
    return [*said, *([f"and at {more} more objects that you changed"] if more else [])]


def _named(target: Target) -> str:
    name = "/".join(part for part in (target.kind, target.name) if part) or "what you changed"
    return f"{name} in {target.namespace}" if target.namespace else name


def _when(change: Change, now: datetime | None, settle_seconds: float) -> str:
    left = settle_seconds - (now - change.at).total_seconds() if now is not None else 0.0
    if left <= 0:
        return ""
    return f" in {format_duration(max(1, round(left)))}, when the change had time to take effect"


def _list(missing: tuple[str, ...]) -> str:
    return f"Missing: {'; '.join(missing)}." if missing else ""


def _joined(*parts: str) -> str:
    text = " ".join(part for part in parts if part)
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"
