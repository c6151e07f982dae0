"""Steps that were taken back: the model is sent none of them, only a line that says why.

One wrong step in the context is repeated and built upon, so it goes as a whole, its words too. The
history and the trace keep it.
"""

from collections.abc import Mapping, Sequence

from guardrails.hygiene.left import Left, Removal
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.pairs import turns_of
from guardrails.hygiene.repeats import Cleaned
from guardrails.hygiene.tokens import size_of

TAKEN_BACK = "[taken back: "
"""Begins the line that stands where such a step was."""


def without_quarantined(messages: Sequence[Message], reasons: Mapping[str, str]) -> Cleaned:
    """Leave out every turn with a call that was taken back.

    Args:
        messages: In order; pairs are mended on the way.
        reasons: Why, by the id of the call.
    """
    if not reasons:
        return Cleaned(tuple(messages))
    found: list[Message] = []
    removals: list[Removal] = []
    for turn in turns_of(messages):
        why = next((reasons[c.call_id] for c in turn.head.calls if c.call_id in reasons), None)
        if why is None:
            found += turn.messages
            continue
        note = Message(role=Role.USER, text=f"{TAKEN_BACK}{why}]", pinned=True)
        if found and found[-1].at < 0 and found[-1].text.startswith(TAKEN_BACK):
            found[-1] = note  # of several in a row the last one says what counts
        else:
            found.append(note)
        removals += [
            Removal(why=Left.TAKEN_BACK, at=m.at, characters=size_of(m)) for m in turn.messages
        ]
    return Cleaned(tuple(found), tuple(removals))
