"""A session: one run's state behind a lock, with its clock and hooks.

Tool calls run in parallel threads, so `observe` is serialized per run. The session takes secrets
out of facts, stamps them into events and hands those to the fold; it decides nothing itself.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from guardrails.actions.facts.fact import Fact
from guardrails.actions.facts.ledger import Ledger
from guardrails.actions.facts.views import standing
from guardrails.core.clock import Clock
from guardrails.core.decisions import Decision
from guardrails.core.events import AnyFact, Event, ModelReplied, NodeRan, RunStarted
from guardrails.core.evidence import GateProgress
from guardrails.core.findings import Finding, Found
from guardrails.core.findings import standing as holding
from guardrails.core.hooks import Hook, HookSet, RunEnded
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.core.result import RunResult
from guardrails.core.toolaction import ToolAnnotations
from guardrails.core.versions import newer_version, update_needed
from guardrails.engine.fold import Folded, fold
from guardrails.engine.phases import look_due, shows
from guardrails.engine.reading import read_up
from guardrails.engine.rules import Rules
from guardrails.engine.scrub import scrubbed
from guardrails.engine.state import STATE_SCHEMA, SessionState
from guardrails.engine.work import work_done
from guardrails.errors import RunEndedError, TraceError
from guardrails.gates.base import GateRun
from guardrails.hygiene.context import Context

replace = msgspec.structs.replace


class StoredSession(msgspec.Struct, frozen=True, kw_only=True, tag="session"):
    """A session at rest."""

    state: SessionState
    findings: tuple[Finding, ...] = ()
    """Where sessions before schema 5 had them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What a fact would lead to."""

    event: Event
    folded: Folded

    @property
    def decision(self) -> Decision:
        """The guard's answer to it."""
        return self.folded.decision


Keep = Callable[[Proposed], None]
"""Stores what a fact leads to before it is so. When it raises, the fact has not happened: the
session stays as it was, and no hook has seen anything."""


class Session:
    """The guard's state for one run. Made by `Guard`, never directly."""

    def __init__(
        self,
        stored: StoredSession,
        *,
        rules: Rules,
        clock: Clock,
        hooks: HookSet,
        given: Incident | None = None,
        keep: Keep | None = None,
    ) -> None:
        self._state = stored.state
        self._keep = keep
        self._rules = rules
        self._clock = clock
        self._hooks = hooks
        self._lock = threading.RLock()
        self.context = Context(self.rules.settings.hygiene)
        """What the run's models are sent."""
        self._given = given
        self.gate_run: GateRun | None = None
        """The gate opened for this run; None until the first look."""

    @property
    def run(self) -> RunId:
        """The run's id."""
        return self._state.run

    @property
    def state(self) -> SessionState:
        """The current state; a value, so it can be read at leisure."""
        return self._state

    @property
    def incident(self) -> Incident:
        """What the run is about, in the words it was given: the gate asks with labels and queries.

        Neither events nor the stored session have words that hold a secret. After a restart they
        come from the guard's own incident, if that is the one of the run.
        """
        known = self._state.incident or Incident(task="")
        given = self._given
        if given is None or _words(scrubbed(given)) != _words(known):
            return known
        return replace(known, task=given.task, alerts=given.alerts, slo=given.slo)

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended, or None while it goes on."""
        return self._state.outcome

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that hold so far, at most 500."""
        return self._state.findings

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What tools said and nothing was changed since, those seen last at the end.

        `guardrails.actions.facts.views` answers further questions about `ledger`.
        """
        return standing(self.ledger)

    @property
    def ledger(self) -> Ledger:
        """What tools said of objects and alerts, up to the last result."""
        return self.read_up().ledger

    def catch_up(self, events: Iterable[Event], *, tell: bool = False) -> None:
        """Fold events that happened to this run elsewhere, or before a restart.

        Those that were folded already are passed over: who reads a store does not know what happens
        meanwhile.

        Args:
            events: In order, and without secrets.
            tell: Whether the hooks here hear of them. They were told before a restart, and not of
                what is decided in another process.

        Raises:
            TraceError: An event is of another run, or does not follow.
        """
        with self._lock:
            for event in events:
                before = self._state
                if event.run == before.run and event.seq <= before.seq:
                    continue
                if event.run != before.run or event.seq != before.seq + 1:
                    raise TraceError(
                        f"event {event.seq} of run {event.run} does not follow event {before.seq} "
                        f"of run {before.run}"
                    )
                folded = fold(before, event, self._rules)
                if tell:
                    self._accept(Proposed(event=event, folded=folded))
                else:
                    self._state = folded.state
                if before.seq and self._state.incident != before.incident:
                    self.gate_run = None  # it was opened for another incident
            self.context.follow(self.rules.settings.hygiene)

    def read_up(self) -> SessionState:
        """Return the state with every result read, and keep it: it says the same as before."""
        with self._lock:
            self._state = read_up(self._state)
            return self._state

    @property
    def rules(self) -> Rules:
        """What the run is decided by; stricter after a cascade."""
        return self._rules.tightened if self._state.cascade.tightened_at else self._rules

    @property
    def look_due(self) -> bool:
        """True when the gate should look before the agent's next call, though nobody asked."""
        return look_due(self._state, self._rules)

    def shows(self, tool: str, annotations: ToolAnnotations | None = None) -> bool:
        """Tell whether the model is shown a tool where the run stands.

        Args:
            tool: Its name.
            annotations: What it says of itself.
        """
        return shows(self._state, self._rules, tool, annotations)

    def follow(self, hook: Hook) -> None:
        """Let one more hook have this run's records; one that it has by name stays as it is."""
        with self._lock:
            self._hooks = self._hooks.joined(hook)

    def observe(self, fact: AnyFact, *, agent: str = "") -> Decision:
        """Take one fact and decide.

        Args:
            fact: What happened.
            agent: Which agent it happened to, where a run has several.

        Returns:
            What the adapter must do. Hooks have seen event, findings and decision by then; no
            secret is in any of them.
        """
        began = time.perf_counter()
        with self._lock:
            proposed = self._proposed(fact, agent)
            spent = time.perf_counter() - began
            if self._keep is not None:
                self._keep(proposed)
            self._accept(proposed)
        self._hooks.timing("observe", spent)
        return proposed.decision

    def _proposed(self, fact: AnyFact, agent: str) -> Proposed:
        """Say what a fact would lead to."""
        if isinstance(fact, RunStarted):
            self._given = fact.incident
        fact = scrubbed(fact, self.context.redacted)
        before = self._state
        turn = isinstance(fact, ModelReplied) or (isinstance(fact, NodeRan) and fact.turn)
        event = Event(
            run=before.run,
            seq=before.seq + 1,
            at=self._clock.now(),
            step=before.step + turn,
            agent=agent,
            fact=fact,
        )
        return Proposed(event=event, folded=fold(before, event, self._rules))

    def _accept(self, proposed: Proposed) -> None:
        """Let what was proposed be so, and tell the hooks."""
        before, folded, event = self._state, proposed.folded, proposed.event
        fact = event.fact
        if isinstance(fact, ModelReplied) and fact.usage is not None:
            self.context.counted(fact.usage.input_tokens, agent=event.agent)
        self._state = folded.state
        self._emit(event, folded.decision, folded.found)
        if folded.decision.cascade == "tightened":
            self.context.follow(self.rules.settings.hygiene)
        if folded.state.detectors.others is not before.detectors.others:
            self._count_broken(before)
        if folded.state.ended and not before.ended:
            self._hooks.emit(self.run, self._ended())

    def progress(self, progress: GateProgress) -> None:
        """Pass on what a waiting gate says; it is telemetry and changes nothing."""
        self._hooks.emit(self.run, replace(scrubbed(progress), run=self.run))

    def result(self) -> RunResult:
        """Return how the run ended.

        Raises:
            RunEndedError: The run has not ended.
        """
        with self._lock:
            state = self._state
            if state.outcome is None:
                raise RunEndedError(f"run {state.run} has not ended yet")
            report = state.report
            now = state.last_at
            began = state.started_at
            return RunResult(
                run=state.run,
                outcome=state.outcome,
                reason=state.reason,
                detail=state.detail,
                claim=state.claim,
                verdict=report.verdict if report else None,
                tier=report.tier if report else None,
                refusals=state.refusals,
                steps=state.step,
                tool_calls=state.tool_calls,
                input_tokens=state.input_tokens,
                output_tokens=state.output_tokens,
                seconds=(now - began).total_seconds() if now and began else 0.0,
                profile=state.profile,
                shadow=state.shadow,
                findings=state.findings,
                failure_vector=state.vector,
                report=report,
                work=work_done(state),
            )

    def snapshot(self) -> bytes:
        """Return the session at rest, as JSON."""
        with self._lock:
            stored = StoredSession(state=self.read_up())
        return msgspec.json.encode(stored)

    def _emit(self, event: Event, decision: Decision, found: tuple[Found, ...]) -> None:
        self._hooks.emit(self.run, event)
        for one in found:
            self._hooks.emit(self.run, one)
        self._hooks.emit(self.run, decision)

    def _count_broken(self, before: SessionState) -> None:
        """Count a detector of others that has just raised, as a sink of telemetry would be."""
        known = before.detectors.broken
        for name in self._state.detectors.broken:
            if name not in known:
                self._hooks.failed(f"detector:{name}")

    def _ended(self) -> RunEnded:
        state = self._state
        return RunEnded(
            run=state.run,
            at=state.last_at or self._clock.now(),
            outcome=state.outcome or Outcome.ABORTED,
            reason=state.reason,
            steps=state.step,
            tool_calls=state.tool_calls,
            refusals=state.refusals,
            input_tokens=state.input_tokens,
            output_tokens=state.output_tokens,
        )


def _words(incident: Incident) -> tuple[object, ...]:
    """Return what an answer to a question leaves as it is."""
    return incident.task, incident.alerts, incident.slo


def decode_session(data: bytes) -> StoredSession:
    """Read what `Session.snapshot` wrote.

    Raises:
        TraceError: Not a stored session, or one of a newer schema.
    """
    if newer := newer_version(data, known=STATE_SCHEMA, of_state=True):
        raise TraceError(update_needed("session", found=newer, known=STATE_SCHEMA))
    try:
        stored = msgspec.json.decode(data, type=StoredSession)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TraceError(f"not a stored session: {error}") from error
    if not stored.findings:
        return stored
    held = holding(stored.findings, before=stored.state.findings)
    return StoredSession(state=replace(stored.state, findings=held))
