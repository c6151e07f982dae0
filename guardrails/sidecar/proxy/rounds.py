"""One turn of the model: what it is sent, what it says, and what becomes of that.

Each round is written down before it counts. Where the run has ended, or waits for a person, the
proxy speaks in the model's place, and the model is not asked.
"""

import dataclasses

import msgspec

from guardrails.core.events import AnyFact, ErrorRaised
from guardrails.core.questions import Question, described
from guardrails.engine import Session
from guardrails.hygiene.redact import clipped
from guardrails.sidecar.proxy.again import TURNS
from guardrails.sidecar.proxy.books import Book
from guardrails.sidecar.proxy.conversation import Visit
from guardrails.sidecar.proxy.ending import Decided, closing
from guardrails.sidecar.proxy.facts import read_turn
from guardrails.sidecar.proxy.kept import Delivery, Pending, Thread
from guardrails.sidecar.proxy.shadow import PREVIOUS, to_send, without_taken_back
from guardrails.sidecar.proxy.upstream import Headers, Models, RefusedError, ServerError
from guardrails.sidecar.proxy.wire.base import Asked, Turn, Wire
from guardrails.sidecar.proxy.work import AbandonedError, Work
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import ConflictError

replace = msgspec.structs.replace

_BROKEN = 500
"""Errors of the server begin here; those below are about the request, and no fact of the run."""


class Rounds:
    """Asks models, and brings what they say before the run.

    Args:
        service: The guard.
        models: Where turns come from.
        people_answer: Whether questions go to whoever talks with the agent.
    """

    def __init__(self, service: Service, models: Models, *, people_answer: bool) -> None:
        self._service = service
        self._models = models
        self._people_answer = people_answer

    async def next(
        self, book: Book, at: int, visit: Visit, headers: Headers, work: Work
    ) -> Delivery | None:
        """Take one round.

        Args:
            book: Of the run.
            at: The conversation.
            visit: The request.
            headers: What goes upstream with it.
            work: Told how far it is.

        Returns:
            What the agent is given; None when the model is to be asked again.
        """
        async with book.at_work():
            delivery = await self._without_model(book, at, visit)
            if delivery is not None:
                return delivery
            session, thread = await book.session(), book.kept.threads[at]
            reasons = {str(one.call_id): one.reason for one in session.state.early.taken_back}
            hidden, removed = without_taken_back(visit.wire, thread.hidden, reasons)
            sent = to_send(
                visit.wire,
                visit.asked,
                visit.history,
                hidden,
                session=session,
                agent=thread.agent,
                given=_given_last(visit.asked, thread),
            )
        asked = _continuing(visit.asked, thread)
        body = visit.wire.request(
            asked, sent.items, stream=asked.stream, tools=_shown(asked, session)
        )
        try:
            turn = TURNS.note(visit.wire, await self.ask(visit.wire, body, headers, asked, work))
        except (ServerError, RefusedError) as error:
            await self._failed(book, thread.agent, error)
            raise
        async with book.at_work():
            if _moved(thread, book.kept.threads[at]):
                raise ConflictError(f"run {book.run} went on elsewhere while its model was asked")
            facts = (*([removed] if removed else ()), *sent.facts)
            kept = book.kept.with_thread(at, replace(book.kept.threads[at], hidden=hidden))
            pending = await _pending(book, visit, session, turn, facts)
            changed = replace(kept.threads[at], pending=pending)
            await book.keep(kept.with_thread(at, changed))
            return await book.decide(at, pending, asked=visit.asked)

    async def ask(
        self, wire: Wire, body: dict[str, object], headers: Headers, asked: Asked, work: Work
    ) -> Turn:
        """Ask a model, unless nobody waits for it any more."""
        if work.abandoned:
            raise AbandonedError("nobody waits for this request any more")
        work.asking = True
        try:
            return await self._models.turn(wire, body, headers, stream=asked.stream)
        finally:
            work.asking = False

    async def _failed(self, book: Book, agent: str, error: ServerError | RefusedError) -> None:
        """Record that a model did not answer; the run goes on with the next request."""
        if isinstance(error, RefusedError) and error.refusal.status < _BROKEN:
            return
        fact = ErrorRaised(
            error=type(error).__name__,
            message=clipped(str(error), 500),
            where="model",
            fatal=False,
        )
        async with book.at_work():
            await book.state([(agent, fact)], book.kept)

    # Without the model

    async def _without_model(self, book: Book, at: int, visit: Visit) -> Delivery | None:
        """Return what is said in the model's place: the end of the run, or a question."""
        session = await book.session()
        state, thread = session.state, book.kept.threads[at]
        if state.shadow:
            return None
        if state.outcome is not None:
            if state.outcome.accepted:
                return None  # it may still say so; its calls are not run
            return await self._said(book, at, visit, closing(session))
        if state.stop is not None:
            pending = Pending(
                request=visit.fingerprint, number=await book.number(), wire=visit.wire.name
            )
            kept = book.kept.with_thread(at, replace(thread, pending=pending))
            await book.keep(kept)
            return await book.decide(at, pending, asked=visit.asked)
        if state.questions and not state.unanswered:
            return await self._question(book, at, visit, state.questions[0])
        return None

    async def _question(
        self, book: Book, at: int, visit: Visit, question: Question
    ) -> Delivery | None:
        """Put a question to whoever talks with the agent, or let the run only read."""
        thread = book.kept.threads[at]
        if not self._people_answer:
            detail = "nobody can be asked through the model proxy (people_answer is off)"
            await self._service.give_up_asking(book.run, detail=detail)
            return None
        if not thread.lead:
            return None
        delivery = await self._said(book, at, visit, Delivery(text=described(question)))
        asking = replace(book.kept.threads[at], question=question.id)
        await book.keep(book.kept.with_thread(at, asking))
        return delivery

    async def _said(self, book: Book, at: int, visit: Visit, delivery: Delivery) -> Delivery | None:
        found = Decided(number=book.kept.number, delivery=delivery)
        return await book.conclude(at, visit.fingerprint, found, wire=visit.wire, asked=visit.asked)


def _moved(before: Thread, now: Thread) -> bool:
    """Tell whether a conversation went on elsewhere; a summary of it changes nothing."""
    return replace(before, summaries=()) != replace(now, summaries=())


async def _pending(
    book: Book, visit: Visit, session: Session, turn: Turn, facts: tuple[AnyFact, ...]
) -> Pending:
    """Return a turn as it is written ahead."""
    early, shadow = session.rules.settings.hygiene.early, session.state.shadow
    read = read_turn(visit.wire, visit.asked, turn, mends=early != "none" and not shadow)
    return Pending(
        request=visit.fingerprint,
        number=await book.number(),
        wire=visit.wire.name,
        facts=(*facts, read.reply),
        body=read.turn.body,
        calls=read.calls,
        structured=visit.asked.structured,
        sends_back=early == "reconcile" and not shadow and session.outcome is None,
    )


def _shown(asked: Asked, session: Session) -> frozenset[str] | None:
    """Return the tools that the model is shown where the run stands; None for all."""
    shown = frozenset(tool.name for tool in asked.tools if tool.hosted or session.shows(tool.name))
    return None if len(shown) == len({tool.name for tool in asked.tools}) else shown


def _given_last(asked: Asked, thread: Thread) -> str:
    """Return the response that a request goes on from, where the server keeps conversations."""
    if asked.raw.get(PREVIOUS) == asked.previous:
        return asked.previous
    return next((one for one in reversed(thread.responses) if one != asked.previous), "")


def _continuing(asked: Asked, thread: Thread) -> Asked:
    """Return a request that continues a response which its server knows.

    What the proxy said itself has an id that no server knows.
    """
    if not asked.previous or asked.raw.get(PREVIOUS) != asked.previous:
        return asked
    given = thread.responses[-1] if thread.responses else ""
    if asked.previous != given or thread.upstream is None:
        return asked
    raw = {key: value for key, value in asked.raw.items() if key != PREVIOUS}
    known = {PREVIOUS: thread.upstream} if thread.upstream else {}
    return dataclasses.replace(asked, raw=raw | known)
