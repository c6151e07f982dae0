"""How a run goes on or ends: accepted, ended, refused, or held until the gate has looked.

Only `accept` gives an outcome that counts as success, and whoever calls it has a passing report.
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Goal
from guardrails.core.outcome import Outcome
from guardrails.engine import phases, words
from guardrails.engine.budgets import spent_budget
from guardrails.engine.rules import Rules
from guardrails.engine.state import Ending, SessionState

replace = msgspec.structs.replace

Step = tuple[SessionState, Decision]

FINALS = {"unresolved": Outcome.UNRESOLVED, "escalated": Outcome.ESCALATED}
"""What a final state of a machine comes to, where the gate has not passed."""


def accept(state: SessionState, quiet: Decision, said: str) -> Step:
    """End a run whose claim passed, as resolved or diagnosed."""
    goal = state.incident.goal if state.incident else Goal.MITIGATION
    diagnosed = state.claim.kind is ClaimKind.DIAGNOSED if state.claim else goal is Goal.DIAGNOSIS
    outcome = Outcome.DIAGNOSED if diagnosed else Outcome.RESOLVED
    ended = replace(state, outcome=outcome, reason=Reason.GATE_PASSED, detail=said)
    return ended, replace(
        quiet, next=Next.END, outcome=outcome, reason=Reason.GATE_PASSED, to_person=said
    )


def end_run(
    state: SessionState, quiet: Decision, outcome: Outcome, reason: Reason, said: str
) -> Step:
    """End a run with an outcome that claims no success."""
    escalates = outcome in {Outcome.ESCALATED, Outcome.UNVERIFIABLE}
    ended = replace(state, outcome=outcome, reason=reason, detail=said, ending=None)
    return ended, replace(
        quiet,
        verdict=Verdict.ESCALATE if escalates else Verdict.DENY,
        action=EnforcedAction.ESCALATE if escalates else EnforcedAction.BLOCK,
        next=Next.END,
        reason=reason,
        to_person=said,
        outcome=outcome,
    )


def refuse(
    state: SessionState, rules: Rules, quiet: Decision, reason: Reason, to_model: str
) -> Step:
    """Send the agent back with words; when that was done too often, the run ends."""
    settings = rules.settings
    if settings.mode == "shadow":
        return end_run(state, quiet, Outcome.UNRESOLVED, reason, "would have been refused")
    exhausted = spent_budget(state, rules, turns_ahead=1)
    if exhausted is not None:
        # Who is sent back takes another turn, and there is none left.
        outcome, _ = without_appeal(state.report)
        return end_run(state, quiet, outcome, *exhausted)
    spent, limit = state.refusals, settings.budgets.refusals
    if spent >= limit:
        outcome, _ = without_appeal(state.report)
        said = words.budget_spent(Reason.BUDGET_REFUSALS, spent=spent, limit=limit)
        return end_run(state, quiet, outcome, Reason.BUDGET_REFUSALS, said)
    refused = phases.refused(replace(state, refusals=spent + 1, progressed=False), rules)
    return refused, replace(
        refusal(quiet, reason, to_model), to_person=f"end refused ({spent + 1} of {limit})"
    )


def refusal(quiet: Decision, reason: Reason, to_model: str) -> Decision:
    """Return a decision that holds a call or an end back, with words for the model."""
    return replace(
        quiet,
        verdict=Verdict.DENY,
        action=EnforcedAction.BLOCK,
        reason=reason,
        to_model=to_model,
    )


def verify(state: SessionState, quiet: Decision, ending: Ending, *, wait: bool) -> Step:
    """Have the gate judge an end."""
    decision = replace(quiet, next=Next.VERIFY, reason=Reason.CLAIM_HELD, wait=wait)
    return replace(state, ending=ending), decision


def without_appeal(report: GateReport | None) -> tuple[Outcome, Reason]:
    """Return the outcome of a run that gets no further chance."""
    match report.verdict if report else None:
        case GateVerdict.FAIL:
            return Outcome.UNRESOLVED, Reason.GATE_FAILED
        case GateVerdict.PENDING:
            return Outcome.UNVERIFIABLE, Reason.GATE_PENDING
        case GateVerdict.UNKNOWN:
            return Outcome.ESCALATED, Reason.GATE_UNKNOWN
        case GateVerdict.PASS | None:
            return Outcome.ESCALATED, Reason.NO_PROGRESS


def has_passed(state: SessionState) -> bool:
    """Tell whether the gate's last word was a pass. A machine cannot say so by itself."""
    return state.report is not None and state.report.verdict is GateVerdict.PASS


def unwatched(state: SessionState) -> SessionState:
    """End the watch. Its time is not the agent's: budgets count it as a pause."""
    now, since = state.last_at, state.watched_since
    spent = (now - since).total_seconds() if now and since else 0.0
    return replace(
        state, ending=None, watched_since=None, paused_seconds=state.paused_seconds + spent
    )
