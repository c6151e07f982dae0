"""What models are sent: the history through the run's filters; and a tool that shows the rest.

`create_agent` gets both from the middleware. A graph of one's own puts `clean_context` before its
model.
"""

import operator
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, cast

from langchain_core.messages import AnyMessage, BaseMessage, ToolMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langgraph.prebuilt import InjectedState

from guardrails.core.events import ContextFiltered
from guardrails.engine import Guard, Session, SessionKey
from guardrails.hygiene.compression.compress import compressed
from guardrails.hygiene.redact import redacted
from guardrails.hygiene.tokens import characters_of
from guardrails.integrations.context import LangChainShape
from guardrails.integrations.standing import stand_at_tool

RECALL = "recall"
"""Name of the tool that shows a result again."""

CLEAN = "clean_context"
SHOWN = 20_000
"""Characters of a result that is shown again; a longer one comes compressed."""

_SHAPE = LangChainShape()


def to_send(
    session: Session, messages: Sequence[BaseMessage], *, agent: str = ""
) -> list[AnyMessage] | None:
    """Return what a model is sent in place of its history; None when that is the history itself."""
    read = _SHAPE.read(messages)
    back = {str(one.call_id): one.reason for one in session.state.early.taken_back}
    found = session.context.cleaned(read, agent=agent, taken_back=back)
    sent = _SHAPE.write(messages, found.messages)
    if len(sent) == len(messages) and all(map(operator.is_, sent, messages)):
        return None
    if found.removals:
        left = Counter(str(removal.why) for removal in found.removals)
        before, after = characters_of(read), characters_of(found.messages)
        session.observe(ContextFiltered(before=before, after=after, left=dict(left)), agent=agent)
    return sent


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
        sent = to_send(standing.session, messages, agent=standing.agent)
        return cast("list[AnyMessage]", list(messages)) if sent is None else sent

    return RunnableLambda(clean, name=CLEAN)


@tool(RECALL)
def recall(pointer: str, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Show a tool result again that was left out, by the id given in its place."""
    for message in cast("Sequence[object]", state.get("messages") or ()):
        if isinstance(message, ToolMessage) and message.tool_call_id == pointer:
            text = redacted(message.text)
            return text if len(text) <= SHOWN else compressed(text, limit=SHOWN).text
    return f"There is no result {pointer!r}. Make the call again if you need what it shows."
