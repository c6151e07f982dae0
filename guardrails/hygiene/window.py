"""The window: whole turns go, oldest first, when nothing smaller makes enough room.

What must reach the model stays whatever the budget: instructions, the task, what the guard said,
and the newest turns. Where turns went, one line says how many and which calls they made.
"""

from collections import Counter
from collections.abc import Sequence

from guardrails.hygiene.compression.mentions import mentions_left_out
from guardrails.hygiene.left import Left, Removal, pointer_of
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.pairs import Turn, turns_of
from guardrails.hygiene.repeats import Cleaned
from guardrails.hygiene.tokens import AROUND, Measure, characters_of

NOTE = "[left out: "
"""Begins the line that stands where turns went."""
NOTE_CHARACTERS = 1_200
"""Most characters of the note; room for it is kept as soon as a turn goes."""
NAMED = 12
"""Kinds of calls named in the note."""


def windowed(messages: Sequence[Message], *, tokens: int, recent: int, measure: Measure) -> Cleaned:
    """Leave out the oldest turns until the rest fits.

    Args:
        messages: In order; pairs are mended on the way.
        tokens: Room for them.
        recent: Turns from the end that stay.
        measure: How many tokens a text is.
    """
    turns = turns_of(messages)
    stays = [
        turn.pinned or turn.head.role is Role.SYSTEM or turn.head.text.startswith(NOTE)
        for turn in turns
    ]
    newest = [at for at, stay in enumerate(stays) if not stay]
    for at in newest[max(0, len(newest) - recent) :]:
        stays[at] = True
    costs = [_cost(turn, measure) for turn in turns]
    total, gone = sum(costs), 0
    for at, cost in enumerate(costs):
        if total + (measure.tokens(NOTE_CHARACTERS) if gone else 0) <= tokens:
            break
        if not stays[at]:
            total -= cost
            gone = at + 1
    left_out = [turn for at, turn in enumerate(turns[:gone]) if not stays[at]]
    kept = [turn for at, turn in enumerate(turns) if stays[at] or at >= gone]
    return _noted(kept, left_out)


def _cost(turn: Turn, measure: Measure) -> int:
    characters = characters_of(turn.messages)
    return int(characters / measure.per_token) + 1 + AROUND * len(turn.messages)


def _noted(kept: Sequence[Turn], left_out: Sequence[Turn]) -> Cleaned:
    messages = tuple(message for turn in kept for message in turn.messages)
    if not left_out:
        return Cleaned(messages)
    shown = "\n".join(message.text for message in messages)
    note = Message(role=Role.USER, text=_note(left_out, shown), pinned=True)
    first = left_out[0].head.at
    # Behind the task, which is the first that the user says.
    task = next((t.head.at for t in kept if t.head.role is Role.USER and t.pinned), -1)
    before = sum(len(t.messages) for t in kept if t.head.at <= max(first, task))
    removals = tuple(
        Removal(
            why=Left.WINDOW,
            at=message.at,
            pointer=pointer_of(message) if message.role is Role.TOOL else "",
            characters=characters_of((message,)),
        )
        for turn in left_out
        for message in turn.messages
    )
    return Cleaned((*messages[:before], note, *messages[before:]), removals)


def _note(left_out: Sequence[Turn], shown: str) -> str:
    """Say how many turns are gone, what they called, and which names and values stood in them."""
    messages = [message for turn in left_out for message in turn.messages]
    calls = Counter(call.tool for message in messages for call in message.calls)
    named = ", ".join(f"{tool} ({n})" for tool, n in calls.most_common(NAMED))
    said = f"{NOTE}{len(left_out)} earlier turns for want of room"
    said += f"; calls: {named}"[: NOTE_CHARACTERS // 2] if named else ""
    text = "\n".join(message.text for message in messages)
    room = NOTE_CHARACTERS - len(said) - len(_ALSO) - 1
    mentions = mentions_left_out(text, shown, room=room)
    return f"{said}{_ALSO}{mentions}]" if mentions else f"{said}]"


_ALSO = "; named in them are "
