"""The guard: policy, gate, hooks and clock put together, shared by every run.

It opens sessions and settles ends: `settle` is the one door through which each adapter brings
every exit.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence

from guardrails.core.allowances import Allowance
from guardrails.core.claims import ClaimKind
from guardrails.core.clock import Clock, SystemClock
from guardrails.core.decisions import Decision, Next
from guardrails.core.events import (
    EndRequested,
    ErrorRaised,
    ExitKind,
    GateReported,
    LossAllowed,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    RunStarted,
    WatchEnd,
    WatchReported,
)
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateReport,
    GateVerdict,
    ReferenceInfo,
    ReferenceSource,
    SourceRef,
    Window,
)
from guardrails.core.hooks import Hook, HookSet
from guardrails.core.ids import CheckId, RunId
from guardrails.core.incident import Incident
from guardrails.core.questions import Answer, Question
from guardrails.engine.extras import Extra
from guardrails.engine.rules import Rules
from guardrails.engine.session import Session, StoredSession, decode_session
from guardrails.engine.state import SessionState
from guardrails.engine.store import MemoryStore, SessionKey
from guardrails.engine.waiting import run_sync
from guardrails.errors import UsageError
from guardrails.gates.base import AskingRun, Gate, GateRequest, GateRun
from guardrails.gates.watching import Pace, named, watch_run
from guardrails.hygiene.redact import clipped
from guardrails.policy.allowing import allowable
from guardrails.policy.models import Settings
from guardrails.policy.stored import policy_digest, settings_text
from guardrails.version import VERSION

Ask = Callable[[Question], Awaitable[str | None]]
"""Puts a question to a person; None when nobody answers."""


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
    ) -> None:
        self.settings = settings if settings is not None else Settings()
        self.gate = gate
        self.incident = incident
        self.hooks = HookSet(hooks)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.store = store if store is not None else MemoryStore()
        self.ask = ask
        self._rules = Rules.of(self.settings, detectors=detectors)

    def begin(
        self,
        key: SessionKey,
        *,
        adapter: str,
        incident: Incident | None = None,
        model: str = "",
    ) -> Session:
        """Open a new session under a key. One that is still open there ends `aborted`.

        Args:
            key: What the adapter finds the session by.
            adapter: `create_agent`, `langgraph`, `cli` or `sidecar`.
            incident: What the run is about; the guard's own incident when left out.
            model: `provider:name`, if known.
        """
        abandoned = self.store.get(key)
        if abandoned is not None and abandoned.outcome is None:
            abandoned.observe(
                EndRequested(exit=ExitKind.CANCELLED, detail="abandoned: a new run began")
            )
        state = SessionState(run=RunId(uuid.uuid4().hex))
        session = self._session(StoredSession(state=state))
        self.store.put(key, session)
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
        return session

    def find(self, key: SessionKey) -> Session | None:
        """Return the session under a key, ended or not."""
        return self.store.get(key)

    def restore(self, key: SessionKey, data: bytes) -> Session:
        """Bring back a session from `Session.snapshot`.

        Raises:
            TraceError: The data is not a stored session.
        """
        session = self._session(decode_session(data), given=self.incident)
        self.store.put(key, session)
        return session

    async def prepare(self, session: Session) -> None:
        """Let the gate note the world before the agent acts. Later calls do nothing."""
        if self.gate is not None and session.gate_run is None:
            session.gate_run = await self._open(self.gate, session)
            asks = self.settings.fsm.questions == "ask"
            if asks and isinstance(session.gate_run, AskingRun):
                for question in session.gate_run.questions:
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
        request = self._request(session, end, wait=decision.wait)
        try:
            report = await self._judge(session, request)
            decision = session.observe(GateReported(report=report), agent=agent)
            if decision.next is not Next.WATCH:
                return decision
            watched = await self._watch(session, request, report)
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

    def _request(self, session: Session, end: EndRequested, *, wait: bool) -> GateRequest:
        state = session.read_up()
        return GateRequest(
            incident=session.incident,
            claim=end.claim,
            wait=wait,
            last_write_at=state.last_write_at,
            observed=state.names.all(),
            ledger=state.ledger,
            allowances=state.allowances,
            wait_at_most_seconds=self._time_left(state),
        )

    async def _judge(self, session: Session, request: GateRequest) -> GateReport:
        began = self.clock.monotonic()
        try:
            await self.prepare(session)
            if session.gate_run is None:
                return self._nothing_seen(request, None)
            return await session.gate_run.evaluate(request, on_progress=session.progress)
        except Exception as error:  # noqa: BLE001  # a gate that breaks is unknown evidence
            return self._nothing_seen(request, error)
        finally:
            self.hooks.timing("gate", self.clock.monotonic() - began)

    async def _watch(
        self, session: Session, request: GateRequest, passed: GateReport
    ) -> WatchReported:
        gate = self.settings.gate
        pace = Pace(
            clock=self.clock,
            for_seconds=gate.watch_for,
            poll_seconds=gate.poll_every,
            grace_seconds=gate.unknown_grace,
        )
        began = self.clock.monotonic()
        run = session.gate_run
        if run is None:
            return WatchReported(end=WatchEnd.UNREAD, report=passed)
        try:
            watched = await watch_run(
                run,
                request,
                accepted=passed,
                pace=pace,
                on_progress=session.progress,
            )
        except Exception:  # noqa: BLE001  # a watch that breaks has read nothing
            seconds = self.clock.monotonic() - began
            return WatchReported(end=WatchEnd.UNREAD, report=passed, seconds=seconds)
        return WatchReported(end=watched.end, report=named(watched), seconds=watched.seconds)

    def _time_left(self, state: SessionState) -> float:
        spent = state.elapsed_seconds(self.clock.now())
        return max(0.0, self.settings.budgets.wall_time - spent)

    async def _open(self, gate: Gate, session: Session) -> GateRun:
        return await gate.open(session.incident)

    def _nothing_seen(self, request: GateRequest, error: Exception | None) -> GateReport:
        """Return the report of a gate that is missing or broke: unknown, never a pass."""
        now = self.clock.now()
        name = self.gate.name if self.gate is not None else "none"
        broke = () if error is None else (_broken_gate(name, error, self.clock),)
        said = "no gate is configured" if error is None else f"the gate broke: {error}"
        return GateReport(
            gate=name,
            claim=request.claim.kind if request.claim else ClaimKind.MITIGATED,
            verdict=GateVerdict.UNKNOWN,
            required_tier=self.settings.gate.require,
            reference=ReferenceInfo(source=ReferenceSource.NONE),
            window=Window(state_seconds=0.0, full_seconds=0.0),
            started_at=now,
            ended_at=now,
            evidence=broke,
            summary=said,
        )

    def _session(self, stored: StoredSession, *, given: Incident | None = None) -> Session:
        return Session(stored, rules=self._rules, clock=self.clock, hooks=self.hooks, given=given)


def _broken_gate(name: str, error: Exception, clock: Clock) -> Evidence:
    return Evidence(
        check=CheckId("gate-ran"),
        state=EvidenceState.UNKNOWN,
        subject=SourceRef(source=name, detail=type(error).__name__),
        observed=clipped(str(error), 500),
        expected="a report",
        at=clock.now(),
    )
