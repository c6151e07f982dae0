"""Filters that need one message alone: what is in its texts does not depend on the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from guardrails.hygiene.instructions import labelled
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Call, Message, Role
from guardrails.hygiene.plain import plain
from guardrails.hygiene.redact import redacted
from guardrails.policy.models import FilterName

Change = Callable[[str], str]


def with_texts(
    messages: Sequence[Message],
    filters: Sequence[FilterName],
    *,
    memo: Memo,
    redact: Change = redacted,
) -> tuple[Message, ...]:
    """Return messages with their texts through filters; the same object where none changed one.

    Args:
        messages: In order.
        filters: Names in `TEXT_FILTERS`, in their order.
        memo: Remembers messages, and texts where the same message is read again.
        redact: Hides the secrets of a text.
    """
    steps = [TEXT_FILTERS[name](memo, redact) for name in filters]

    def through(message: Message) -> Message:
        for step in steps:
            message = step(message)
        return message

    return tuple(map(memo.once_each("|".join(filters), through), messages))


Filter = Callable[[Memo, Change], Callable[[Message], Message]]
"""Made of what is remembered, and of what hides secrets."""


def _plain(memo: Memo, redact: Change) -> Callable[[Message], Message]:
    del redact
    change = memo.once("plain", plain)
    return lambda message: _result(message, change)


def _redact(memo: Memo, redact: Change) -> Callable[[Message], Message]:
    """Hide secrets in every text: what is said, thought, called with, and returned."""
    change = memo.once("redact", redact)
    return lambda message: _all(message, change)


def _label(memo: Memo, redact: Change) -> Callable[[Message], Message]:
    del redact
    change = memo.once("label", labelled)
    return lambda message: _result(message, change)


TEXT_FILTERS: Mapping[FilterName, Filter] = {
    "plain": _plain,
    "redact": _redact,
    "label": _label,
}


def _result(message: Message, change: Change) -> Message:
    if message.role is not Role.TOOL:
        return message
    text = change(message.text)
    return message if text is message.text else replace(message, text=text)


def _all(message: Message, change: Change) -> Message:
    text, reasoning = change(message.text), change(message.reasoning)
    calls = tuple(_call(call, change) for call in message.calls)
    same = all(one is other for one, other in zip(calls, message.calls, strict=True))
    if text is message.text and reasoning is message.reasoning and same:
        return message
    return replace(message, text=text, reasoning=reasoning, calls=calls)


def _call(call: Call, change: Change) -> Call:
    arguments = change(call.arguments)
    return call if arguments is call.arguments else replace(call, arguments=arguments)
