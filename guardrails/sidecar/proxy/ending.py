"""A model's turn at the guard: its calls held, its end judged, and what becomes of both.

Everything follows from the turn, the numbers of its facts and the decisions on them. So a turn that
was half decided when its process died is decided to the same end by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason
from guardrails.core.events import AnyFact, EndRequested, ExitKind, ToolStatus
from guardrails.core.ids import RunId
from guardrails.engine import Session
from guardrails.engine.words import ALREADY_ENDED
from guardrails.hygiene.messages import Call
from guardrails.integrations.closing import NOT_RUN, claims_success, closing_words
from guardrails.integrations.returned import returned_text
from guardrails.sidecar.facts import Posted
from guardrails.sidecar.proxy.again import TURNS
from guardrails.sidecar.proxy.facts import end_by_call, end_by_words, goal_of, requested
from guardrails.sidecar.proxy.kept import Delivery, Item, Pending, PlannedCall
from guardrails.sidecar.proxy.wire.base import Asked, Result, Turn, Wire
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import ConflictError


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of a turn."""

    number: int
    """Of the last fact."""
    delivery: Delivery | None = None
    """What the agent is given; None when the model is asked again."""
    hidden: tuple[Item, ...] = ()
    """What the model is reminded of, and the agent never sees."""
    turn: tuple[Item, ...] = ()
    """The turn as the model gave it, where the agent is given a part."""
    answers: tuple[Item, ...] = ()
    """Results of the calls that are not in that part."""
    opened: tuple[PlannedCall, ...] = ()
    """Calls that were let through."""


@dataclass(slots=True, kw_only=True)
class _Desk:
    """States facts under the numbers that follow."""

    service: Service
    run: RunId
    agent: str
    number: int
    results: list[Result] = field(default_factory=list[Result])
    let: list[PlannedCall] = field(default_factory=list[PlannedCall])

    async def state(self, fact: AnyFact) -> Decision:
        decisions = await self.service.post(self.run, [self._next(fact)])
        return decisions[0]

    async def state_all(self, facts: Sequence[AnyFact]) -> Decision | None:
        """State facts, and return what was decided on the last one."""
        if not facts:
            return None
        posted = [self._next(fact) for fact in facts]
        return (await self.service.post(self.run, posted))[-1]

    async def settle(self, end: EndRequested) -> Decision:
        decision = await self.service.settle(self.run, self._next(end))
        if decision is None:  # it was waited for without a limit
            raise ConflictError(f"the end of run {self.run} was not decided")
        return decision

    async def session(self) -> Session:
        return (await self.service.run(self.run)).session

    def _next(self, fact: AnyFact) -> Posted:
        posted = Posted(number=self.number, fact=fact, agent=self.agent)
        self.number += 1
        return posted


async def decided(
    service: Service, run: RunId, pending: Pending, wire: Wire, *, agent: str, judges: bool
) -> Decided:
    """State what a turn leads to, and return what becomes of it.

    Args:
        service: The guard.
        run: The run.
        pending: The turn.
        wire: Its format.
        agent: Whose turn it is.
        judges: Whether this agent's last words are an end of the run.

    Raises:
        ConflictError: Somebody else stated facts under the same numbers.
    """
    desk = _Desk(service=service, run=run, agent=agent, number=pending.number)
    last = await desk.state_all(pending.facts)
    if pending.body is None:
        return await _at_the_door(desk, wire, None, pending)
    turn = TURNS.read(wire, pending.body)
    if last is not None and last.next is Next.STOP:
        return await _at_the_door(desk, wire, turn, pending)
    if pending.calls:
        return await _calls(desk, wire, turn, pending)
    if not judges or turn.finish == "pause":
        return _delivered(desk, Delivery(body=turn.body))
    goal = goal_of(await desk.session())
    end = end_by_words(turn.text, structured=pending.structured, goal=goal)
    return await _ended(desk, wire, turn, pending, end)


def built(wire: Wire, asked: Asked, delivery: Delivery) -> Turn:
    """Return the turn that an agent is given."""
    if delivery.body is None:
        return wire.said(asked, delivery.text or "")
    turn = TURNS.read(wire, delivery.body)
    if delivery.text is None and delivery.calls is None:
        return turn
    return wire.changed(turn, text=delivery.text, calls=delivery.calls)


def closing(session: Session, turn: Turn | None = None, *, structured: bool = False) -> Delivery:
    """Return what an agent is given of a run that is over.

    A claim of success that nobody confirmed is not passed on. What the agent says when it gives up
    or asks for a person is, with the outcome behind it.

    Args:
        session: The run; it has ended.
        turn: The model's last turn; None where it was not asked.
        structured: Whether the agent expects data; a sentence behind it would break it.
    """
    result = session.result()
    words = closing_words(result)
    if result.shadow and turn is not None:
        return Delivery(body=turn.body)
    said = turn is not None and bool(turn.text.strip())
    if turn is not None and said and result.outcome.accepted:
        return Delivery(body=turn.body, calls=() if turn.calls else None)
    honest = result.claim is not None and not claims_success(result)
    if turn is not None and said and honest and not structured:
        text = f"{turn.text.rstrip()}\n\n{words}"
        return Delivery(body=turn.body, calls=() if turn.calls else None, text=text)
    return Delivery(text=words)


async def _calls(desk: _Desk, wire: Wire, turn: Turn, pending: Pending) -> Decided:
    """Hold each call of a turn, in order."""
    session = await desk.session()
    unreadable = not any(call.readable for call in pending.calls)
    if unreadable and not pending.sends_back and not session.state.shadow:
        names = ", ".join(call.tool for call in pending.calls)
        end = EndRequested(exit=ExitKind.MALFORMED, detail=names[:300])
        return await _ended(desk, wire, turn, pending, end)
    for call in pending.calls:
        decision = await _held(desk, call)
        if decision.next is Next.STOP or decision.reason is Reason.RUN_ENDED:
            return await _at_the_door(desk, wire, turn, pending)
        if decision.next is Next.END and decision.blocked:
            await _give_up_calls(desk)
            return _delivered(desk, closing(session, turn, structured=pending.structured))
    if not desk.let:
        hidden = (*wire.items(turn), *wire.answers(desk.results, turn=turn))
        return Decided(number=desk.number - 1, hidden=hidden)
    if not desk.results:
        return _delivered(desk, Delivery(body=turn.body))
    ids = tuple(call.call_id for call in desk.let)
    return Decided(
        number=desk.number - 1,
        delivery=Delivery(body=turn.body, calls=ids),
        turn=tuple(wire.items(turn)),
        answers=tuple(wire.answers(desk.results, turn=turn)),
        opened=tuple(desk.let),
    )


async def _held(desk: _Desk, call: PlannedCall) -> Decision:
    """Ask about one call, and record it as returned when it does not run."""
    decision = await desk.state(requested(call))
    if decision.call_id != call.call_id:
        raise ConflictError(
            f"fact {desk.number - 1} of run {desk.run} is somebody else's: one run is numbered by "
            f"one proxy, or by its caller"
        )
    if decision.next is Next.VERIFY:
        session = await desk.session()
        decision = await desk.settle(end_by_call(call, goal=goal_of(session)))
    if decision.action in {EnforcedAction.ALLOW, EnforcedAction.MODIFY}:
        desk.let.append(call)
        return decision
    said = decision.to_model or call.fault or ALREADY_ENDED
    desk.results.append(Result(call=_wire_call(call), text=said))
    await desk.state(
        returned_text(said, call_id=call.call_id, tool=call.tool, status=ToolStatus.BLOCKED)
    )
    return decision


async def _ended(
    desk: _Desk, wire: Wire, turn: Turn, pending: Pending, end: EndRequested
) -> Decided:
    """Bring an end to the gate."""
    decision = await desk.settle(end)
    if decision.next is Next.END:
        session = await desk.session()
        return _delivered(desk, closing(session, turn, structured=pending.structured))
    said = decision.to_model or ALREADY_ENDED
    # A call that is no object is no call to the model's server either, but it wants an answer.
    results = [Result(call=call, text=said) for call in turn.calls]
    note = "" if results else said
    hidden = (*wire.items(turn), *wire.answers(results, note=note, turn=turn))
    return Decided(number=desk.number - 1, hidden=hidden)


async def _at_the_door(desk: _Desk, wire: Wire, turn: Turn | None, pending: Pending) -> Decided:
    """End a run that takes no further turns."""
    del wire
    await _give_up_calls(desk)
    await desk.settle(EndRequested(exit=ExitKind.BUDGET))
    session = await desk.session()
    return _delivered(desk, closing(session, turn, structured=pending.structured))


async def _give_up_calls(desk: _Desk) -> None:
    """Record calls that were let through, and are not delivered after all."""
    for call in desk.let:
        await desk.state(
            returned_text(NOT_RUN, call_id=call.call_id, tool=call.tool, status=ToolStatus.ERROR)
        )
    desk.let.clear()


def _delivered(desk: _Desk, delivery: Delivery) -> Decided:
    return Decided(number=desk.number - 1, delivery=delivery, opened=tuple(desk.let))


def _wire_call(call: PlannedCall) -> Call:
    return Call(call_id=call.call_id, tool=call.tool, arguments=call.arguments)
