"""Findings of a run that was guarded: its trace is replayed by the whole engine, as it was live.

Apart from `guardrails.batch.tagging`, because few stored runs are of ours and the engine takes as
long to load as all else that tagging needs.
"""

from collections.abc import Iterator

from guardrails.core.events import Event
from guardrails.core.findings import Found
from guardrails.engine.fold import fold
from guardrails.engine.replay import rules_of
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState
from guardrails.errors import TraceError, UsageError


def found_by_engine(events: tuple[Event, ...]) -> Iterator[tuple[Found, ...]] | None:
    """Return what the engine says of a run's events, event by event.

    None where its policy cannot be followed: this version does not know it, or it names a machine
    or a detector that is not here.
    """
    try:
        rules = rules_of(events)
    except (TraceError, UsageError):
        return None
    return _folded(events, rules)


def _folded(events: tuple[Event, ...], rules: Rules) -> Iterator[tuple[Found, ...]]:
    state = SessionState(run=events[0].run)
    for event in events:
        folded = fold(state, event, rules)
        state = folded.state
        if folded.found:
            yield folded.found
