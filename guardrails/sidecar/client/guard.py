"""A guard that asks a service: the same interface as `Guard`, for every adapter.

The service has the policy, the gate and the runs. Here are the incident that a run is about, the
hooks of this program, and the person to ask.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import msgspec

from guardrails.core.allowances import Allowance
from guardrails.core.clock import Clock
from guardrails.core.decisions import Decision, Next
from guardrails.core.events import EndRequested, Event, ExitKind
from guardrails.core.hooks import Hook
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.core.questions import Answer, Question
from guardrails.engine import Guard, MemoryStore, Session, SessionKey
from guardrails.engine.guard import Ask
from guardrails.errors import (
    DeniedError,
    LostRunError,
    RefusedError,
    ServiceError,
    TraceError,
    UnreachableError,
    UsageError,
)
from guardrails.sidecar.client.answers import answered_at_service, given_answer
from guardrails.sidecar.client.api import DecisionApi
from guardrails.sidecar.client.endpoint import Endpoint
from guardrails.sidecar.client.judgement import Judgement
from guardrails.sidecar.client.opening import RemoteRuns
from guardrails.sidecar.client.session import RemoteSession, RemoteSnapshot
from guardrails.sidecar.client.transport import Transport
from guardrails.sidecar.client.wire import Allowing, Answering, Opening


class RemoteGuard(Guard):
    """Guards runs by a service, wherever a `Guard` is taken.

    A run's settings are those that the service chose for it: `session.rules.settings`.

    Args:
        endpoint: Where the service is.
        incident: The default incident, for adapters that are not given one per run.
        hooks: Telemetry sinks of this program. The service has its own; do not give the same sink
            to both.
        clock: Where the time comes from.
        store: Where open sessions live.
        ask: Puts a question to a person and returns the answer. Answers are an operator's, so the
            token's role must be `operator`; `at_service` leaves them to those who have one. An
            answer that is given at the service meanwhile counts in any case.

    Raises:
        UsageError: The token or the certificates cannot be read.

    Example:
        >>> guard = RemoteGuard(Endpoint(url="http://127.0.0.1:8787"))
        >>> guard.close()
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        incident: Incident | None = None,
        hooks: Sequence[Hook] = (),
        clock: Clock | None = None,
        store: MemoryStore | None = None,
        ask: Ask | None = None,
    ) -> None:
        super().__init__(incident=incident, hooks=hooks, clock=clock, store=store, ask=ask)
        self.endpoint = endpoint
        self._api = DecisionApi(Transport(endpoint))
        self._runs = RemoteRuns(self._api, clock=self.clock, hooks=self.hooks)
        self._judgement = Judgement(self._api)

    # Runs

    def begin(
        self,
        key: SessionKey,
        *,
        adapter: str,
        incident: Incident | None = None,
        model: str = "",
        run: RunId | None = None,
        also: SessionKey | None = None,
    ) -> Session:
        """Open a new run at the service, where the gate notes the world before it answers.

        Args:
            key: What the adapter finds the session by.
            adapter: Which adapter asks; the service notes itself.
            incident: What the run is about; the guard's own incident when left out.
            model: `provider:name`, if known; the service chooses the profile by it.
            run: The run's id; made up when left out.
            also: A second key that finds it, and no other run at any time; at the service the run
                has this one, if it is given.

        Raises:
            ServiceError: No run could be opened, so nothing may begin.
        """
        del adapter
        self._abandon(key)
        name = self._name(also or key)
        session = self._runs.begin(
            Opening(
                incident=incident or self.incident or Incident(task=""),
                policy=self.endpoint.policy,
                model=model,
                key=name,
                run=run or uuid.uuid4().hex,
            )
        )
        self._put(session, key, also)
        return session

    def find(self, key: SessionKey) -> Session | None:
        """Return the session under a key: one of this program, or the open run at the service."""
        here = self.store.get(key)
        if here is not None:
            return here
        run = self._api.find(self._name(key))
        if run is None:
            return None
        session = self._runs.attach(run)
        self.store.put(key, session)
        return session

    def restore(self, key: SessionKey, data: bytes, *, since: Iterable[Event] = ()) -> Session:
        """Find the run of a `RemoteSession.snapshot` again, as it stands at the service now.

        Args:
            key: What the adapter finds the session by.
            data: The snapshot.
            since: None; the service has all events.

        Raises:
            TraceError: The data is no snapshot of a remote session.
            LostRunError: The service does not have the run.
        """
        if tuple(since):
            raise UsageError("a remote run is read from the service: give no events")
        try:
            at_rest = msgspec.json.decode(data, type=RemoteSnapshot)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TraceError(f"not a snapshot of a remote session: {error}") from error
        session = self._runs.attach(at_rest.run, at_rest=at_rest)
        self.store.put(key, session)
        return session

    async def prepare(self, session: Session, *, noted: bytes = b"") -> None:
        """Read whether somebody has answered; the service prepares its gate by itself.

        Args:
            session: The run.
            noted: Nothing; the service keeps what its gate noted.
        """
        del noted
        if session.state.questions:
            await asyncio.to_thread(_ours(session).deliver)

    # Ends

    async def settle(self, session: Session, end: EndRequested, *, agent: str = "") -> Decision:
        """Bring an end through the service's door, and wait for what its gate says.

        Args:
            session: The run.
            end: By which exit the agent would leave, and what it claims.
            agent: Which agent asks.

        Returns:
            The service's decision. If nobody gives one for `give_up_after`, the run ends
            `unverifiable`; it is never accepted.
        """
        try:
            decision = session.observe(end, agent=agent)
        except ServiceError as error:
            return _ours(session).give_up(str(error))
        if decision.next is not Next.VERIFY:
            return decision
        return await self.conclude(session, wait=decision.wait, agent=agent)

    async def conclude(self, session: Session, *, wait: bool = True, agent: str = "") -> Decision:
        """Wait for the judgement of the end that a session is held at.

        Args:
            session: The run.
            wait: The service knows whether its gate may wait.
            agent: Which agent asked.
        """
        del wait
        remote = _ours(session)
        try:
            return await self._judgement.of(remote, give_up_after=self.endpoint.give_up_after)
        except ServiceError as error:
            return remote.give_up(str(error))
        except asyncio.CancelledError:
            end = EndRequested(exit=ExitKind.CANCELLED, detail="cancelled in the gate")
            session.observe(end, agent=agent)
            raise

    async def look(self, session: Session, *, agent: str = "") -> None:
        """Let the service's gate look now if a look is due, without holding this thread."""
        if not session.look_due:
            return
        remote = _ours(session)
        try:
            await self._api.look(session.run, agent=agent)
            await asyncio.to_thread(remote.deliver)
        except UnreachableError:
            self.hooks.failed("service")  # the call that comes next is decided without it

    def look_sync(self, session: Session, *, agent: str = "") -> None:
        """Do nothing: the service looks by itself before it decides on the next call."""

    # People

    def allow(
        self,
        session: Session,
        *,
        check: str,
        kind: str,
        name: str,
        reason: str,
        by: str,
        namespace: str = "",
    ) -> Allowance:
        """Let a person allow a loss in this run. The token's role must be `operator`.

        Args:
            session: The run.
            check: The check of the loss, such as `autoscaler-kept`.
            kind: Of the object that the report names.
            name: Of that object.
            reason: Why it is wanted.
            by: Who answers for it.
            namespace: Of that object; empty for any namespace of the incident.

        Raises:
            UsageError: The check tells no loss, or a part of it is empty.
            DeniedError: The role is another.
        """
        allowing = Allowing(
            check=check, kind=kind, name=name, namespace=namespace, reason=reason, by=by
        )
        self._told(session, lambda: self._api.allow(session.run, allowing))
        wanted = (check, kind, name, namespace, reason, by)
        for one in session.state.allowances:
            if (one.check, one.kind, one.name, one.namespace, one.reason, one.by) == wanted:
                return one
        raise LostRunError(f"the guard took the allowance for {kind} {name} and does not have it")

    async def put(self, session: Session, question: Question) -> str | None:
        """Put a question to the person here, and wait for an answer given at the service too.

        Args:
            session: The run.
            question: What is asked.

        Returns:
            The first answer; None when `ask` has none, when the run goes on without, or when the
            time that the run's policy gives it (`fsm.answer_within`) is over.
        """
        within = session.rules.settings.fsm.answer_within
        tasks = [asyncio.ensure_future(answered_at_service(_ours(session), question.id))]
        if self.ask is not None:
            tasks.append(asyncio.ensure_future(self.ask(question)))
        try:
            done, _ = await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            return next((one.result() for one in tasks if one in done), None)
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def answer(self, session: Session, *, question: str, text: str, by: str = "") -> Answer:
        """Take a person's answer to an open question. The token's role must be `operator`.

        Args:
            session: The run.
            question: Id of the question.
            text: The answer: a candidate's id, label or number from 1, or other words.
            by: Who answered.

        Raises:
            UsageError: No such question is open, or the answer is empty.
            DeniedError: The role is another.
        """
        known = given_answer(session, question)
        if known is not None and known.text == text.strip():
            return known  # somebody gave it at the service
        answering = Answering(question=question, text=text, by=by)
        try:
            self._told(session, lambda: self._api.answer(session.run, answering))
        except UsageError:
            # A lost reply makes us answer twice, and the second time it is open no more.
            _ours(session).deliver()
            given = given_answer(session, question)
            if given is None or given.text != text.strip():
                raise
        given = given_answer(session, question)
        if given is None:
            raise LostRunError(f"the guard took the answer to {question!r} and does not have it")
        return given

    def give_up_asking(self, session: Session, *, detail: str = "") -> None:
        """Go on without changes, because nobody answered in time or nobody can be asked.

        A role that may not say so leaves the questions open, and the run reads only until they are
        answered or their time is over.
        """
        if session.state.questions and not session.state.unanswered:
            try:
                self._told(session, lambda: self._api.unanswered(session.run, detail=detail))
            except DeniedError:
                self.hooks.failed("service")

    # The connection

    def troubles(self) -> tuple[str, ...]:
        """Return what the service says that it cannot do now; nothing when it is ready.

        Raises:
            ServiceError: It cannot be asked, or does not accept the token.
        """
        ready = self._api.ready()
        self._api.find(self._name(SessionKey("nobody")))  # probes want no token; this does
        return tuple(f"{one.name}: {one.error}" for one in ready.checks if not one.ok)

    def close(self) -> None:
        """Let go of the connections. Runs stay open at the service."""
        self._api.transport.close()

    def __enter__(self) -> Self:
        """Return the guard."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the connections."""
        self.close()

    # Inside

    def _name(self, key: SessionKey) -> str:
        """Return what the service has a key as."""
        return f"{self.endpoint.scope}/{key}" if self.endpoint.scope else str(key)

    def _told(self, session: Session, tell: Callable[[], None]) -> None:
        """Tell the service what a person said, and follow what comes of it."""
        remote = _ours(session)
        try:
            tell()
        except RefusedError as error:
            raise UsageError(str(error)) from error
        remote.deliver()


def _ours(session: Session) -> RemoteSession:
    if not isinstance(session, RemoteSession):
        raise UsageError(f"run {session.run} was begun by another guard, in this process")
    return session
