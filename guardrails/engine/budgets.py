"""What a run may spend, what of it is spent, and how a run is stopped."""

import msgspec

from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.engine import phases, words
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState

replace = msgspec.structs.replace


def within_budget(
    state: SessionState, rules: Rules, quiet: Decision
) -> tuple[SessionState, Decision]:
    """Let the run go on, or stop it: at the first budget that is spent, or as was decided."""
    spent = spent_budget(state, rules)
    if state.stop is None and spent is None:
        return state, quiet
    reason, said = spent or (state.stop or Reason.NONE, quiet.to_person or words.STOPPED)
    decision = replace(
        quiet,
        verdict=Verdict.ESCALATE,
        action=EnforcedAction.BLOCK,
        next=Next.STOP,
        reason=state.stop or reason,
        to_model=words.STOPPED,
        to_person=said,
    )
    return replace(state, stop=state.stop or reason), decision


def spent_budget(
    state: SessionState, rules: Rules, *, turns_ahead: int = 0
) -> tuple[Reason, str] | None:
    """Return the first budget that is spent, with a sentence for the operator.

    Args:
        state: Of the run.
        rules: What it may spend; a machine may set less than the policy.
        turns_ahead: Turns that would be taken if the run went on.
    """
    budgets, own = rules.settings.budgets, phases.budget_of(state, rules)
    now = state.last_at
    elapsed = state.elapsed_seconds(now) if now else 0.0
    tokens = state.input_tokens + state.output_tokens
    steps = min(budgets.steps, own.turns or budgets.steps)
    calls = min(budgets.tool_calls, own.calls or budgets.tool_calls)
    limits = (
        (Reason.BUDGET_STEPS, state.step, turns_ahead, steps),
        (Reason.BUDGET_TOOL_CALLS, state.tool_calls, 0, calls),
        (Reason.BUDGET_TOKENS, tokens, 0, budgets.tokens),
        (Reason.BUDGET_WALL_TIME, elapsed, 0, budgets.wall_time),
    )
    for reason, spent, ahead, limit in limits:
        if limit is not None and spent + ahead > limit:
            return reason, words.budget_spent(reason, spent=spent, limit=limit)
    return None
