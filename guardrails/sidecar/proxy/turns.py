"""One request of an agent: its news, the model's turns, and the one of them that it is given.

What the agent brings is stated as facts. Then its model is asked until it has a turn that the agent
may have: calls that are let through, or an end that the gate accepts. Everything between is kept
beside the run before it counts, so a request that is sent again goes on where the last one stood.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from guardrails.core.clock import Clock
from guardrails.core.events import AnyFact
from guardrails.sidecar.proxy.books import Book, Books
from guardrails.sidecar.proxy.conversation import Conversations, Place, Visit, grown, news_of
from guardrails.sidecar.proxy.ending import built
from guardrails.sidecar.proxy.facts import passed, results_in, said_in
from guardrails.sidecar.proxy.history import sign_of
from guardrails.sidecar.proxy.kept import RESPONSES, SUMMARIES, Delivery, Thread
from guardrails.sidecar.proxy.matching import match
from guardrails.sidecar.proxy.rounds import Rounds
from guardrails.sidecar.proxy.settings import ProxySettings
from guardrails.sidecar.proxy.upstream import Headers, Models, ProxyError, RefusedError
from guardrails.sidecar.proxy.wire.base import Asked, Turn, Wire
from guardrails.sidecar.proxy.work import Work
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import ConflictError

replace = msgspec.structs.replace

_log = logging.getLogger("guardrails.proxy")

ATTEMPTS: Final = 5
"""How often a request is begun anew because another process was quicker. Each time the other one
got further, and a request that is repeated elsewhere gets the turn that it got there."""
PAUSE_SECONDS: Final = 0.1
"""At most, before that; spread so that two processes do not meet again. A turn takes some 20 ms
beside its model."""


class Loop:
    """Answers requests.

    Args:
        service: The guard.
        settings: Of the proxy.
        models: Where turns come from.
        wires: The formats, by name.
        clock: Where the time comes from.
    """

    def __init__(
        self,
        service: Service,
        settings: ProxySettings,
        models: Models,
        *,
        wires: Mapping[str, Wire],
        clock: Clock,
    ) -> None:
        self._service = service
        self._settings = settings
        self._rounds = Rounds(service, models, people_answer=settings.people_answer)
        self._clock = clock
        self._conversations = Conversations(
            service, settings, Books(service, wires, lambda: clock.now().timestamp())
        )
        self.counts: Counter[str] = Counter()
        """Requests by what came of them: `turn`, `repeated`, `auxiliary`, `failed`; and turns that
        no agent saw: `hidden`."""

    async def answer(self, visit: Visit, headers: Headers, work: Work) -> Turn:
        """Return the turn that a request is answered with.

        Args:
            visit: The request.
            headers: What goes upstream with it.
            work: Told how far it is.

        Raises:
            ProxyError: It cannot be answered.
            RefusedError: The models' server refuses it.
            AbandonedError: Nobody waits for it.
            GuardrailsError: The run or the store cannot be used.
        """
        if visit.asked.choices > 1:
            raise ProxyError(400, "several replies at once cannot be guarded: ask for one (n: 1)")
        try:
            for _ in range(ATTEMPTS - 1):
                try:
                    return await self._attempt(visit, headers, work)
                except ConflictError as error:
                    _log.info("run %s goes on from what another process wrote: %s", work.run, error)
                    await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311  # no secret
            return await self._attempt(visit, headers, work)
        except (ProxyError, RefusedError):
            self.counts["failed"] += 1
            raise

    async def _attempt(self, visit: Visit, headers: Headers, work: Work) -> Turn:
        now = self._clock.now().timestamp()
        async with self._conversations.place(visit, now=now) as place:
            work.run = "" if place.book is None else str(place.book.run)
            if place.auxiliary or place.book is None:
                work.may_open = not _may_be_continued(visit.asked, visit.wire)
                return await self._aside(place, headers, work)
            book, at = place.book, place.at
            work.may_open = True
            async with book.turns[at]:
                turn = await self._turn(book, at, place.visit, headers, work)
                work.may_open = False
                if work.opened:
                    await self._named(book, at, turn, work.opened)
                return turn

    async def _turn(self, book: Book, at: int, visit: Visit, headers: Headers, work: Work) -> Turn:
        async with book.at_work():
            known = self._given(book.kept.threads[at], visit)
            if known is not None:
                self.counts["repeated"] += 1
                return built(visit.wire, visit.asked, known)
            await self._take_news(book, at, visit)
        for _ in range(self._settings.max_rounds):
            delivery = await self._rounds.next(book, at, visit, headers, work)
            if delivery is not None:
                self.counts["turn"] += 1
                return built(visit.wire, visit.asked, delivery)
            self.counts["hidden"] += 1
        raise ProxyError(
            504,
            f"the model gave no turn that may go on within {self._settings.max_rounds} rounds; "
            f"the same request goes on from here",
        )

    async def _named(self, book: Book, at: int, turn: Turn, alias: str) -> None:
        """Remember under which id the agent was given a response."""
        async with book.at_work():
            thread = book.kept.threads[at]
            aliases = {**thread.aliases, alias: turn.message_id}
            for old in list(aliases)[:-RESPONSES]:
                del aliases[old]
            await book.keep(book.kept.with_thread(at, replace(thread, aliases=aliases)))

    def _given(self, thread: Thread, visit: Visit) -> Delivery | None:
        """Return what a request that is repeated was given."""
        given = thread.given
        if given is None or given.request != visit.fingerprint:
            return None
        late = self._clock.now().timestamp() - given.at > self._settings.retry_seconds
        return None if late else given.delivery

    # What the agent brings

    async def _take_news(self, book: Book, at: int, visit: Visit) -> None:
        """State what came since the last request, once."""
        thread, history = book.kept.threads[at], visit.history
        if thread.asked == visit.fingerprint:
            return
        matched = match(thread, visit.asked, history)
        new = news_of(thread, visit, known=0 if matched is None else matched.known)
        said = said_in(new) if thread.asked else ()
        if said and thread.question and self._settings.people_answer:
            await self._answered(book, thread.question, "\n".join(said))
        facts: list[tuple[str, AnyFact]] = [
            (thread.agent, fact) for fact in results_in(new, thread.opened)
        ]
        facts += [(thread.agent, passed(text, to=thread.agent)) for text in said]
        changed = replace(
            grown(thread, history),
            asked=visit.fingerprint,
            given=None,
            opened=(),
            responses=_with_response(thread.responses, visit.asked.previous),
            question="" if said else thread.question,
        )
        await book.state(facts, book.kept.with_thread(at, changed))

    async def _answered(self, book: Book, question: str, text: str) -> None:
        state = (await book.session()).state
        if any(one.id == question for one in state.questions) and not state.unanswered:
            await self._service.answer(book.run, question=question, text=text, by="user message")

    # Beside the run

    async def _aside(self, place: Place, headers: Headers, work: Work) -> Turn:
        """Pass an auxiliary call through, and remember the summary that it may be."""
        visit, asked = place.visit, place.visit.asked
        body = visit.wire.request(asked, asked.items, stream=asked.stream, tools=None)
        turn = await self._rounds.ask(visit.wire, body, headers, asked, work)
        self.counts["auxiliary"] += 1
        sign = sign_of(turn.text)
        if place.book is not None and place.at >= 0 and sign:
            async with place.book.at_work():
                kept = place.book.kept
                thread = kept.threads[place.at]
                summaries = (*thread.summaries, sign)[-SUMMARIES:]
                await place.book.keep(
                    kept.with_thread(place.at, replace(thread, summaries=summaries))
                )
        return turn


def _with_response(known: tuple[str, ...], previous: str) -> tuple[str, ...]:
    """Return the responses, or conversations of the server, that a conversation is known by."""
    return known if not previous or previous in known else (previous, *known)[:RESPONSES]


def _may_be_continued(asked: Asked, wire: Wire) -> bool:
    """Tell whether a later request may name the reply: OpenAI's server keeps it by default."""
    return wire.name == "responses" and asked.raw.get("store") is not False
