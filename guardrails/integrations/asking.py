"""Putting a run's questions to a person: by LangGraph's `interrupt()`, or the program's own way.

The interrupt's value has the shape that LangChain's human-in-the-loop middleware, LangGraph's
inboxes and kagent's executor read (`action_requests`), and carries question and candidates plainly
beside it. Whatever of the usual shapes comes back is understood.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from langgraph.config import get_config
from langgraph.types import interrupt

from guardrails.core.questions import Question, described
from guardrails.engine import Guard, Session, words
from guardrails.engine.waiting import run_sync

ACTION = "clarify"
"""Name of the action that the interrupt asks for."""

_CHECKPOINTER = "__pregel_checkpointer"
"""Where LangGraph keeps the checkpointer of a run; without one an interrupt cannot be resumed."""

_GIVES_UP = frozenset({"ignore", "reject", "cancel"})
"""Types of a reply that answers nothing."""


def has_to_ask(session: Session) -> bool:
    """Tell whether a person must be asked before the run goes on."""
    state = session.state
    return bool(state.questions) and not (state.unanswered or state.shadow or state.ended)


async def ask(guard: Guard, session: Session) -> None:
    """Put every open question to whoever can be asked, once.

    Raises:
        GraphInterrupt: The graph stands still until somebody answers.
    """
    if not has_to_ask(session):
        return
    if guard.ask is None:
        _ask_by_interrupt(guard, session)
        return
    for question in session.state.questions:
        text = await guard.put(session, question)
        if text is None or not text.strip():
            guard.give_up_asking(session, detail="nobody answered")
            return
        guard.answer(session, question=question.id, text=text)


def ask_sync(guard: Guard, session: Session) -> None:
    """Do `ask` in synchronous code."""
    if not has_to_ask(session):
        return
    if guard.ask is None:
        _ask_by_interrupt(guard, session)
    else:
        run_sync(ask(guard, session))


def take(guard: Guard, session: Session, reply: object) -> None:
    """Take a reply to all open questions; what it leaves open is not asked again.

    A question that an answer brings up is another one, and is asked.
    """
    questions, asked_at = session.state.questions, session.state.last_at
    late = timedelta(seconds=session.rules.settings.fsm.answer_within)
    if asked_at is not None and guard.clock.now() - asked_at > late:
        guard.give_up_asking(session, detail="the answer came too late")
        return
    answers = answers_in(reply, questions) if reply is not None else {}
    for question in questions:
        if question.id in answers:
            guard.answer(session, question=question.id, text=answers[question.id])
    if len(answers) < len(questions):
        guard.give_up_asking(session, detail="not every question was answered")


def answers_told(session: Session) -> str:
    """Return what the model is told of the answers; nothing when none was given."""
    return words.answers(session.state.answered)


def payload_of(questions: Sequence[Question]) -> dict[str, Any]:
    """Return what the interrupt shows."""
    return {
        "action_requests": [
            {
                "id": question.id,
                "name": ACTION,
                "args": {
                    "question": question.text,
                    "why": question.why,
                    "candidates": [
                        {"id": one.id, "label": one.label} for one in question.candidates
                    ],
                },
                "description": described(question),
            }
            for question in questions
        ],
        "review_configs": [{"action_name": ACTION, "allowed_decisions": ["respond", "reject"]}],
    }


def answers_in(reply: object, questions: Sequence[Question]) -> dict[str, str]:
    """Read a reply, in any of the usual shapes.

    Args:
        reply: A text; a mapping of question id to text, alone or under `answers`; decisions as
            LangChain's human-in-the-loop middleware has them; responses as LangGraph's inbox does.
        questions: What was asked, in order.

    Returns:
        The answers by question id; a question without one is left out.
    """
    if isinstance(reply, str):
        return {questions[0].id: reply} if reply.strip() else {}
    if isinstance(reply, Mapping):
        fields = cast("Mapping[str, object]", reply)
        inner = fields.get("decisions", fields.get("answers"))
        if inner is not None:
            return answers_in(inner, questions)
        named = {q.id: text for q in questions if isinstance(text := fields.get(q.id), str)}
        return named or answers_in([fields], questions)
    if isinstance(reply, Sequence):
        texts = [_text_of(item) for item in cast("Sequence[object]", reply)]
        return {q.id: text for q, text in zip(questions, texts, strict=False) if text}
    return {}


def _text_of(item: object) -> str:
    if isinstance(item, str):
        return item
    fields = cast("Mapping[str, object]", item if isinstance(item, Mapping) else {})
    if fields.get("type") in _GIVES_UP:
        return ""
    for key in ("message", "answer", "text", "choice", "args", "response"):
        value = fields.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping):
            return _text_of(cast("object", value))
    return ""


def _ask_by_interrupt(guard: Guard, session: Session) -> None:
    if not _can_be_resumed():
        guard.give_up_asking(session, detail="the graph has no checkpointer, so nobody can answer")
        return
    take(guard, session, interrupt(payload_of(session.state.questions)))


def _can_be_resumed() -> bool:
    try:
        configurable: Mapping[str, object] = get_config().get("configurable", {})
    except RuntimeError:  # outside of a graph
        return False
    return configurable.get(_CHECKPOINTER) is not None
