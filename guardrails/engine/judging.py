"""The gate at work for a session: how an end is put to it, and what is told when it breaks.

A gate that is missing or breaks has seen nothing: its report is unknown, and never a pass.
"""

from collections.abc import Awaitable, Callable

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.clock import Clock
from guardrails.core.events import WatchEnd, WatchReported
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
from guardrails.core.hooks import HookSet
from guardrails.core.ids import CheckId
from guardrails.engine.session import Session
from guardrails.gates.base import Gate, GateRequest, GateRun, ReopeningGate
from guardrails.gates.watching import Pace, named, watch_run
from guardrails.hygiene.redact import clipped
from guardrails.policy.models import Settings

Prepare = Callable[[Session], Awaitable[None]]
"""Opens the gate for a run, unless it is open."""


class Judge:
    """Puts ends to a gate.

    Args:
        settings: What is enforced.
        hooks: Told how long the gate was at work.
        clock: Where the time comes from.
    """

    def __init__(self, *, settings: Settings, hooks: HookSet, clock: Clock) -> None:
        self._settings = settings
        self._hooks = hooks
        self._clock = clock

    async def opened(self, gate: Gate, session: Session, noted: bytes) -> GateRun:
        """Open the gate for a run, by what it noted as the run began if that was elsewhere."""
        if noted and isinstance(gate, ReopeningGate):
            return await gate.reopen(session.incident, noted)
        return await gate.open(session.incident)

    def request(self, session: Session, claim: Claim | None, *, wait: bool) -> GateRequest:
        """Return what a gate is asked about an end."""
        state = session.read_up()
        spent = state.elapsed_seconds(self._clock.now())
        return GateRequest(
            incident=session.incident,
            claim=claim,
            wait=wait,
            last_write_at=state.last_write_at,
            observed=state.names.all(),
            ledger=state.ledger,
            allowances=state.allowances,
            wait_at_most_seconds=max(0.0, self._settings.budgets.wall_time - spent),
        )

    async def report(
        self, session: Session, request: GateRequest, *, prepare: Prepare, name: str
    ) -> GateReport:
        """Have an end judged.

        Args:
            session: The run.
            request: About its end.
            prepare: Opens the gate.
            name: Of the gate, for a report of nothing seen.

        Returns:
            A report, always: of a gate that is missing or broke too.
        """
        began = self._clock.monotonic()
        try:
            await prepare(session)
            if session.gate_run is None:
                return self._nothing_seen(request, name, None)
            return await session.gate_run.evaluate(request, on_progress=session.progress)
        except Exception as error:  # noqa: BLE001  # a gate that breaks is unknown evidence
            return self._nothing_seen(request, name, error)
        finally:
            self._hooks.timing("gate", self._clock.monotonic() - began)

    async def watch(
        self, session: Session, request: GateRequest, passed: GateReport
    ) -> WatchReported:
        """Keep looking after a pass, as long as the settings say."""
        gate, run = self._settings.gate, session.gate_run
        if run is None:
            return WatchReported(end=WatchEnd.UNREAD, report=passed)
        pace = Pace(
            clock=self._clock,
            for_seconds=gate.watch_for,
            poll_seconds=gate.poll_every,
            grace_seconds=gate.unknown_grace,
        )
        began = self._clock.monotonic()
        try:
            watched = await watch_run(
                run, request, accepted=passed, pace=pace, on_progress=session.progress
            )
        except Exception:  # noqa: BLE001  # a watch that breaks has read nothing
            seconds = self._clock.monotonic() - began
            return WatchReported(end=WatchEnd.UNREAD, report=passed, seconds=seconds)
        return WatchReported(end=watched.end, report=named(watched), seconds=watched.seconds)

    def _nothing_seen(self, request: GateRequest, name: str, error: Exception | None) -> GateReport:
        """Return the report of a gate that is missing or broke."""
        now = self._clock.now()
        broke = () if error is None else (_broken_gate(name, error, self._clock),)
        said = "no gate is configured" if error is None else f"the gate broke: {error}"
        return GateReport(
            gate=name,
            claim=request.claim.kind if request.claim else ClaimKind.MITIGATED,
            verdict=GateVerdict.UNKNOWN,
            required_tier=self._settings.gate.require,
            reference=ReferenceInfo(source=ReferenceSource.NONE),
            window=Window(state_seconds=0.0, full_seconds=0.0),
            started_at=now,
            ended_at=now,
            evidence=broke,
            summary=said,
        )


def _broken_gate(name: str, error: Exception, clock: Clock) -> Evidence:
    return Evidence(
        check=CheckId("gate-ran"),
        state=EvidenceState.UNKNOWN,
        subject=SourceRef(source=name, detail=type(error).__name__),
        observed=clipped(str(error), 500),
        expected="a report",
        at=clock.now(),
    )
