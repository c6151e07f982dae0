"""The window: whole turns go, oldest first, when nothing smaller makes enough room.

What must reach the model stays whatever the budget: instructions, the task, what the guard said,
and the newest turns. Where turns went, one line says how many and which calls they made.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from guardrails.actions.facts.ledger import NOTHING_SEEN, Ledger
from guardrails.actions.facts.views import brief, wrong
from guardrails.hygiene.left import NOTE, Left, Removal, may_go, pointer_of
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.names import missing
from guardrails.hygiene.pairs import Turn, turns_of
from guardrails.hygiene.repeats import Cleaned
from guardrails.hygiene.tokens import AROUND, Measure, characters_of

Known = Callable[[], Ledger]
"""Gives what tools said; asked only when turns go, since results are read by then."""


def nothing_known() -> Ledger:
    """Return the ledger of a list that has none."""
    return NOTHING_SEEN


NOTE_SHARE = 0.15
"""Part of the room that the note may take; kept as soon as a turn goes."""
NOTE_LEAST, NOTE_MOST = 400, 6_000
"""Characters between which the note's room is."""
NAMED = 12
"""Kinds of calls named in the note."""


def windowed(
    messages: Sequence[Message],
    *,
    tokens: int,
    recent: int,
    measure: Measure,
    memo: Memo,
    ledger: Known = nothing_known,
) -> Cleaned:
    """Leave out the oldest turns until the rest fits.

    Args:
        messages: In order, with their pairs whole.
        tokens: Room for them.
        recent: Turns from the end that stay.
        measure: How many tokens a text is.
        memo: Remembers which names a text has.
        ledger: What tools said; of what was wrong and still is, the note tells what went with the
            turns.
    """
    messages = tuple(messages)
    if characters_of(messages) <= measure.characters(tokens, messages=len(messages)):
        return Cleaned(messages)
    room = note_room(tokens, measure)
    turns = turns_of(messages)
    stays = [turn.pinned or not may_go(turn.head) for turn in turns]
    newest = [at for at, stay in enumerate(stays) if not stay]
    for at in newest[max(0, len(newest) - recent) :]:
        stays[at] = True
    costs = [_cost(turn, measure) for turn in turns]
    total, gone = sum(costs), 0
    for at, cost in enumerate(costs):
        if total + (measure.tokens(room) if gone else 0) <= tokens:
            break
        if not stays[at]:
            total -= cost
            gone = at + 1
    left_out = [turn for at, turn in enumerate(turns[:gone]) if not stays[at]]
    kept = [turn for at, turn in enumerate(turns) if stays[at] or at >= gone]
    return _noted(kept, left_out, room=room, memo=memo, ledger=ledger)


def note_room(tokens: int, measure: Measure) -> int:
    """Return the most characters of the note."""
    share = int(tokens * measure.per_token * NOTE_SHARE)
    return min(NOTE_MOST, max(NOTE_LEAST, share))


def _cost(turn: Turn, measure: Measure) -> int:
    characters = characters_of(turn.messages)
    return int(characters / measure.per_token) + 1 + AROUND * len(turn.messages)


def _noted(
    kept: Sequence[Turn], left_out: Sequence[Turn], *, room: int, memo: Memo, ledger: Known
) -> Cleaned:
    messages = tuple(message for turn in kept for message in turn.messages)
    if not left_out:
        return Cleaned(messages)
    text = _note(left_out, messages, room=room, memo=memo, ledger=ledger)
    note = Message(role=Role.USER, text=text, pinned=True)
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


def _note(
    left_out: Sequence[Turn],
    kept: Sequence[Message],
    *,
    room: int,
    memo: Memo,
    ledger: Known,
) -> str:
    """Say how many turns are gone, what they called, what they showed, and which names they had."""
    messages = [message for turn in left_out for message in turn.messages]
    calls = Counter(call.tool for message in messages for call in message.calls)
    named = ", ".join(f"{tool} ({n})" for tool, n in calls.most_common(NAMED))
    said = f"{NOTE}{len(left_out)} earlier turns for want of room"
    said += f"; calls: {named}"[: room // 2] if named else ""
    said += _wrong_in(messages, ledger, room=room // 3)
    texts = [t for m in messages for t in (m.text, *(call.arguments for call in m.calls)) if t]
    room -= len(said) + len(_ALSO) + 1
    told: list[str] = []
    for _, name in missing(dict(enumerate(texts)), kept, memo=memo):
        room -= len(name) + 2
        if room < 0:
            break
        told.append(name)
    return f"{said}{_ALSO}{', '.join(told)}]" if told else f"{said}]"


def _wrong_in(messages: Sequence[Message], ledger: Known, *, room: int) -> str:
    """Tell what of the results was wrong, is not known to have changed, and was not seen since."""
    gone = {message.call_id for message in messages if message.role is Role.TOOL}
    facts = [fact for fact in wrong(ledger()) if fact.call_id in gone]
    told = brief(facts, room=room - len(_WRONG)) if facts else ""
    return f"{_WRONG}{told.replace(chr(10), '; ')}" if told else ""


_WRONG = "; what they showed to be wrong: "
_ALSO = "; named in them are "
