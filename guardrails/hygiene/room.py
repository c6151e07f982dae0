"""Room by shorter results: all come down the same ladder, the oldest first, until the rest fits.

Short results stay whole until the limit reaches them, so the longest give first. The newest turns
are what the agent works on, and stand some rungs higher.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from guardrails.hygiene.compression.compress import Compressed
from guardrails.hygiene.forms import POINTER, Forms
from guardrails.hygiene.left import Left, Removal, may_go, pointer_of
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.names import names_told
from guardrails.hygiene.repeats import Cleaned
from guardrails.hygiene.tokens import Measure, characters_of

RECENT = 4
"""Rungs by which the newest turns stand higher: they have four times as much."""

NAMES = 0.12
"""Part of the room in which names are told that compression took out of sight."""


def with_room(
    messages: Sequence[Message],
    *,
    tokens: int,
    recent: int,
    measure: Measure,
    memo: Memo,
    recall: bool = True,
) -> Cleaned:
    """Compress results until all fits, no more than that takes, or as far as it goes.

    Args:
        messages: In order.
        tokens: Room for them.
        recent: Turns from the end that have more.
        measure: How many tokens a text is.
        memo: Remembers the forms of results.
        recall: Whether the model can ask for what was left out.
    """
    most = measure.characters(tokens, messages=len(messages))
    total = characters_of(messages)
    if total <= most:
        return Cleaned(tuple(messages))
    names = int(most * NAMES)
    ladder = _ladder(messages, total, recent, memo, recall=recall)
    forms = ladder.fitting(most - names)
    whole = {at: messages[at].text for at in forms}
    shown = [replace(m, text=forms[at].text) if at in forms else m for at, m in enumerate(messages)]
    rooms = {at: len(whole[at]) - len(form.text) for at, form in forms.items()}
    for at, line in names_told(whole, shown, rooms, room=names, memo=memo).items():
        shown[at] = replace(shown[at], text=shown[at].text + line)
    return Cleaned(tuple(shown), tuple(_removals(messages, shown, forms)))


@dataclass(slots=True)
class _Ladder:
    """The results of a history, each on its rung."""

    results: dict[int, Forms]
    """By place."""
    recent: int
    """Place from which on messages belong to the newest turns."""
    rest: int
    """Characters of all else."""

    def fitting(self, most: int) -> dict[int, Compressed]:
        """Return the forms with which everything fits first, or the last of all."""
        for step, least in enumerate(self._least()):
            if self.rest + least > most:
                continue
            moved = self._moved(step, most)
            if moved is not None:
                return self._forms(step, moved)
        return self._forms(POINTER, 0)

    def _least(self) -> Iterator[int]:
        """Yield for each step what is known to be the least that results take on it or the next."""
        rows = [
            forms.floors
            if at < self.recent
            else [*forms.floors[:1] * RECENT, *forms.floors[:-RECENT]]
            for at, forms in self.results.items()
        ]
        return map(sum, zip(*rows, strict=True))

    def _moved(self, step: int, most: int) -> int | None:
        """Return how many of the oldest results go one rung on from a step, if that is enough."""
        total = self.rest + sum(
            forms.size(self._rung(at, step)) for at, forms in self.results.items()
        )
        for moved, (at, forms) in enumerate(self.results.items()):
            if total <= most:
                return moved
            total += forms.size(self._rung(at, step + 1)) - forms.size(self._rung(at, step))
        return len(self.results) if total <= most else None

    def _forms(self, step: int, moved: int) -> dict[int, Compressed]:
        """Return the forms that differ from what came."""
        found: dict[int, Compressed] = {}
        for number, (at, forms) in enumerate(self.results.items()):
            form = forms.at(self._rung(at, step + (number < moved)))
            if form.text is not forms.text:
                found[at] = form
        return found

    def _rung(self, at: int, step: int) -> int:
        return step if at < self.recent else max(step - RECENT, 0)


def _ladder(
    messages: Sequence[Message], total: int, recent: int, memo: Memo, *, recall: bool
) -> _Ladder:
    forms = memo.once("forms", _forms_of)
    results = {
        at: forms((message.text, message.call_id if recall else ""))
        for at, message in enumerate(messages)
        if message.role is Role.TOOL and not message.pinned
    }
    return _Ladder(
        results=results,
        recent=_recent_from(messages, recent),
        rest=total - sum(len(forms.text) for forms in results.values()),
    )


def _forms_of(given: tuple[str, str]) -> Forms:
    text, pointer = given
    return Forms(text, pointer)


def _removals(
    messages: Sequence[Message], shown: Sequence[Message], forms: dict[int, Compressed]
) -> Iterator[Removal]:
    for at, form in forms.items():
        yield Removal(
            why=Left.COMPRESSED,
            at=messages[at].at,
            pointer=pointer_of(messages[at]),
            characters=messages[at].size - shown[at].size,
            said=form.left_out,
        )


def _recent_from(messages: Sequence[Message], recent: int) -> int:
    """Return the place from which on messages belong to the newest turns."""
    heads = [at for at, m in enumerate(messages) if m.role is not Role.TOOL and may_go(m)]
    return heads[max(len(heads) - recent, 0)] if recent and heads else len(messages)
