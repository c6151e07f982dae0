"""Calls and their results, which never part.

Providers refuse a list in which a result answers no call or a call has no result. So whatever is
left out is left out as a turn, and lists that come in broken are mended.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from guardrails.hygiene.messages import Message, Role

NO_RESULT = "There is no result of this call."
"""Stands where a call was never answered: it was cut off, or its answer was lost on the way."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Messages that stay or go together: an assistant's with its results, or a single one."""

    messages: tuple[Message, ...]

    @property
    def head(self) -> Message:
        """The first message."""
        return self.messages[0]

    @property
    def pinned(self) -> bool:
        """Whether any of it must stay."""
        return any(message.pinned for message in self.messages)


def paired(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return the messages with every call answered once, right behind it, and no stray result.

    A result that answers no call is dropped, a second one of the same call too. A call that nobody
    answered is given a result that says so. Results follow their calls' order.

    >>> from guardrails.hygiene.messages import Call
    >>> call = Call(call_id="1", tool="kubectl")
    >>> [m.text for m in paired([Message(role=Role.ASSISTANT, calls=(call,))])]
    ['', 'There is no result of this call.']
    """
    messages = tuple(messages)
    if _is_paired(messages):
        return messages
    return tuple(message for turn in turns_of(messages) for message in turn.messages)


def _is_paired(messages: Sequence[Message]) -> bool:
    """Tell whether nothing is to be mended, as in nearly every list that comes in."""
    following = iter(messages)
    for message in following:
        if message.role is Role.TOOL:
            return False
        for call in message.calls:
            answer = next(following, None)
            if answer is None or answer.role is not Role.TOOL or answer.call_id != call.call_id:
                return False
        if len(message.calls) > 1 and _distinct(message) is not message:
            return False
    return True


def turns_of(messages: Iterable[Message]) -> tuple[Turn, ...]:
    """Split messages into turns, mending pairs as `paired` says."""
    return tuple(_turns(tuple(messages)))


def _turns(messages: Sequence[Message]) -> Iterator[Turn]:
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        if message.role is Role.TOOL:
            continue  # a stray one: those that answer a call are taken with it
        if not message.calls:
            yield Turn((message,))
            continue
        answers, rest, at = _answers(messages, at)
        head = _distinct(message)
        results = tuple(
            answers.get(call.call_id)
            or Message(role=Role.TOOL, text=NO_RESULT, call_id=call.call_id, tool=call.tool)
            for call in head.calls
        )
        yield Turn((head, *results))
        yield from (Turn((other,)) for other in rest)


def _answers(messages: Sequence[Message], at: int) -> tuple[dict[str, Message], list[Message], int]:
    """Collect the results up to the next assistant message, and what stands between them.

    Guards and people may write in between; their words come behind the results.
    """
    answers: dict[str, Message] = {}
    between: list[Message] = []
    while at < len(messages) and messages[at].role is not Role.ASSISTANT:
        message = messages[at]
        if message.role is Role.TOOL:
            answers.setdefault(message.call_id, message)
        else:
            between.append(message)
        at += 1
    return answers, between, at


def _distinct(message: Message) -> Message:
    """Give a message each call's id once: the last that was written, in the first one's place."""
    calls = {call.call_id: call for call in message.calls}
    if len(calls) == len(message.calls):
        return message
    return replace(message, calls=tuple(calls.values()))
