"""What a model is sent in place of a list of messages, in the list's own form.

Adapters hand in their framework's messages with its shape; `sent_chat` is for plain lists as
`/v1/chat/completions` takes them, for whoever has no framework: a proxy, or a loop of one's own.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from guardrails.hygiene.compression.compress import compressed
from guardrails.hygiene.context import Context
from guardrails.hygiene.left import Removal
from guardrails.hygiene.messages import M, Message, Role, Shape
from guardrails.hygiene.redact import redacted
from guardrails.hygiene.shapes.blocks import Json
from guardrails.hygiene.shapes.openai import OpenAIShape
from guardrails.hygiene.tokens import characters_of
from guardrails.hygiene.window import Known, nothing_known

SHOWN_AGAIN = 20_000
"""Characters of a result that is shown again; a longer one comes compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(Generic[M]):
    """A list of messages after the filters."""

    messages: list[M]
    changed: bool
    """False when each message is the very object that came in."""
    removals: tuple[Removal, ...]
    """What was left out, and why."""
    before: int
    """Characters that came in."""
    after: int
    """Characters that are sent."""


def sent(
    shape: Shape[M],
    messages: Sequence[M],
    *,
    context: Context,
    agent: str = "",
    taken_back: Mapping[str, str] | None = None,
    ledger: Known = nothing_known,
    recall: bool = True,
) -> Sent[M]:
    """Put a list of messages through the filters of a run.

    Args:
        shape: How its messages are read and written.
        messages: The whole history. It and its members stay as they are.
        context: Of the run; it remembers what filters made, so keep one for each run.
        agent: Who sends them, where a run has several.
        taken_back: Why, by the id of each call whose step was taken back.
        ledger: What tools said of objects.
        recall: Whether the model can ask for what was left out; it is told how, then.
    """
    read = shape.read(messages)
    found = context.cleaned(read, agent=agent, taken_back=taken_back, ledger=ledger, recall=recall)
    written = shape.write(messages, found.messages)
    same = len(written) == len(messages) and all(map(operator.is_, written, messages))
    return Sent(
        messages=written,
        changed=not same,
        removals=found.removals,
        before=characters_of(read),
        after=characters_of(found.messages),
    )


def sent_chat(
    messages: Sequence[Json],
    *,
    context: Context,
    agent: str = "",
    taken_back: Mapping[str, str] | None = None,
    ledger: Known = nothing_known,
) -> Sent[Json]:
    """Do `sent` for a list in OpenAI's form.

    >>> from guardrails.policy.models import HygieneSettings
    >>> found = sent_chat(
    ...     [{"role": "user", "content": "db_password=Tr0ub4dor&3xyz"}],
    ...     context=Context(HygieneSettings()),
    ... )
    >>> "Tr0ub4dor" in found.messages[0]["content"]
    False
    """
    return sent(_CHAT, messages, context=context, agent=agent, taken_back=taken_back, ledger=ledger)


_CHAT = OpenAIShape()


def shown_again(messages: Sequence[Message], pointer: str) -> str | None:
    """Return a result that was left out, as it may be shown; None if there is none.

    Args:
        messages: The whole history.
        pointer: The id that was given in its place.
    """
    for message in messages:
        if message.role is Role.TOOL and message.call_id == pointer:
            return again(message.text)
    return None


def again(text: str) -> str:
    """Return a result as it may be shown again: without secrets, and not longer than there is room.

    >>> again("web-1 Running")
    'web-1 Running'
    """
    text = redacted(text)
    return text if len(text) <= SHOWN_AGAIN else compressed(text, limit=SHOWN_AGAIN).text
