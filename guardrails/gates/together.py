"""Several gates that must all pass: the evidence gate, and gates of others that a policy names.

They judge at the same time. The first `fail` ends the rest; a pass needs every gate's, and holds
the evidence of all of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.clock import Clock, SystemClock
from guardrails.core.evidence import (
    Evidence,
    GateReport,
    GateVerdict,
    ReferenceInfo,
    ReferenceSource,
    SourceRef,
    Tier,
    Window,
)
from guardrails.core.ids import CheckId
from guardrails.core.incident import Incident
from guardrails.core.questions import Question
from guardrails.gates.base import (
    AskingRun,
    Gate,
    GateRequest,
    GateRun,
    NotingRun,
    OnProgress,
    ReopeningGate,
)
from guardrails.gates.checks import Witness
from guardrails.gates.composition import all_of, discrepancies
from guardrails.gates.notes import joined, parted
from guardrails.gates.summary import summarize
from guardrails.gates.watching import Pace, Watched, watch_all, watch_run
from guardrails.policy.models import GateSettings


class GatesTogether:
    """One gate made of several.

    Args:
        first: The gate whose report a pass rests on; it says tier, window and reference.
        others: Gates that must pass, too.
        clock: For the report of a gate that broke.
    """

    def __init__(self, first: Gate, others: Sequence[Gate], *, clock: Clock | None = None) -> None:
        self._first = first
        self._others = tuple(others)
        self._clock: Clock = clock if clock is not None else SystemClock()

    @property
    def name(self) -> str:
        """Names of all, for reports and metrics."""
        return "+".join(gate.name for gate in (self._first, *self._others))

    async def open(self, incident: Incident) -> "RunTogether":
        """Open all of them."""
        return self._joint(await open_all((self._first, *self._others), incident))

    async def reopen(self, incident: Incident, noted: bytes) -> "RunTogether":
        """Open all of them by what they noted, those that can.

        Raises:
            BaselineError: What was noted cannot be read.
        """
        gates = (self._first, *self._others)
        return self._joint(await open_all(gates, incident, noted=parted(noted)))

    def _joint(self, runs: tuple[GateRun, ...]) -> "RunTogether":
        names = tuple(gate.name for gate in (self._first, *self._others))
        return RunTogether(names=names, runs=runs, clock=self._clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unopened:
    """Stands for a gate that could not be opened: it says so whenever it is asked."""

    error: Exception

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Raise what opening raised."""
        del request, on_progress
        raise self.error


async def open_all(
    gates: Sequence[Gate], incident: Incident, *, noted: Sequence[bytes] = ()
) -> tuple[GateRun, ...]:
    """Open gates at the same time; one that breaks is unknown when it is asked.

    Args:
        gates: The gates.
        incident: What the run is about.
        noted: What each noted when the run began, in their order; none for a run that begins now.
    """
    notes = (*noted, *(b"" for _ in gates))
    async with asyncio.TaskGroup() as group:
        opened = [
            group.create_task(_open(gate, incident, note))
            for gate, note in zip(gates, notes, strict=False)
        ]
    return tuple(task.result() for task in opened)


async def _open(gate: Gate, incident: Incident, noted: bytes) -> GateRun:
    try:
        if noted and isinstance(gate, ReopeningGate):
            return await gate.reopen(incident, noted)
        return await gate.open(incident)
    except Exception as error:  # noqa: BLE001  # a gate that breaks is unknown when it is asked
        return Unopened(error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTogether:
    """The gates of one run."""

    names: tuple[str, ...]
    runs: tuple[GateRun, ...]
    clock: Clock
    settings: GateSettings = field(default_factory=GateSettings)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What any of them wants a person to say."""
        asking = (run.questions for run in self.runs if isinstance(run, AskingRun))
        return tuple(question for some in asking for question in some)

    def noted(self) -> bytes:
        """Return what each noted as the run began."""
        return joined([run.noted() if isinstance(run, NotingRun) else b"" for run in self.runs])

    async def watch(
        self,
        request: GateRequest,
        *,
        accepted: GateReport,
        for_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> Watched:
        """Watch with all; the first regression ends the rest."""
        pace = Pace(
            clock=self.clock,
            for_seconds=for_seconds,
            poll_seconds=self.settings.poll_every,
            grace_seconds=self.settings.unknown_grace,
        )
        return await watch_all(
            [
                watch_run(run, request, accepted=accepted, pace=pace, on_progress=on_progress)
                for run in self.runs
            ]
        )

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Judge by all; cancellable at any time.

        Returns:
            The report of the gate with the worst verdict, whole, so that it replays. When all
            pass, the first gate's, with the facts of the others added.
        """
        tasks = [
            asyncio.create_task(self._one(name, run, request, on_progress))
            for name, run in zip(self.names, self.runs, strict=True)
        ]
        try:
            reports: list[GateReport] = []
            for done in asyncio.as_completed(tasks):
                report = await done
                if report.verdict is GateVerdict.FAIL:
                    return report
                reports.append(report)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        worst = all_of(report.verdict for report in reports)
        if worst is not GateVerdict.PASS:
            return next(report for report in reports if report.verdict is worst)
        first, *others = (task.result() for task in tasks)
        return _joined(first, others)

    async def _one(
        self, name: str, run: GateRun, request: GateRequest, on_progress: OnProgress | None
    ) -> GateReport:
        try:
            report = await run.evaluate(request, on_progress=on_progress)
            wrong = discrepancies(report)
        except Exception as error:  # noqa: BLE001  # a gate that breaks is unknown evidence
            return self._broken(name, request, f"{type(error).__name__}: {error}")
        if report.verdict is GateVerdict.PASS and wrong:
            return self._broken(name, request, f"its report does not replay: {wrong[0]}")
        return report

    def _broken(self, name: str, request: GateRequest, why: str) -> GateReport:
        now = self.clock.now()
        fact = Witness(check=CheckId("gate-ran"), at=now).unknown(
            SourceRef(source=name, detail="gate"), observed=why, expected="a report that replays"
        )
        return summarize(
            GateReport(
                gate=name,
                claim=request.claim.kind if request.claim else ClaimKind.GAVE_UP,
                verdict=GateVerdict.UNKNOWN,
                required_tier=Tier.STATE,
                reference=ReferenceInfo(source=ReferenceSource.NONE),
                window=Window(state_seconds=0.0, full_seconds=0.0),
                started_at=now,
                ended_at=now,
                evidence=(fact,),
                waiting_for=(f"gate {name}: {why}",),
            )
        )


def _joined(first: GateReport, others: Sequence[GateReport]) -> GateReport:
    """Add the facts of other gates to a pass; they raise no tier, and the verdict stays."""
    added = tuple(_of_gate(report.gate, fact) for report in others for fact in report.evidence)
    return summarize(msgspec.structs.replace(first, evidence=(*first.evidence, *added)))


def _of_gate(gate: str, fact: Evidence) -> Evidence:
    return msgspec.structs.replace(fact, check=CheckId(f"{gate}:{fact.check}"), tier=Tier.STATE)
