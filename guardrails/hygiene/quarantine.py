"""Steps that were taken back: no history holds them any more, only a line that says why.

One wrong step in the context is repeated and built upon, so a turn of wrong calls goes as a whole,
its words too. Calls beside a wrong one really ran: they stay with their results, and only the wrong
one leaves the turn. What a model is sent and what a graph keeps follow this one rule. The trace
keeps everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from guardrails.hygiene.left import TAKEN_BACK, Left, Removal
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.pairs import Turn, turns_of
from guardrails.hygiene.repeats import Cleaned


def without_quarantined(messages: Sequence[Message], reasons: Mapping[str, str]) -> Cleaned:
    """Leave out every call that was taken back, and every turn that has no other.

    Args:
        messages: In order; pairs are mended on the way.
        reasons: Why, by the id of the call.
    """
    if not reasons:
        return Cleaned(tuple(messages))
    found: list[Message] = []
    removals: list[Removal] = []
    last: int | None = None  # of several steps in a row the last line says what counts
    for turn in turns_of(messages):
        why = next((reasons[c.call_id] for c in turn.head.calls if c.call_id in reasons), None)
        if why is None:
            found += turn.messages
            last = _note_at(found, last, turn.head)
            continue
        if last is not None:
            del found[last]
        kept = _kept(turn, reasons)
        found += [*kept, Message(role=Role.USER, text=f"{TAKEN_BACK}{why}]", pinned=True)]
        last = len(found) - 1
        removals += _removals(turn, kept)
    return Cleaned(tuple(found), tuple(removals))


def _note_at(found: Sequence[Message], last: int | None, head: Message) -> int | None:
    """Return the place of the line that the next step in a row would take the place of."""
    if head.role is Role.USER and head.text.startswith(TAKEN_BACK):
        return len(found) - 1
    return None if head.role is Role.ASSISTANT else last


def _kept(turn: Turn, reasons: Mapping[str, str]) -> tuple[Message, ...]:
    """Return what is left of a turn: the calls that were not taken back, with their results."""
    calls = tuple(call for call in turn.head.calls if call.call_id not in reasons)
    if not calls:
        return ()
    results = (m for m in turn.messages[1:] if m.call_id not in reasons)
    return (replace(turn.head, calls=calls), *results)


def _removals(turn: Turn, kept: Sequence[Message]) -> list[Removal]:
    stays = {id(message) for message in kept}
    return [
        Removal(why=Left.TAKEN_BACK, at=message.at, characters=message.size)
        for message in turn.messages
        if id(message) not in stays and not (kept and message is turn.head)
    ]
