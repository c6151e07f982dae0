"""What is decided while nobody can decide: never more than the run's own rules would allow.

The rules are known from the run's first event, so budgets and phases hold on. Beyond them no call
runs that may change something, and no end is accepted.
"""

import msgspec

from guardrails.actions.classify import classify
from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import AnyFact, ToolRequested
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import Effect
from guardrails.engine import Rules, SessionState
from guardrails.engine.endings import end_run
from guardrails.sidecar.client.endpoint import Unreachable

replace = msgspec.structs.replace

NOT_NOW = (
    "Not run: nothing can be changed just now, because the check before each change does not "
    "answer. Look further with calls that only read, and try this again later."
)
NOTHING_NOW = (
    "Not run: no call can be made just now, because the check before each call does not answer. "
    "Try it again later."
)
NOT_CONFIRMED = "Your conclusion could not be checked. The task is closed without confirmation."


def meanwhile(
    fact: AnyFact, ruled: Decision, *, rules: Rules, block: Unreachable, why: str
) -> Decision:
    """Return the decision on a fact that the service could not be told.

    Args:
        fact: What happened.
        ruled: What the run's rules make of it here.
        rules: Those.
        block: What may not run.
        why: For the person.
    """
    if not isinstance(fact, ToolRequested) or ruled.blocked or ruled.next is not Next.CONTINUE:
        return ruled
    action = ruled.tool_action or classify(
        fact.tool, fact.arguments, annotations=fact.annotations, rules=rules.tool_rules
    )
    if block == "block_writes" and action.effect is Effect.READ and action.understood:
        return ruled
    shadow = rules.settings.mode == "shadow"
    return replace(
        ruled,
        verdict=Verdict.DENY,
        action=EnforcedAction.ALLOW if shadow else EnforcedAction.BLOCK,
        reason=Reason.UNREACHABLE,
        to_model=NOT_NOW if block == "block_writes" else NOTHING_NOW,
        to_person=why,
        tool_action=action,
        shadow=shadow,
    )


def given_up(state: SessionState, *, why: str) -> tuple[SessionState, Decision]:
    """End a run whose end nobody judged: it is proved neither way, and a person has to look."""
    quiet = Decision(run=state.run, seq=state.seq)
    ended, decision = end_run(state, quiet, Outcome.UNVERIFIABLE, Reason.UNREACHABLE, why)
    decision = replace(decision, to_model=NOT_CONFIRMED, shadow=state.shadow)
    return ended, replace(decision, action=EnforcedAction.ALLOW) if state.shadow else decision
