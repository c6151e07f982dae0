"""What was done in a run, told for whoever takes over."""

from guardrails.core.result import PhaseVisit, WorkDone
from guardrails.core.toolaction import Target
from guardrails.engine.state import SessionState
from guardrails.fsm.facts import KINDS


def work_done(state: SessionState) -> WorkDone | None:
    """Return what was done; None for a run without a machine."""
    if state.phase is None:
        return None
    position, ledger = state.phase.position, state.phase.ledger
    here = PhaseVisit(
        phase=position.state,
        turns=ledger.turns - position.turns,
        calls=ledger.calls - position.calls,
    )
    legs = (
        PhaseVisit(phase=leg.state, turns=leg.turns, calls=leg.calls, left_by=leg.by)
        for leg in position.legs
    )
    return WorkDone(
        phases=(*legs, here),
        reads={str(kind): len(seen) for kind, seen in zip(KINDS, ledger.seen, strict=True) if seen},
        hypotheses=ledger.hypotheses,
        changes=tuple(_named(change.target) for change in ledger.changes),
        unchecked=tuple(_named(c.target) for c in ledger.changes if not c.checked),
        questions=tuple(question.text for question in state.questions),
    )


def _named(target: Target) -> str:
    parts = (target.namespace, target.kind, target.name)
    return "/".join(part for part in parts if part) or "something that its call does not name"
