"""A session whose decisions are made elsewhere: the service decides, and the same fold follows.

Each fact goes to the service with its number. What comes back is the decision, and every event that
happened to the run since: folding those gives the state that the service has, so whatever an
adapter asks of a session is answered here. While the service is gone, facts wait in their order.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Final

import httpx2
import msgspec

from guardrails.core.clock import Clock
from guardrails.core.decisions import Decision, Next
from guardrails.core.events import AnyFact, EndRequested, ErrorRaised, Event, RunStarted
from guardrails.core.hooks import HookSet
from guardrails.core.ids import RunId
from guardrails.engine import Rules, Session, SessionState
from guardrails.engine.scrub import scrubbed
from guardrails.engine.session import StoredSession
from guardrails.errors import (
    LostRunError,
    RefusedError,
    ServiceError,
    TraceError,
    UnreachableError,
)
from guardrails.sidecar.client.api import DecisionApi
from guardrails.sidecar.client.meanwhile import given_up, meanwhile
from guardrails.sidecar.client.outbox import Outbox
from guardrails.sidecar.client.wire import Judged, Stated, Taken
from guardrails.version import VERSION

replace = msgspec.structs.replace

MENDED_AT_MOST: Final = 3
"""How often facts are stated again within one call because the service had others than we thought.
Each time the numbers are right afterwards, unless two programs state facts of one run at once."""
SINK: Final = "service"
"""Under what name undecided facts are counted, as the failures of a telemetry sink are."""

_log = logging.getLogger("guardrails")


class RemoteSnapshot(
    msgspec.Struct, frozen=True, kw_only=True, tag="remote_session", omit_defaults=True
):
    """A remote session at rest: which run it is, and what the service was not told yet."""

    run: RunId
    number: int
    seq: int
    waiting: tuple[Stated, ...] = ()


class RemoteSession(Session):
    """One run that a service decides on. Made by `RemoteGuard`, never directly."""

    def __init__(
        self,
        run: RunId,
        *,
        api: DecisionApi,
        rules: Rules,
        clock: Clock,
        hooks: HookSet,
        outbox: Outbox,
    ) -> None:
        stored = StoredSession(state=SessionState(run=run))
        super().__init__(stored, rules=rules, clock=clock, hooks=hooks)
        self._api = api
        self._outbox = outbox
        self._confirmed: SessionState | None = None
        """The state that the service has, while it is gone and ours runs ahead of it."""
        self._held: Stated | None = None
        """The end that is waited for: the gate is at work on it, or was not told of it yet."""
        self._verdict: Decision | None = None
        """What became of it, when that came with something else."""
        self._error: ServiceError | None = None
        """Why the service decides on this run no more."""
        self._same_version = True

    # Facts

    def observe(self, fact: AnyFact, *, agent: str = "") -> Decision:
        """State one fact, and return what the service decides.

        Args:
            fact: What happened.
            agent: Which agent it happened to, where a run has several.

        Returns:
            The service's decision. While it is gone: what the run's own rules allow, and no change
            (see `Endpoint.unreachable`).

        Raises:
            ServiceError: The service will not decide on this run any more: the token is not
                accepted, or it does not have the run. Ends and errors are taken all the same, and
                the run then ends here, without success.
        """
        began = time.perf_counter()
        with self._lock:
            if self._error is not None:
                return self._alone(fact, agent, self._error)
            self._verdict = None if isinstance(fact, EndRequested) else self._verdict
            stated = self._outbox.put(scrubbed(fact, self.context.redacted), agent=agent)
            try:
                decision = self._delivered()
            except UnreachableError as error:
                decision = self._undecided(stated, str(error))
            except ServiceError as error:
                self._error = error
                raise
        self._hooks.timing("observe", time.perf_counter() - began)
        return decision

    def deliver(self) -> None:
        """State what waits, and fold what happened to the run elsewhere.

        Raises:
            ServiceError: The service cannot be reached, or will not decide on this run any more.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            self._delivered()
            self._follow(self._api.read(self.run, since=self._known_seq))

    @property
    def waiting(self) -> int:
        """How many facts the service has yet to be told."""
        return len(self._outbox.waiting)

    # Ends

    async def judged(
        self, connection: httpx2.AsyncClient, *, streamed: bool = False
    ) -> Decision | None:
        """Ask what became of the end that is held; None while the gate is at work.

        Args:
            connection: Of this event loop.
            streamed: Whether to be told as it goes, until it is decided.

        Raises:
            ServiceError: As `deliver`.
            SilentStreamError: The stream does not come through.
        """
        with self._lock:
            held, since = self._held, self._known_seq
            verdict, self._verdict = self._verdict, None
        if verdict is not None:
            return verdict
        if held is None:
            raise RefusedError(f"run {self.run} has no end to be judged", status=409)
        ask = self._api.told if streamed else self._api.judged
        async with aclosing(ask(connection, self.run, held, since=since)) as answers:
            async for judged in answers:
                with self._lock:
                    if judged.progress is not None:
                        self.progress(judged.progress)
                    decision, self._verdict = self._concluded(held, judged), None
                if decision is not None:
                    return decision
        return None

    def hold_again(self) -> None:
        """Take up an end that the run was held at when it was read from the service.

        Whoever asks with the number of the run's last fact asks for that end.
        """
        ending = self._state.ending
        if self._held is None and ending is not None:
            end = EndRequested(exit=ending.exit, claim=ending.claim)
            self._held = Stated(number=self._outbox.number, fact=end)

    def give_up(self, why: str) -> Decision:
        """End the run here, because nobody judges its end.

        Args:
            why: For the person.
        """
        with self._lock:
            self._error = self._error or UnreachableError(why)
            self._state, decision = given_up(self._state, why=why)
            self._hooks.failed(SINK)
            self._hooks.emit(self.run, decision)
            self._hooks.emit(self.run, self._ended())
            return decision

    # At rest

    def snapshot(self) -> bytes:
        """Return which run this is, as JSON; the run itself is at the service."""
        with self._lock:
            at_rest = RemoteSnapshot(
                run=self.run,
                number=self._outbox.number,
                seq=self._known_seq,
                waiting=self._outbox.waiting,
            )
        return msgspec.json.encode(at_rest)

    def begun_with(self, events: Sequence[Event], *, tell: bool) -> None:
        """Fold the events with which a run was opened, or read again."""
        with self._lock:
            self._fold(events, tell=tell)
            started = events[0].fact
            if isinstance(started, RunStarted) and started.guard_version != VERSION:
                self._same_version = False
                _log.warning(
                    "the guard decides by version %s and version %s follows it here: where they "
                    "differ, the guard's word counts",
                    started.guard_version or "unknown",
                    VERSION,
                )

    # Delivery

    @property
    def _known_seq(self) -> int:
        """The last event that the service has and that is folded here."""
        return (self._confirmed or self._state).seq

    def _delivered(self) -> Decision:
        """State what waits, in order, and return the decision on the last fact."""
        decision = Decision(run=self.run, seq=self._known_seq)
        mended = 0
        while group := self._outbox.next():
            try:
                found = self._sent(group)
            except RefusedError as error:
                mended += 1
                if error.expected is None or mended > MENDED_AT_MOST:
                    raise
                self._go_back(error.expected)
                continue
            if found is None:
                mended += 1
                if mended > MENDED_AT_MOST:
                    raise LostRunError(f"another program states facts of run {self.run}")
                continue
            decision = found
        return decision

    def _sent(self, group: tuple[Stated, ...]) -> Decision | None:
        """Send some facts; None if somebody else had taken their numbers."""
        last, since = group[-1], self._known_seq
        if isinstance(last.fact, EndRequested):
            judged = self._api.end(self.run, last, since=since)
            self._outbox.taken(group)
            held = Decision(run=self.run, seq=self._known_seq, next=Next.VERIFY)
            return self._concluded(last, judged) or held
        taken = self._api.state(self.run, group, since=since)
        ours = [one for one in group if self._is_ours(one, taken)]
        self._outbox.taken(ours)
        self._follow(taken)
        if len(ours) < len(group):
            self._outbox.renumber(taken.number)
            held = self._held
            for one in self._outbox.waiting:
                if held is not None and one.fact is held.fact:
                    self._held = one
            return None
        self._outbox.number = max(self._outbox.number, taken.number)
        decision = next(
            (one.decision for one in taken.decisions if one.number == last.number), None
        )
        if decision is None:
            raise RefusedError(
                f"the guard took fact {last.number} of run {self.run} and decided nothing: is it "
                f"of a version that fits?",
                status=200,
            )
        self._agree(decision)
        return decision

    def _is_ours(self, stated: Stated, taken: Taken) -> bool:
        """Tell whether a number was used for our fact: it is among the events then.

        Versions may write a fact in different ways; then only the count tells.
        """
        if not self._same_version:
            return taken.number <= self._outbox.number
        return any(event.fact == stated.fact for event in taken.events)

    def _go_back(self, expected: int) -> None:
        """Fit ourselves to a service that has fewer facts than it took: its store lost some.

        Raises:
            LostRunError: More than we still have.
        """
        if not self._outbox.back_to(expected):
            raise LostRunError(
                f"the guard has lost facts of run {self.run}, from fact {expected} on, which are "
                f"not here any more: begin a new run"
            )
        _log.warning("the guard has lost facts of run %s: stated again from %s", self.run, expected)
        self._fold_anew()

    def _concluded(self, end: Stated, judged: Judged) -> Decision | None:
        """Take what came of an end; None while the gate is at work."""
        if judged.decision is None:
            self._held = end
            return None
        if self._held is not None and self._held.fact is end.fact:
            self._held, self._verdict = None, judged.decision
        self._follow(Taken(events=judged.events))
        if self._known_seq < judged.seq:
            self._follow(self._api.read(self.run, since=self._known_seq))
        self._agree(judged.decision)
        return judged.decision

    # What is folded

    def _follow(self, taken: Taken) -> None:
        try:
            self._fold(taken.events, tell=True)
        except TraceError:  # some are missing, or what was folded is not what the service has
            self._fold_anew()

    def _fold_anew(self) -> None:
        """Read the run from its beginning."""
        self._confirmed = None
        self._state = SessionState(run=self.run)
        try:
            self._fold(self._api.read(self.run, since=0).events, tell=False)
        except TraceError as error:
            raise LostRunError(f"the guard has no whole run {self.run}: {error}") from error

    def _fold(self, events: Iterable[Event], *, tell: bool) -> None:
        """Fold what the service has, in place of what was foreseen."""
        if self._confirmed is not None:
            self._state, self._confirmed = self._confirmed, None
        known = self._state.seq
        self.catch_up((event for event in events if event.seq > known), tell=tell)

    def _agree(self, decision: Decision) -> None:
        """Let the service's word count on whether the run has ended."""
        outcome = decision.outcome if decision.next is Next.END else None
        late = decision.seq != self._state.seq
        if self._state.outcome == outcome or late:
            return
        self._hooks.failed(SINK)
        _log.warning(
            "run %s: the guard says %s and the fold here says %s; the guard's word counts",
            self.run,
            outcome or "go on",
            self._state.outcome or "go on",
        )
        self._state = replace(
            self._state, outcome=outcome, reason=decision.reason, detail=decision.to_person
        )

    # Without the service

    def _undecided(self, stated: Stated, why: str) -> Decision:
        """Decide on a fact that waits, by what can be foreseen; hooks hear of it when it is so."""
        if self._confirmed is None:
            self._confirmed = self._state
            ahead = self._outbox.waiting
        else:
            ahead = (stated,)
        decision = Decision(run=self.run, seq=self._known_seq)
        for one in ahead:
            proposed = self._proposed(one.fact, one.agent)
            self._state, decision = proposed.folded.state, proposed.decision
        if isinstance(stated.fact, EndRequested) and decision.next is Next.VERIFY:
            self._held = stated
        self._hooks.failed(SINK)
        block = self._api.transport.endpoint.unreachable
        return meanwhile(stated.fact, decision, rules=self.rules, block=block, why=why)

    def _alone(self, fact: AnyFact, agent: str, error: ServiceError) -> Decision:
        """Take what ends a run that the service decides on no more.

        Raises:
            ServiceError: Why it does not, if this is no end.
        """
        ends = isinstance(fact, (EndRequested, ErrorRaised))
        if not ends and not self._state.ended:
            raise error
        proposed = self._proposed(fact, agent)
        self._accept(proposed)
        return proposed.decision
