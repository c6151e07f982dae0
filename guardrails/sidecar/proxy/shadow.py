"""What the model is sent: the agent's history, with the turns in it that the agent never saw.

A refused end, a call that did not run, and what the model was told of them stand where they
happened, so that it does not do the same again. Then the run's filters have their say, as they do
for every adapter.
"""

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from guardrails.core.events import AnyFact, ContextFiltered, StepTakenBack
from guardrails.core.ids import CallId
from guardrails.engine import Session
from guardrails.engine.reading import read_up
from guardrails.engine.words import answers
from guardrails.hygiene.left import Left
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message, Role
from guardrails.hygiene.quarantine import without_quarantined
from guardrails.hygiene.sent import sent
from guardrails.sidecar.proxy.history import History
from guardrails.sidecar.proxy.kept import Hidden, Item
from guardrails.sidecar.proxy.wire.base import Asked, Json, Wire

struct = msgspec.structs.replace

PREVIOUS: Final = "previous_response_id"
"""Where a request names the response that it continues, in the one format that has this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What goes upstream, and the facts of how it differs from the history."""

    items: list[Json]
    facts: tuple[AnyFact, ...] = ()


def to_send(
    wire: Wire,
    asked: Asked,
    history: History,
    hidden: Sequence[Hidden],
    *,
    session: Session,
    agent: str,
    given: str = "",
) -> Sent:
    """Return what the model is sent for a request.

    Args:
        wire: The format.
        asked: The request.
        history: Its conversation.
        hidden: Turns that the agent never saw.
        session: The run.
        agent: Which agent asks.
        given: The response that the agent was given last, where the server keeps them.
    """
    told = _told_since(wire, asked, history, hidden)
    if told:
        return Sent(items=[*told])
    whole, ours = _whole(asked, history, hidden, given)
    whole, ours = _with_answers(wire, whole, ours, session)
    state = session.state
    if asked.previous:  # the server keeps the rest, so filters of whole conversations have to rest
        cleaned = session.context.cleaned_alone(wire.read(whole))
        return Sent(items=whole if state.shadow else wire.write(whole, cleaned))
    found = sent(
        _Shape(wire, ours, read=None if ours else asked.messages, memo=session.context.memo),
        whole,
        context=session.context,
        agent=agent,
        taken_back={str(one.call_id): one.reason for one in state.early.taken_back},
        ledger=lambda: read_up(state).ledger,
        recall=False,  # a tool that the agent does not have
    )
    if not found.removals:
        return Sent(items=whole if state.shadow else found.messages)
    left = Counter(str(removal.why) for removal in found.removals)
    if Left.WINDOW in left:
        session.read_up()  # the next request asks again, for what is new
    fact = ContextFiltered(before=found.before, after=found.after, left=dict(left))
    return Sent(items=whole if state.shadow else found.messages, facts=(fact,))


def without_taken_back(
    wire: Wire, hidden: Sequence[Hidden], reasons: Mapping[str, str]
) -> tuple[tuple[Hidden, ...], StepTakenBack | None]:
    """Take wrong steps out of hidden turns for good.

    Calls of a turn that others of it were let through of stay here: their turn is the agent's too,
    and the filters leave them out each time.

    Args:
        wire: The format.
        hidden: Turns that the agent never saw.
        reasons: Why, by the id of each call that was taken back.

    Returns:
        What is left, and the fact; None when there was none.
    """
    kept_elsewhere = {
        call.call_id for one in hidden for m in wire.read(one.turn) for call in m.calls
    }
    wanted = {call: why for call, why in reasons.items() if call not in kept_elsewhere}
    left, gone, steps = list[Hidden](), list[str](), 0
    for one in hidden:
        read = wire.read(one.items)
        calls = [c.call_id for m in read for c in m.calls if c.call_id in wanted]
        if not calls:
            left.append(one)
            continue
        messages = without_quarantined(read, wanted).messages
        steps += _turns(read) - _turns(messages)
        gone += calls
        left.append(struct(one, items=tuple(wire.write(one.items, messages))))
    if not gone:
        return tuple(hidden), None
    ids = tuple(CallId(one) for one in dict.fromkeys(gone))
    return tuple(left), StepTakenBack(call_ids=ids, reason=wanted[gone[-1]], steps=steps)


class _Shape:
    """A wire as the filters take it; what the guard told the model is pinned."""

    def __init__(
        self, wire: Wire, ours: frozenset[int], *, read: tuple[Message, ...] | None, memo: Memo
    ) -> None:
        self._wire = wire
        self._ours = ours
        self._read = read
        # Most are the objects of the last request, which is told in a third of the time.
        self._same = memo.once_each("known message", memo.once("message", _itself))
        self._known: tuple[Message, ...] = ()

    def read(self, messages: Sequence[Json]) -> tuple[Message, ...]:
        """Return items in the form that filters work on; a request's own were read before.

        A message that an earlier request had, too, is the very object of then: filters know it
        again by that, and a long history is in memory once, and not once for each request.
        """
        if self._read is not None:
            self._known = tuple(map(self._same, self._read))
        else:
            self._known = tuple(
                self._same(
                    replace(m, pinned=True) if m.at in self._ours and m.role is Role.USER else m
                )
                for m in self._wire.read(messages)
            )
        return self._known

    def write(self, messages: Sequence[Json], kept: Sequence[Message]) -> list[Json]:
        """Return what is left, in the wire's form."""
        if len(kept) == len(self._known) and all(map(operator.is_, kept, self._known)):
            return [*messages]
        return self._wire.write(messages, kept, known=self._known)


def _itself(message: Message) -> Message:
    return message


def _told_since(
    wire: Wire, asked: Asked, history: History, hidden: Sequence[Hidden]
) -> Sequence[Item]:
    """Return what the model was told after its last hidden turn, where the server has all before.

    That is so in a conversation that the server keeps by itself. One that is continued by the id of
    a response branches off there, so the hidden turns have to be sent.
    """
    if not asked.previous or asked.raw.get(PREVIOUS):
        return ()
    last = hidden[-1] if hidden else None
    if (
        last is None
        or last.response
        or (last.after, last.head)
        != (
            len(history.units),
            history.head,
        )
    ):
        return ()
    spoken = [m.at for m in wire.read(last.items) if m.role is Role.ASSISTANT]
    return last.items[spoken[-1] + 1 :] if spoken else ()


def _whole(
    asked: Asked, history: History, hidden: Sequence[Hidden], given: str
) -> tuple[list[Json], frozenset[int]]:
    """Put hidden turns at their places; also return which items are the guard's."""
    if not hidden:
        return [*asked.items], frozenset()
    more: dict[int, list[Item]] = {}
    instead: dict[int, int] = {}
    for one in hidden:
        if asked.previous and one.response:  # the server knows all but what follows its last turn
            if one.response == given:
                more.setdefault(0, []).extend(one.answers)
        elif (place := _place(history, one)) is not None:
            at, until = place
            following = (*one.turn, *one.answers) if until > at else ()
            more.setdefault(at, []).extend((*one.items, *following))
            if until > at:
                instead[at] = until
    whole, ours, at = list[Json](), set[int](), 0
    while at <= len(asked.items):
        ours.update(range(len(whole), len(whole) + len(more.get(at, ()))))
        whole += more.get(at, ())
        until = instead.get(at, at + 1)
        if at not in instead:
            whole += asked.items[at:until]
        at = until
    return whole, frozenset(ours)


def _place(history: History, one: Hidden) -> tuple[int, int] | None:
    """Return the items that stand at a place: where it begins, and where the agent's turn ends.

    A history that was changed is searched for what stood before the place; where that is gone, the
    agent has forgotten what led to the turns, and so may its model.
    """
    units, after = history.units, one.after
    if after >= len(history.heads) or history.heads[after] != one.head:
        same = [at for at, unit in enumerate(units, 1) if unit.key == one.anchor]
        if not same:
            return None
        after = same[-1]
    if after:
        at = history.messages[units[after - 1].end - 1].at + 1
    else:
        at = history.messages[units[0].start].at if units else 0
    following = units[after] if after < len(units) else None
    if following is None or not one.turn or following.calls != one.calls:
        return at, at
    return at, history.messages[following.end - 1].at + 1


def _with_answers(
    wire: Wire, items: list[Json], ours: frozenset[int], session: Session
) -> tuple[list[Json], frozenset[int]]:
    """Put what a person said of the task behind the task, for this request only."""
    said = answers(session.state.answered)
    if not said:
        return items, ours
    task = next((m.at + 1 for m in wire.read(items) if m.role is Role.USER), 0)
    told = wire.answers((), note=said)
    moved = {at + len(told) if at >= task else at for at in ours}
    moved.update(range(task, task + len(told)))
    return [*items[:task], *told, *items[task:]], frozenset(moved)


def _turns(messages: Sequence[Message]) -> int:
    return sum(m.role is Role.ASSISTANT for m in messages)
