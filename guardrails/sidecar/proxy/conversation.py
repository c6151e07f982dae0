"""Where a request belongs: which run, which of its conversations, or beside all of them.

A header names the run, or the conversation does. A conversation that nobody knows opens a run of
its own, about what the settings say and the task that its user wrote. How conversations are known
again is in `matching`; what is left to say here:

- A request without tools that belongs nowhere is an auxiliary call (a title, a summary): it is
  passed through, and nothing of it is a fact.
- A last user message that asks for a summary makes an auxiliary call of a known conversation. A
  later history that holds that summary goes on from it.
- When a run has ended and a person writes on in its conversation, that is a new task, and opens a
  run. Anything else in the conversation of an ended run gets its closing words. So does everything
  where a header names the run, since that is the caller's to choose.
- The first conversation in a run is the lead's, and its end is the run's. Others that name the run
  are further agents, with names from their instructions; one with the lead's instructions is the
  lead, begun anew.
- A first request that is repeated after `retry_seconds` is a new conversation.
"""

import asyncio
import dataclasses
import re
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from guardrails.core.ids import RunId
from guardrails.hygiene.messages import Message, Role
from guardrails.sidecar.proxy.books import Book, Books
from guardrails.sidecar.proxy.facts import said_in
from guardrails.sidecar.proxy.history import History
from guardrails.sidecar.proxy.kept import NAME, Kept, Thread, decode
from guardrails.sidecar.proxy.matching import Match, best
from guardrails.sidecar.proxy.settings import ProxySettings
from guardrails.sidecar.proxy.shadow import PREVIOUS
from guardrails.sidecar.proxy.wire.base import Asked, Wire
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import ConflictError
from guardrails.sidecar.stores.calls import blocking

replace = msgspec.structs.replace

SEARCHED: Final = 200
"""Runs of the store that are looked through for an unknown conversation, those changed last first.
Only runs of the same client are read."""

_PROVIDERS: Final[Mapping[str, str]] = {"anthropic": "anthropic"}
"""By format; the others are OpenAI's, as every profile takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request belongs."""

    visit: "Visit"
    """The request, with the response that it continues under the name that its server knows."""
    book: Book | None = None
    """Of its run; None for an auxiliary call that belongs nowhere."""
    at: int = -1
    """Which of the run's conversations; -1 for none."""
    auxiliary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request, as far as finding its place goes."""

    wire: Wire
    asked: Asked
    history: History
    client: str
    """Digest of who sends it."""
    run: str = ""
    """The run that its header names."""
    agent: str = ""
    """The agent that its header names."""

    @property
    def fingerprint(self) -> str:
        """What it is known again by when it is repeated."""
        with_tools, without = self.history.fingerprints
        if self.asked.previous:
            return self.history.fingerprint(
                tools=bool(self.asked.tools), previous=self.asked.previous
            )
        return with_tools if self.asked.tools else without

    def known_as(self, thread: Thread) -> "Visit":
        """Return the same request, which continues a response by the name its server knows."""
        known = thread.aliases.get(self.asked.previous)
        if known is None:
            return self
        raw = self.asked.raw | {PREVIOUS: known}
        return dataclasses.replace(
            self, asked=dataclasses.replace(self.asked, previous=known, raw=raw)
        )


class Conversations:
    """Finds the place of each request.

    Args:
        service: The guard.
        settings: Of the proxy.
        books: Of the runs.
    """

    def __init__(self, service: Service, settings: ProxySettings, books: Books) -> None:
        self._service = service
        self._settings = settings
        self._books = books
        self._prompts = tuple(re.compile(text) for text in settings.auxiliary_prompts)
        self._opening: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def place(self, visit: Visit, *, now: float) -> AsyncGenerator[Place]:
        """Find the place of a request, and have it while this is open.

        Raises:
            UnknownRunError: The header names no run.
            StoreError: The store cannot be used.
        """
        async with AsyncExitStack() as stack:
            async with self._alone(visit.run or f"{visit.client}/{visit.history.root}"):
                place = await self._found(visit, stack, now=now)
            yield place

    async def _found(self, visit: Visit, stack: AsyncExitStack, *, now: float) -> Place:
        run = RunId(visit.run) if visit.run else await self._run_of(visit)
        book = None if run is None else await stack.enter_async_context(self._books.at(run))
        if book is not None:
            async with book.at_work():
                pass
        found = None
        if book is not None:
            found = best(book.kept.threads, visit.asked, visit.history)
        if book is not None and found is not None:
            at, matched = found
            thread = book.kept.threads[at]
            visit = visit.known_as(thread)
            if self._wants_summary(visit):
                return Place(book=book, at=at, auxiliary=True, visit=visit)
            if visit.run or not await self._begins_anew(book, thread, matched, visit, now=now):
                return Place(book=book, at=at, visit=visit)
            return await self._opened(visit, stack, after=thread)
        if self._is_auxiliary(visit):
            return Place(book=book, auxiliary=True, visit=visit)
        if book is not None and visit.run:
            return await self._joined(book, visit)
        return await self._opened(visit, stack)

    # Kinds of requests

    def _is_auxiliary(self, visit: Visit) -> bool:
        without = not visit.asked.tools and self._settings.auxiliary == "pass"
        return without or self._wants_summary(visit)

    def _wants_summary(self, visit: Visit) -> bool:
        words = visit.history.last_words
        return any(prompt.search(words) for prompt in self._prompts)

    async def _begins_anew(
        self, book: Book, thread: Thread, matched: Match, visit: Visit, *, now: float
    ) -> bool:
        """Tell whether a request of a known conversation is the beginning of another run."""
        if thread.asked == visit.fingerprint:
            given = thread.given
            late = given is not None and now - given.at > self._settings.retry_seconds
            return late and not visit.history.last_turn
        if (await book.session()).outcome is None:
            return False
        return bool(said_in(news_of(thread, visit, known=matched.known)))

    # Known runs

    async def _run_of(self, visit: Visit) -> RunId | None:
        """Return the run that a conversation belongs to; None for none that is known."""
        known = self._best(visit)
        return known if known is not None else await self._searched(visit)

    def _best(self, visit: Visit) -> RunId | None:
        top: tuple[Match, int] | None = None
        found: RunId | None = None
        likely = self._books.known.likely(visit.asked, visit.history)
        for order, (run, kept) in enumerate(likely):
            if (kept.client, kept.wire) != (visit.client, visit.wire.name):
                continue
            match = best(kept.threads, visit.asked, visit.history)
            if match is not None and (top is None or (match[1], order) > top):
                top, found = (match[1], order), run
        return found

    async def _searched(self, visit: Visit) -> RunId | None:
        """Look a conversation up in the store: another process began it, or this one forgot it."""
        store = self._service.store
        rows = await blocking(store, lambda: store.rows(limit=SEARCHED))
        mine = [row for row in reversed(rows) if row.key.startswith(_key(visit.client))]
        unknown = [row for row in mine if row.run not in self._books.known]
        read = await blocking(store, lambda: [(row, store.kept(row.run, NAME)) for row in unknown])
        for row, data in read:
            if data:
                self._books.known.note(row.run, decode(data))
        return self._best(visit)

    # New runs

    async def _joined(self, book: Book, visit: Visit) -> Place:
        """Begin another conversation in a run that its header names."""
        async with book.at_work():
            kept = book.kept
            if not kept.client:
                kept = replace(kept, client=visit.client, wire=visit.wire.name)
            thread = replace(_thread(visit), agent=visit.agent)
            first = kept.threads[0] if kept.threads else None
            if first is not None and _is_lead(first, thread):
                thread = replace(thread, agent=first.agent)
            elif first is not None:
                lead = self._settings.subagents == "judge"
                name = visit.agent or f"agent-{thread.system[:6]}"
                thread = replace(thread, agent=name, lead=lead)
            await book.keep(kept.with_thread(len(kept.threads), thread))
            return Place(book=book, at=len(kept.threads), visit=visit)

    async def _opened(
        self, visit: Visit, stack: AsyncExitStack, *, after: Thread | None = None
    ) -> Place:
        """Open a run for a conversation that is new, or goes on after its run has ended."""
        run = None if after is not None else await self._orphan_of(visit)
        if run is None:
            model = f"{_PROVIDERS.get(visit.wire.name, 'openai')}:{visit.asked.model}"
            live = await self._service.open(
                self._settings.incident.incident(_task(visit)),
                policy=self._settings.policy,
                model=model if visit.asked.model else "",
                key=f"{_key(visit.client)}{visit.history.root}/{uuid.uuid4().hex[:12]}",
            )
            run = live.run
        book = await stack.enter_async_context(self._books.at(run))
        async with book.writing:
            thread = replace(_thread(visit), agent=visit.agent)
            if after is not None:  # it is known by what its last run was known by, too
                thread = replace(
                    thread,
                    calls=after.calls,
                    responses=after.responses,
                    aliases=after.aliases,
                    upstream=after.upstream,
                    summaries=after.summaries,
                )
            kept = Kept(client=visit.client, wire=visit.wire.name, threads=(thread,))
            if book.data:
                raise ConflictError(f"run {run} was begun elsewhere")
            await book.keep(kept)
        self._books.known.note(run, kept)
        return Place(book=book, at=0, visit=visit)

    async def _orphan_of(self, visit: Visit) -> RunId | None:
        """Return a run that was opened for this conversation by a process that died at once."""
        store = self._service.store
        rows = await blocking(store, lambda: store.rows(ended=False, limit=SEARCHED))
        beginning = f"{_key(visit.client)}{visit.history.root}/"
        mine = [row.run for row in rows if row.key.startswith(beginning)]
        unmet = [run for run in mine if run not in self._books.known]
        lost = await blocking(store, lambda: [run for run in unmet if not store.kept(run, NAME)])
        return lost[0] if lost else None

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncGenerator[None]:
        """Let one request at a time look for a conversation of this beginning."""
        lock = self._opening.setdefault(key, asyncio.Lock())
        self._waiting[key] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._opening[key]


def news_of(thread: Thread, visit: Visit, *, known: int) -> tuple[Message, ...]:
    """Return what came since the conversation's last request.

    Args:
        thread: The conversation.
        visit: The request.
        known: Units of its history that are no news.
    """
    history = visit.history
    if visit.asked.previous:
        return history.since(0)
    ids = {call.call_id for call in thread.opened}
    asked = [at for at, unit in enumerate(history.units, 1) if ids.intersection(unit.calls)]
    if asked:
        return history.since(asked[-1])
    return history.since(max(known, history.last_turn))


def _thread(visit: Visit) -> Thread:
    """Return a conversation that begins with a request: all of its history is known."""
    return grown(Thread(root=visit.history.root, system=visit.history.system), visit.history)


def _is_lead(first: Thread, thread: Thread) -> bool:
    """Tell whether a new conversation is the lead's, by its name where it has one."""
    if thread.agent:
        return first.agent == thread.agent
    return first.system == thread.system


def grown(thread: Thread, history: History) -> Thread:
    """Return a conversation that has grown to a request's history."""
    return replace(
        thread,
        system=history.system,
        count=len(history.units),
        head=history.head,
        anchor=history.units[-1].key if history.units else "",
        before=len(history.units),
        before_head=history.head,
    )


def _task(visit: Visit) -> str:
    said = (m.text for m in reversed(visit.asked.messages) if m.role is Role.USER)
    return next((text.strip() for text in said if text.strip()), "")


def _key(client: str) -> str:
    return f"proxy/{client}/"
