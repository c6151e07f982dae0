"""Results that a newer one stands in for: of the same call, or with the same words.

The newest stays, because it is the state that holds; what came before is a line that says where.
Errors stay: that a call failed once is a fact of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from guardrails.hygiene.left import Left, Removal, pointer_of
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Call, Message, Role

SHORTEST = 200
"""Characters of a result below which a pointer would save nothing worth a second look."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Messages, and what was left out of them."""

    messages: tuple[Message, ...]
    removals: tuple[Removal, ...] = ()


def without_repeats(
    messages: Sequence[Message], *, memo: Memo | None = None, recall: bool = True
) -> Cleaned:
    """Put a line in place of each result that a later one stands in for.

    Args:
        messages: In order, with their pairs whole.
        memo: Remembers arguments that were read.
        recall: Whether the model can ask for what was left out.
    """
    ordered = (memo or Memo()).once("ordered", _sorted)
    calls = {call.call_id: call for message in messages for call in message.calls}
    newest_of: dict[str, int] = {}
    newest_text: dict[str, int] = {}
    found: list[Message] = []
    removals: list[Removal] = []
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        removal = None
        if message.role is Role.TOOL and not message.error:
            signature = _signature(calls.get(message.call_id), message, ordered)
            again, same = newest_of.get(signature), newest_text.get(message.text)
            removal = _removal(message, again, same, recall=recall)
            newest_of.setdefault(signature, place)
            newest_text.setdefault(message.text, place)
        if removal is None:
            found.append(message)
        else:
            removals.append(removal)
            found.append(replace(message, text=removal.said))
    return Cleaned(tuple(reversed(found)), tuple(reversed(removals)))


def _removal(
    message: Message, again: int | None, same: int | None, *, recall: bool
) -> Removal | None:
    if message.pinned or len(message.text) < SHORTEST or (again is None and same is None):
        return None
    pointer = pointer_of(message)
    if same is not None:
        why, words = Left.IDENTICAL, "a later result says the same"
    else:
        why, words = (
            Left.REPEATED,
            "the same call was made again later, and its result stands there",
        )
    asked = f'; recall("{pointer}") shows this one' if recall and pointer and same is None else ""
    said = f"[left out: {words}{asked}]"
    return Removal(
        why=why,
        at=message.at,
        pointer=pointer,
        characters=len(message.text) - len(said),
        said=said,
    )


def _signature(call: Call | None, message: Message, ordered: Callable[[str], str]) -> str:
    """Return what two calls have in common when they ask the same; a lone result is its own."""
    if call is None:
        return f"\0{message.call_id}"
    return f"{call.tool}\0{ordered(call.arguments)}"


def _sorted(arguments: str) -> str:
    """Write arguments with their keys in order, so that their order makes no other call."""
    try:
        decoded: object = msgspec.json.decode(arguments.encode())
        return msgspec.json.encode(decoded, order="deterministic").decode()
    except (msgspec.DecodeError, UnicodeEncodeError):
        return arguments
