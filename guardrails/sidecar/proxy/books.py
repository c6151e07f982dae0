"""The conversations of a run in this process: one writer at a time, everything written ahead.

A book is read from the store when a request comes and nobody else here is at it, so replicas that
take turns see what the others wrote. Of two that serve one run at the same time, whoever writes
second is told by the store, reads what the first one wrote, and goes on from there.
"""

import asyncio
import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from guardrails.core.events import AnyFact
from guardrails.core.ids import RunId
from guardrails.engine import Session
from guardrails.hygiene.messages import Message, Role
from guardrails.sidecar.facts import Posted
from guardrails.sidecar.proxy.again import TURNS
from guardrails.sidecar.proxy.ending import Decided, decided
from guardrails.sidecar.proxy.history import chained, digest, key_of, units_of
from guardrails.sidecar.proxy.kept import (
    CALLS,
    NAME,
    RESPONSES,
    Delivery,
    Given,
    Hidden,
    Kept,
    OpenCall,
    Pending,
    Thread,
    bounded,
    decode,
    encode,
)
from guardrails.sidecar.proxy.known import Known
from guardrails.sidecar.proxy.wire.base import Asked, Turn, Wire
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import ConflictError
from guardrails.sidecar.stores.calls import blocking

T = TypeVar("T")
replace = msgspec.structs.replace

INDEXED: Final = 512
"""Runs whose conversations are remembered; others are looked up in the store."""

READ: Final = 128
"""Books that are remembered as they were read; some 10 kB each, and more where much was refused."""
EMPTY: Final = Kept(client="", wire="")


@dataclass(slots=True, eq=False)
class Book:
    """The conversations of one run."""

    run: RunId
    service: Service
    wires: Mapping[str, Wire]
    now: Callable[[], float]
    kept: Kept = EMPTY
    data: bytes = b""
    """What the store holds of it, as far as this process knows."""
    written: Kept = EMPTY
    """The same, read."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while facts of the run are stated, so that their numbers stand together: `at_work`."""
    turns: defaultdict[int, asyncio.Lock] = field(
        default_factory=lambda: defaultdict[int, asyncio.Lock](asyncio.Lock)
    )
    """Held by the request that a conversation is at work on."""
    users: int = 0

    async def session(self) -> Session:
        """Return the run's session."""
        return (await self.service.run(self.run)).session

    def at_work(self) -> "_AtWork":
        """Be the only one here who states facts, with nothing left over that others began.

        Raises:
            ConflictError: Another process is at the run, too.
            StoreError: The store cannot be used.
        """
        return _AtWork(self)

    async def keep(self, kept: Kept) -> None:
        """Write what is known, and know it only then.

        Raises:
            ConflictError: Another process wrote meanwhile. What it wrote is known now.
            StoreError: It cannot be written; everything is as it was.
        """
        data, was, store = encode(kept), self.data, self.service.store
        try:
            await blocking(store, lambda: store.keep(self.run, NAME, data, was=was))
        except ConflictError:
            await self.read()
            raise
        self.kept, self.data, self.written = kept, data, kept

    async def read(self) -> None:
        """Read what is known."""
        store = self.service.store
        data = await blocking(store, lambda: store.kept(self.run, NAME))
        if data != self.data:
            self.data, self.written = data, decode(data) if data else EMPTY
        self.kept = self.written

    async def number(self) -> int:
        """Return the number that the next fact gets."""
        return max(self.kept.number, (await self.service.run(self.run)).number) + 1

    async def state(self, facts: Sequence[tuple[str, AnyFact]], kept: Kept) -> None:
        """State facts of agents, and keep with them what they lead to.

        Args:
            facts: Each with the name of its agent.
            kept: What is known once they are stated.
        """
        first = await self.number()
        planned = tuple(
            Posted(number=number, fact=fact, agent=agent)
            for number, (agent, fact) in enumerate(facts, first)
        )
        number = planned[-1].number if planned else kept.number
        await self.keep(replace(kept, planned=planned, number=number))
        await self._post_planned()

    async def recover(self) -> None:
        """Finish what another process began, or this one before it lost its store.

        The other may have died, or be at it still: facts that are stated twice are decided once.
        """
        if self.kept.planned:
            await self._post_planned()
        for at, thread in enumerate(self.kept.threads):
            if thread.pending is not None:
                await self.decide(at, thread.pending)

    async def decide(
        self, at: int, pending: Pending, *, asked: Asked | None = None
    ) -> Delivery | None:
        """State what a turn leads to, and keep what became of it.

        Args:
            at: The conversation.
            pending: Its turn.
            asked: The request, where it is at hand.

        Returns:
            What the agent is given; None when its model is to be asked again.
        """
        thread = self.kept.threads[at]
        wire = self.wires[pending.wire]
        found = await decided(
            self.service, self.run, pending, wire, agent=thread.agent, judges=thread.lead
        )
        return await self.conclude(at, pending.request, found, wire=wire, asked=asked)

    async def conclude(
        self, at: int, request: str, found: Decided, *, wire: Wire, asked: Asked | None
    ) -> Delivery | None:
        """Keep what became of a turn, or of a request that needed none."""
        thread = self.kept.threads[at]
        delivery = found.delivery
        if delivery is not None and delivery.body is None and asked is not None:
            said = wire.said(asked, delivery.text or "")
            found = dataclasses.replace(found, delivery=Delivery(body=said.body))
            thread = replace(thread, upstream=thread.upstream or asked.previous)
        elif delivery is not None and delivery.body is not None:
            thread = replace(thread, upstream=None)
        changed = concluded(thread, request, found, wire=wire, at=self.now())
        kept = self.kept.with_thread(at, changed)
        await self.keep(replace(kept, number=max(kept.number, found.number), planned=()))
        return found.delivery

    async def _post_planned(self) -> None:
        planned = self.kept.planned
        if planned:
            await self.service.post(self.run, planned)
            self.kept = replace(self.kept, planned=())  # stating them again would change nothing


@dataclass(frozen=True, slots=True)
class _AtWork:
    """A block of work on a book.

    A generator would take four times as long to enter, at each of the four blocks of a turn.
    """

    book: Book

    async def __aenter__(self) -> None:
        await self.book.writing.acquire()
        try:
            await self.book.recover()
        except BaseException:
            self.book.writing.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self.book.writing.release()


class Books:
    """The books that requests are at work on, and what conversations are known by."""

    def __init__(
        self, service: Service, wires: Mapping[str, Wire], now: Callable[[], float]
    ) -> None:
        self._service = service
        self._wires = wires
        self._now = now
        self._open: dict[RunId, Book] = {}
        self._closed: OrderedDict[RunId, tuple[bytes, Kept]] = OrderedDict()
        """What the store held when a book was closed, so that the same is not read twice."""
        self._loading = asyncio.Lock()
        self.known = Known(INDEXED)

    @asynccontextmanager
    async def at(self, run: RunId) -> AsyncGenerator[Book]:
        """Have the book of a run.

        Raises:
            UnknownRunError: There is no such run.
            StoreError: The store cannot be used.
        """
        async with self._loading:
            book = self._open.get(run)
            if book is None:
                await self._service.run(run)
                book = Book(run, self._service, self._wires, self._now)
                book.data, book.written = self._closed.get(run, (b"", EMPTY))
                await book.read()
                self._open[run] = book
            book.users += 1
        try:
            yield book
        finally:
            book.users -= 1
            if not book.users:
                del self._open[run]
                self._closed[run] = book.data, book.written
                self._closed.move_to_end(run)
                if len(self._closed) > READ:
                    self._closed.popitem(last=False)
            self.known.note(run, book.kept)


def concluded(thread: Thread, request: str, found: Decided, *, wire: Wire, at: float) -> Thread:
    """Return a conversation after one of its turns was decided on.

    Args:
        thread: The conversation.
        request: Fingerprint of the request.
        found: What became of the turn.
        wire: Its format.
        at: Seconds since the epoch.
    """
    tail = _tail(thread)
    rest = tuple(one for one in thread.hidden if one is not tail)
    if tail is None:
        tail = Hidden(after=thread.count, head=thread.head, anchor=thread.anchor)
    if found.delivery is None:
        tail = replace(tail, items=(*tail.items, *found.hidden))
        return replace(thread, pending=None, hidden=bounded((*rest, tail)))
    turn = _turn(wire, found.delivery)
    ids = tuple(call.call_id for call in found.opened)
    if turn is not None:
        tail = replace(
            tail, calls=ids, turn=found.turn, answers=found.answers, response=turn.message_id
        )
    hidden = (*rest, tail) if tail.items or tail.turn else rest
    calls = [] if turn is None else [key_of(call) for call in turn.calls]
    messages = _said(wire, found.delivery, turn)
    units = tuple(units_of(messages))
    responses = [] if turn is None or not turn.message_id else [turn.message_id]
    return replace(
        thread,
        pending=None,
        hidden=bounded(hidden),
        count=thread.count + len(units),
        head=[*chained(units, thread.head)][-1],
        anchor=units[-1].key if units else thread.anchor,
        given=Given(request=request, at=at, delivery=found.delivery),
        opened=tuple(OpenCall(call_id=one.call_id, tool=one.tool) for one in found.opened),
        calls=(*thread.calls, *calls)[-CALLS:],
        responses=(*thread.responses, *responses)[-RESPONSES:],
    )


def _tail(thread: Thread) -> Hidden | None:
    """Return the hidden turns that came after all that the agent knows."""
    last = thread.hidden[-1] if thread.hidden else None
    if last is None or (last.after, last.head) != (thread.count, thread.head) or last.response:
        return None
    return last


def _turn(wire: Wire, delivery: Delivery) -> Turn | None:
    if delivery.body is None:
        return None
    turn = TURNS.read(wire, delivery.body)
    if delivery.text is None and delivery.calls is None:
        return turn
    return wire.changed(turn, text=delivery.text, calls=delivery.calls)


def _said(wire: Wire, delivery: Delivery, turn: Turn | None) -> tuple[Message, ...]:
    """Return a turn as it will stand in the agent's history."""
    if turn is None:
        return (Message(role=Role.ASSISTANT, text=delivery.text or ""),)
    return wire.read(wire.items(turn))


def client_of(name: str, key: str) -> str:
    """Return the digest that stands for a client: who it is, and with which key."""
    return digest("client", name, key)
