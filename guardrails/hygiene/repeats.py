"""Results that a newer one stands in for: of the same call, or with the same words.

The newest stays, because it is the state that holds; what came before is a line that says where.
Errors stay: that a call failed once is a fact of its own.
"""

from collections.abc import Sequence
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
    memo = memo or Memo()
    ordered = memo.once("ordered", _sorted)

    def signature_of(call: Call) -> str:
        """Return what two calls have in common when they ask the same."""
        return f"{call.tool}\0{ordered(call.arguments)}"

    signed = memo.once_each("signature", signature_of)
    calls = {call.call_id: call for message in messages for call in message.calls}
    newest_of: dict[str, int] = {}
    newest_text: dict[str, int] = {}
    found: list[Message] = []
    removals: list[Removal] = []
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        removal = None
        if message.role is Role.TOOL and not message.error:
            call = calls.get(message.call_id)
            # A lone result is its own.
            signature = f"\0{message.call_id}" if call is None else signed(call)
            again = newest_of.setdefault(signature, place)
            same = newest_text.setdefault(message.text, place)
            if again != place or same != place:
                removal = _removal(message, says_the_same=same != place, recall=recall)
        if removal is None:
            found.append(message)
        else:
            removals.append(removal)
            found.append(replace(message, text=removal.said))
    return Cleaned(tuple(reversed(found)), tuple(reversed(removals)))


def _removal(message: Message, *, says_the_same: bool, recall: bool) -> Removal | None:
    if message.pinned or len(message.text) < SHORTEST:
        return None
    pointer = pointer_of(message)
    if says_the_same:
        why, words = Left.IDENTICAL, "a later result says the same"
    else:
        why, words = (
            Left.REPEATED,
            "the same call was made again later, and its result stands there",
        )
    asked = (
        f'; recall("{pointer}") shows this one' if recall and pointer and not says_the_same else ""
    )
    said = f"[left out: {words}{asked}]"
    return Removal(
        why=why,
        at=message.at,
        pointer=pointer,
        characters=len(message.text) - len(said),
        said=said,
    )


def _sorted(arguments: str) -> str:
    """Write arguments with their keys in order, so that their order makes no other call."""
    try:
        decoded: object = msgspec.json.decode(arguments.encode())
        return msgspec.json.encode(decoded, order="deterministic").decode()
    except (msgspec.DecodeError, UnicodeEncodeError):
        return arguments
