"""Questions in a run: what is open, what an answer narrows, and what is held until then.

Nothing here asks anybody; adapters do. The engine holds every change back while a question is
open, whether the run has a machine or not.
"""

import msgspec

from guardrails.core.questions import Answer, Question, QuestionKind, narrowed
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.engine.state import SessionState

replace = msgspec.structs.replace

NOT_APPROVED = "read-only"
"""The answer that keeps a run from changing anything."""


def asked(state: SessionState, question: Question) -> SessionState:
    """Open a question, unless it was put before."""
    known = {one.id for one in state.questions} | {one.question for one in state.answered}
    if question.id in known:
        return state
    return replace(state, questions=(*state.questions, question))


def answered(state: SessionState, answer: Answer) -> SessionState:
    """Close a question and narrow the incident by what was said."""
    question = next((one for one in state.questions if one.id == answer.question), None)
    if question is None:
        return state
    state = replace(state, answered=(*state.answered, answer))
    if question.kind is QuestionKind.APPROVAL and answer.choice == NOT_APPROVED:
        return replace(state, unanswered=True)  # it stays open: nothing is changed in this run
    left = tuple(one for one in state.questions if one.id != question.id)
    incident = state.incident
    if incident is not None:
        incident = narrowed(incident, question, answer.choice)
    return replace(state, questions=left, incident=incident)


def holds(state: SessionState, action: ToolAction) -> bool:
    """Tell whether a call must wait for an answer."""
    changes = action.effect in {Effect.WRITE, Effect.DESTRUCTIVE}
    return bool(state.questions) and changes
