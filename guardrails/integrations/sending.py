"""What models are sent: the history through the run's filters.

`create_agent` gets it from the middleware. A graph of one's own puts `clean_context` before its
model, and `recall` among its tools.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from langchain_core.messages import AnyMessage, BaseMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableLambda

from guardrails.core.events import ContextFiltered
from guardrails.engine import Guard, Session, SessionKey
from guardrails.engine.reading import read_up
from guardrails.hygiene.left import Left
from guardrails.hygiene.sent import sent
from guardrails.integrations.context import LangChainShape
from guardrails.integrations.recalling import note_history
from guardrails.integrations.standing import stand_at_tool

CLEAN = "clean_context"


def to_send(
    session: Session, messages: Sequence[BaseMessage], *, agent: str = ""
) -> list[AnyMessage] | None:
    """Return what a model is sent in place of its history; None when that is the history itself.

    In shadow mode what would be left out is recorded, and the history is sent as it is.
    """
    shape = LangChainShape(session.context.memo)
    note_history(session, messages, agent=agent)
    state = session.state
    back = {str(one.call_id): one.reason for one in state.early.taken_back}
    found = sent(
        shape,
        messages,
        context=session.context,
        agent=agent,
        taken_back=back,
        ledger=lambda: read_up(state).ledger,
    )
    if not found.changed:
        return None
    if found.removals:
        left = Counter(str(removal.why) for removal in found.removals)
        if Left.WINDOW in left:
            session.read_up()  # the next request asks again, for what is new
        fact = ContextFiltered(before=found.before, after=found.after, left=dict(left))
        session.observe(fact, agent=agent)
    return None if session.state.shadow else cast("list[AnyMessage]", found.messages)


def clean_context(*, using: Guard | None = None) -> Runnable[Any, list[AnyMessage]]:
    """Return a runnable that cleans a history, to stand before a model.

    What comes in may be a list of messages or a prompt's value. Inside `guard(graph)` or
    `guarded-agent run` the run's own guard decides.

    Args:
        using: The guard for runs that nothing else guards.

    Example:
        >>> model = clean_context(using=guard) | init_chat_model("openai:gpt-5")  # doctest: +SKIP
    """
    spare = SessionKey(f"run-{uuid.uuid4().hex}")

    def clean(given: Sequence[BaseMessage] | PromptValue) -> list[AnyMessage]:
        messages = given.to_messages() if isinstance(given, PromptValue) else given
        standing = stand_at_tool(using, spare=spare, tool=CLEAN)
        cleaned = to_send(standing.session, messages, agent=standing.agent)
        return cast("list[AnyMessage]", list(messages)) if cleaned is None else cleaned

    return RunnableLambda(clean, name=CLEAN)
