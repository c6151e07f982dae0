"""Folds a stored trace again. The same events give the same findings and decisions."""

from collections.abc import Iterable
from dataclasses import dataclass

from guardrails.core.decisions import Decision
from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.ids import RunId
from guardrails.engine.fold import Rules, fold
from guardrails.engine.state import SessionState
from guardrails.policy.models import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a trace leads to."""

    state: SessionState
    decisions: tuple[Decision, ...]
    findings: tuple[Finding, ...]


def replay(events: Iterable[Event], *, settings: Settings) -> Replay:
    """Fold events from the beginning.

    Args:
        events: One run's events, in order.
        settings: What the run was decided by; other settings answer "what if".
    """
    rules = Rules.of(settings)
    state = SessionState(run=RunId(""))
    decisions: list[Decision] = []
    findings: list[Finding] = []
    for event in events:
        if state.seq == 0:
            state = SessionState(run=event.run)
        folded = fold(state, event, rules)
        state = folded.state
        decisions.append(folded.decision)
        findings.extend(folded.findings)
    return Replay(state=state, decisions=tuple(decisions), findings=tuple(findings))
