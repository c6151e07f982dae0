"""Answers of people who are asked at the service, whose operators see the question too."""

import asyncio
from typing import Final

from guardrails.core.questions import Answer, Question
from guardrails.engine import Session
from guardrails.errors import UnreachableError
from guardrails.sidecar.client.session import RemoteSession

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for an answer; who waits for a person does not notice more."""


async def at_service(question: Question) -> str | None:
    """Ask nobody here: whoever answers at the service is waited for.

    Give it to a `RemoteGuard` as `ask`. The agent's token needs no more than the role `agent` then.

    Args:
        question: What is asked; the service shows it under `/v1/sessions/RUN/questions`.
    """
    del question
    await asyncio.Event().wait()  # until the guard has an answer, or the time is over
    return None


async def answered_at_service(session: RemoteSession, question: str) -> str | None:
    """Wait for an answer that is given at the service.

    Args:
        session: The run.
        question: Id of the question.

    Returns:
        The answer; None when the run goes on without one.

    Raises:
        ServiceError: The service does not have the run any more, or the token is not accepted.
    """
    while True:
        state = session.state
        given = given_answer(session, question)
        if given is not None:
            return given.text
        if state.ended or state.unanswered or all(one.id != question for one in state.questions):
            return None
        await asyncio.sleep(LOOK_EVERY)
        try:
            await asyncio.to_thread(session.deliver)
        except UnreachableError:
            continue  # an answer waits in the store until the service is back


def given_answer(session: Session, question: str) -> Answer | None:
    """Return the answer to a question, as far as it is known here."""
    return next((one for one in session.state.answered if one.question == question), None)
