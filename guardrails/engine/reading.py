"""Results are read when somebody asks what they showed, and not when they come.

Names and facts are wanted before a change, at an end, and when turns leave the window: a few times
in a run. To read each result at once would double what a tool call costs in `observe`.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from guardrails.actions.facts.noting import noted, written
from guardrails.actions.nameset import names_in
from guardrails.core.events import Event, ToolReturned, ToolStatus
from guardrails.core.ids import CallId
from guardrails.core.toolaction import ToolAction

if TYPE_CHECKING:
    from guardrails.engine.state import SessionState

RESULTS_LIMIT: Final = 64
RESULTS_CHARACTERS: Final = 200_000
"""Results, and characters of them, from which on they are read at once. Reading so many takes some
5 ms, in one event of two hundred; most runs end before."""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool's result as it came."""

    call_id: CallId
    text: str
    step: int
    at: datetime
    followed: ToolAction | None = None
    """What the call asked for, or may have changed; None when the ledger has nothing from it."""
    names: bool = True
    """Whether its names count as shown: not those of an error."""
    so_far: int = 0
    """Characters of this result and of those before it."""


def with_result(
    state: "SessionState", event: Event, returned: ToolReturned, followed: ToolAction | None
) -> "SessionState":
    """Keep a result to be read later; one that shows and changes nothing is not kept."""
    if returned.status is ToolStatus.BLOCKED:
        return state
    ok = returned.status is ToolStatus.OK
    if not ok and followed is None:
        return state
    result = Result(
        call_id=returned.call_id,
        text=returned.text,
        step=event.step,
        at=event.at,
        followed=followed,
        names=ok,
        so_far=len(returned.text) + (state.results[-1].so_far if state.results else 0),
    )
    state = msgspec.structs.replace(state, results=(*state.results, result))
    much = len(state.results) >= RESULTS_LIMIT or result.so_far >= RESULTS_CHARACTERS
    return read_up(state) if much else state


def read_up(state: "SessionState") -> "SessionState":
    """Return the state with every result read: what it says is the same, in names and facts."""
    if not state.results:
        return state
    names, ledger = state.names, state.ledger
    for result in state.results:
        if result.names:
            names = names.add(names_in(result.text))
        if result.followed is None:
            continue
        # What a call changed is in doubt; then what it showed stands.
        ledger = written(ledger, result.followed, step=result.step)
        ledger = noted(
            ledger,
            result.followed,
            result.text,
            step=result.step,
            at=result.at,
            call_id=result.call_id,
        )
    return msgspec.structs.replace(state, names=names, ledger=ledger, results=())
