"""The guard: policy, gate, hooks and clock put together, shared by every run.

It opens sessions and settles ends: `settle` is the one door through which each adapter brings
every exit.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from guardrails.core.allowances import Allowance
from guardrails.core.clock import Clock, SystemClock
from guardrails.core.decisions import Decision, Next
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    Event,
    ExitKind,
    GateReported,
    LossAllowed,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    RunStarted,
)
from guardrails.core.hooks import Hook, HookSet
from guardrails.core.ids import CheckId, RunId
from guardrails.core.incident import Incident
from guardrails.core.questions import Answer, Question
from guardrails.engine.extras import Extra
from guardrails.engine.judging import Judge
from guardrails.engine.rules import Rules
from guardrails.engine.session import Keep, Session, StoredSession, decode_session
from guardrails.engine.state import SessionState
from guardrails.engine.store import MemoryStore, SessionKey
from guardrails.engine.waiting import run_sync
from guardrails.errors import UsageError
from guardrails.gates.base import AskingRun, Gate
from guardrails.hygiene.redact import clipped
from guardrails.policy.allowing import allowable
from guardrails.policy.models import Settings
from guardrails.policy.stored import policy_digest, settings_text
from guardrails.version import VERSION

Ask = Callable[[Question], Awaitable[str | None]]
"""Puts a question to a person; None when nobody answers."""

ABANDONED: Final = "abandoned: a new run began"
"""Why a run ends whose key another one takes."""


class Guard:
    """Guards any number of runs with one policy and one gate.

    Args:
        settings: What to enforce; `guardrails.policy.load_settings` makes it from a file.
        gate: Judges ends. Without one no end is ever accepted: runs end `unverifiable`.
        incident: The default incident, for adapters that are not given one per run.
        hooks: Telemetry sinks.
        clock: Where the time comes from.
        store: Where open sessions live.
        ask: Puts a question to a person and returns the answer, None when there is none. Left out,
            graphs with a checkpointer stand still by LangGraph's `interrupt()`.
        detectors: Your own detectors of failures, run beside the shipped ones; see
            `guardrails.detectors.base.Detector`. A replay of such a run is given them too.
        keep: Stores what each fact leads to before it is so. When it raises, `Session.observe`
            raises the same, and the fact has not happened.

    Raises:
        PolicyError: The settings name a machine or a detector that cannot be used.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        gate: Gate | None = None,
        incident: Incident | None = None,
        hooks: Sequence[Hook] = (),
        clock: Clock | None = None,
        store: MemoryStore | None = None,
        ask: Ask | None = None,
        detectors: Sequence[Extra] = (),
        keep: Keep | None = None,
    ) -> None:
        self.settings = settings if settings is not None else Settings()
        self.gate = gate
        self.incident = incident
        self.hooks = HookSet(hooks)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.store = store if store is not None else MemoryStore()
        self.ask = ask
        self._keep = keep
        self._judge = Judge(settings=self.settings, hooks=self.hooks, clock=self.clock)
        self._rules = Rules.of(self.settings, detectors=detectors)

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
        """Open a new session under a key. One that is still open there ends `aborted`.

        Args:
            key: What the adapter finds the session by.
            adapter: `create_agent`, `langgraph`, `cli` or `sidecar`.
            incident: What the run is about; the guard's own incident when left out.
            model: `provider:name`, if known.
            run: The run's id; made up when left out.
            also: A second key that finds it, and no other run at any time.
        """
        self._abandon(key)
        state = SessionState(run=run or RunId(uuid.uuid4().hex))
        session = self._session(StoredSession(state=state))
        about = incident or self.incident or Incident(task="")
        session.observe(
            RunStarted(
                incident=about,
                adapter=adapter,
                model=model,
                profile=self.settings.profile,
                policy_digest=policy_digest(self.settings),
                policy=settings_text(self.settings),
                machine=self._rules.machine_text(about.goal),
                shadow=self.settings.mode == "shadow",
                guard_version=VERSION,
            )
        )
        self._put(session, key, also)  # what could not be stored has not begun
        return session

    def find(self, key: SessionKey) -> Session | None:
        """Return the session under a key, ended or not."""
        return self.store.get(key)

    def restore(
        self,
        key: SessionKey,
        data: bytes,
        *,
        since: Iterable[Event] = (),
    ) -> Session:
        """Bring back a session from `Session.snapshot`, or from all of its events.

        Args:
            key: What the adapter finds the session by.
            data: The snapshot; empty to begin with the first event.
            since: Events that came after it, in order.

        Raises:
            TraceError: The data is not a stored session, or the events do not follow it.
        """
        events = tuple(since)
        if data or not events:
            stored = decode_session(data)
        else:
            stored = StoredSession(state=SessionState(run=events[0].run))
        session = self._session(stored, given=self.incident)
        session.catch_up(events)
        self.store.put(key, session)
        return session

    async def prepare(self, session: Session, *, noted: bytes = b"") -> None:
        """Let the gate note the world before the agent acts. Later calls do nothing.

        Args:
            session: The run.
            noted: What the gate noted as the run began, where that was in another process
                (`guardrails.gates.base.NotingRun`); empty for a run that begins now.

        Raises:
            BaselineError: What was noted cannot be read.
        """
        if self.gate is not None and session.gate_run is None:
            session.gate_run = await self._judge.opened(self.gate, session, noted)
            asks = self.settings.fsm.questions == "ask"
            if asks and isinstance(session.gate_run, AskingRun):
                state = session.state
                put = {one.id for one in state.questions} | {one.question for one in state.answered}
                for question in session.gate_run.questions:
                    if question.id not in put:
                        session.observe(QuestionAsked(question=question))

    def prepare_sync(self, session: Session) -> None:
        """Do `prepare` from synchronous code."""
        run_sync(self.prepare(session))

    async def settle(self, session: Session, end: EndRequested, *, agent: str = "") -> Decision:
        """Bring an end through the door.

        Args:
            session: The run.
            end: By which exit the agent would leave, and what it claims.
            agent: Which agent asks.

        Returns:
            The decision: `next == END` with an outcome, or `CONTINUE` with feedback for the model.
        """
        decision = session.observe(end, agent=agent)
        if decision.next is not Next.VERIFY:
            return decision
        return await self.conclude(session, wait=decision.wait, agent=agent)

    async def conclude(self, session: Session, *, wait: bool = True, agent: str = "") -> Decision:
        """Have the gate judge the end that a session is held at.

        `settle` does so itself; by this a session goes on whose process ended while the gate was
        looking.

        Args:
            session: The run; its state has an `ending`.
            wait: Whether the gate may wait for things to settle, or looks once.
            agent: Which agent asked.
        """
        ending = session.state.ending
        request = self._judge.request(session, None if ending is None else ending.claim, wait=wait)
        try:
            report = await self._judge.report(
                session,
                request,
                prepare=self.prepare,
                name=self.gate.name if self.gate is not None else "none",
            )
            decision = session.observe(GateReported(report=report), agent=agent)
            if decision.next is not Next.WATCH:
                return decision
            watched = await self._judge.watch(session, request, report)
        except asyncio.CancelledError:
            session.observe(EndRequested(exit=ExitKind.CANCELLED, detail="cancelled in the gate"))
            raise
        return session.observe(watched, agent=agent)

    async def look(self, session: Session, *, agent: str = "") -> None:
        """Let the gate look when the machine wants it to, before the agent's next call.

        An agent may go on after all is well, and would spend its budget on that. When the gate
        passes, what it does next is refused with the request to conclude.
        """
        if session.look_due:
            await self.settle(session, EndRequested(exit=ExitKind.LOOK), agent=agent)

    def look_sync(self, session: Session, *, agent: str = "") -> None:
        """Do `look` from synchronous code."""
        if session.look_due:
            self.settle_sync(session, EndRequested(exit=ExitKind.LOOK), agent=agent)

    def settle_sync(self, session: Session, end: EndRequested, *, agent: str = "") -> Decision:
        """Do `settle` from synchronous code, inside or outside a running event loop."""
        return run_sync(self.settle(session, end, agent=agent))

    def allow(  # one keyword per part of the answer to "who allowed what, and why?"
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
        """Let a person allow a loss in this run; its next ends are judged with it.

        Call this from the program, for a person who was asked, and never with what a model wrote.

        Args:
            session: The run.
            check: The check of the loss, such as `autoscaler-kept`.
            kind: Of the object that the report names.
            name: Of that object.
            reason: Why it is wanted.
            by: Who answers for it.
            namespace: Of that object; empty for any namespace of the incident.

        Raises:
            PolicyError: The check tells no loss.
            UsageError: A part of it is empty.
        """
        try:
            allowance = Allowance(
                check=CheckId(allowable(check)),
                kind=kind,
                name=name,
                namespace=namespace,
                reason=reason,
                by=by,
                at=self.clock.now(),
            )
        except ValueError as error:
            raise UsageError(str(error)) from error
        session.observe(LossAllowed(allowance=allowance))
        return allowance

    async def put(self, session: Session, question: Question) -> str | None:
        """Put an open question to a person, the guard's own way.

        Args:
            session: The run.
            question: What is asked.

        Returns:
            What they answered; None when nobody does, or when there is no such way.
        """
        del session
        return None if self.ask is None else await self.ask(question)

    def answer(self, session: Session, *, question: str, text: str, by: str = "") -> Answer:
        """Take a person's answer to an open question; it narrows what the run is about.

        Call this from the program, for a person who was asked, and never with what a model wrote.

        Args:
            session: The run.
            question: Id of the question.
            text: The answer: a candidate's id, label or number from 1, or other words.
            by: Who answered.

        Raises:
            UsageError: No such question is open, or the answer is empty.
        """
        open_ = next((one for one in session.state.questions if one.id == question), None)
        if open_ is None:
            listed = ", ".join(one.id for one in session.state.questions) or "none"
            raise UsageError(f"no question {question!r} is open; open: {listed}")
        if not text.strip():
            raise UsageError(f"the answer to {question!r} is empty")
        chosen = open_.candidate(text)
        answer = Answer(
            question=question, text=text.strip(), choice=chosen.id if chosen else "", by=by
        )
        before = session.state.incident
        session.observe(QuestionAnswered(answer=answer))
        if session.state.incident != before:
            session.gate_run = None  # it was opened for the wider incident
        return answer

    def give_up_asking(self, session: Session, *, detail: str = "") -> None:
        """Go on without changes, because nobody answered in time or nobody can be asked."""
        if session.state.questions and not session.state.unanswered:
            session.observe(QuestionsExpired(detail=detail))

    def fail(self, session: Session, error: BaseException, *, where: str) -> Decision:
        """Record an exception that leaves the agent; the run ends `aborted`."""
        return session.observe(
            ErrorRaised(error=type(error).__name__, message=clipped(str(error), 500), where=where)
        )

    def _abandon(self, key: SessionKey) -> None:
        """End the run that is open under a key, if one is."""
        open_ = self.store.get(key)
        if open_ is not None and open_.outcome is None:
            open_.observe(EndRequested(exit=ExitKind.CANCELLED, detail=ABANDONED))

    def _put(self, session: Session, key: SessionKey, also: SessionKey | None) -> None:
        self.store.put(key, session)
        if also is not None:
            self.store.put(also, session)

    def _session(self, stored: StoredSession, *, given: Incident | None = None) -> Session:
        return Session(
            stored,
            rules=self._rules,
            clock=self.clock,
            hooks=self.hooks,
            given=given,
            keep=self._keep,
        )
