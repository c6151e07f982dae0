"""The gate: looks at the world until the evidence decides, and says so in a report.

It fails at once, passes only what stayed good long enough, asks again for what may come back,
and gives up waiting when its time is spent. All judging is in pure functions elsewhere.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guardrails.core.clock import Clock, SystemClock
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.questions import Question
from guardrails.gates.alerts.checks import known_rules
from guardrails.gates.alerts.inputs import input_queries
from guardrails.gates.alerts.sources import AlertmanagerSource, PrometheusSource
from guardrails.gates.answering import queries_of, questions_of
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.gates.checks import Check, Scope
from guardrails.gates.choice import chosen
from guardrails.gates.clarify import open_questions
from guardrails.gates.kubernetes.reader import ClusterReader
from guardrails.gates.look import Sources, ask, take_look
from guardrails.gates.notes import packed, parted, unpacked
from guardrails.gates.plugins import extra_gates
from guardrails.gates.reference import (
    HISTORY_LISTS,
    Baselines,
    choose_among,
    read_manifests,
)
from guardrails.gates.registry import DEFAULT_CHECKS, ignorable, lists_of
from guardrails.gates.snapshot import Snapshot, decode_snapshot, encode_snapshot
from guardrails.gates.standing import standing_of
from guardrails.gates.together import RunTogether, open_all
from guardrails.gates.unrest import Unrest
from guardrails.gates.vigil import Case, Vigil
from guardrails.gates.watching import Glance, Pace, Watched, keep_watch, thinned
from guardrails.policy.models import GateSettings

RETRY_SECONDS = 1.0
"""Between two looks while a source does not answer; nothing is judged meanwhile."""

LEAST_PAUSE_SECONDS = 0.05
"""Between two looks, also when a window has just ended or is about to."""


class EvidenceGate:
    """Judges ends by Kubernetes, Prometheus and Alertmanager. Shared by all runs.

    Args:
        reader: The cluster; None when there is none, and nothing can then pass.
        prometheus: The source of alerts; without it nothing passes unless the settings allow it.
        alertmanager: Optional second source.
        settings: How much proof, and how long to wait; the shipped defaults when left out.
        clock: Where the time comes from; the system's when left out.
        baselines: Recorded snapshots: files, and folders of them.
        manifests: Declared manifests: files, and folders of them; used where no snapshot is.
        checks: What is checked, before the settings skip some and add others.

    Raises:
        BaselineError: A baseline or a manifest cannot be read.
        PolicyError: The settings ignore a list that is needed, or none of ours; or they name a
            check that does not exist, or a custom resource wrongly.
        PluginError: An installed check or gate that they name is broken.
    """

    def __init__(  # one keyword per seam
        self,
        *,
        reader: ClusterReader | None,
        prometheus: PrometheusSource | None = None,
        alertmanager: AlertmanagerSource | None = None,
        settings: GateSettings | None = None,
        clock: Clock | None = None,
        baselines: Sequence[Path] = (),
        manifests: Sequence[Path] = (),
        checks: Sequence[Check] = DEFAULT_CHECKS,
    ) -> None:
        self._sources = Sources(cluster=reader, prometheus=prometheus, alertmanager=alertmanager)
        self._settings = settings if settings is not None else GateSettings()
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._baselines, self._manifests = Baselines(baselines), read_manifests(manifests)
        choice = chosen(checks, self._settings)
        self._checks, self._skipped = choice.checks, choice.skipped
        self._ignored = ignorable(self._settings.ignore_lists)
        self._others = extra_gates(self._settings)

    @property
    def name(self) -> str:
        """Name for reports and metrics."""
        return "evidence"

    async def open(self, incident: Incident) -> "EvidenceRun | RunTogether":
        """Look at the world once, choose the reference, and return the gate of one run.

        With gates of others in the settings it is one run of them all.
        """
        return await self._opened(incident, noted=())

    async def reopen(self, incident: Incident, noted: bytes) -> "EvidenceRun | RunTogether":
        """Return the gate of a run that began earlier, by what `noted` returned then.

        Raises:
            BaselineError: What was noted cannot be read.
        """
        return await self._opened(incident, noted=parted(noted) if self._others else [noted])

    async def _opened(
        self, incident: Incident, *, noted: Sequence[bytes]
    ) -> "EvidenceRun | RunTogether":
        mine, *theirs = noted or (b"",)
        start = decode_snapshot(unpacked(mine), name="the start of the run") if mine else None
        if not self._others:
            return await self._own(incident, start)
        others = asyncio.create_task(open_all(self._others, incident, noted=theirs))
        try:
            own = await self._own(incident, start)
            runs = (own, *await others)
        finally:
            others.cancel()
        names = (self.name, *(gate.name for gate in self._others))
        return RunTogether(names=names, runs=runs, clock=self._clock, settings=self._settings)

    async def _own(self, incident: Incident, noted: Snapshot | None) -> "EvidenceRun":
        start = noted if noted is not None else await self._look(incident)
        # Snapshots of thousands of objects take a while to read and to judge.
        reference = await asyncio.to_thread(
            choose_among,
            self._baselines.candidates(),
            incident,
            start=start,
            checks=self._checks,
            manifests=self._manifests,
        )
        if noted is None:
            # Which metrics matter is known only by the rules that the look brought.
            queries = [
                *input_queries(incident, known_rules(reference, start)),
                *queries_of(self._checks),
            ]
            start = await ask(self._sources, start, queries)
        reference = replace(reference, start=start)
        unrest = Unrest()
        unrest.note_changes(start)
        return EvidenceRun(
            questions=await open_questions(incident, reference, self._sources.cluster),
            case=Case(
                name=self.name,
                incident=incident,
                reference=reference,
                standing=standing_of(reference, incident, self._checks),
                sources=self._sources,
                settings=self._settings,
                clock=self._clock,
                checks=self._checks,
                skipped=self._skipped,
                unrest=unrest,
            ),
        )

    async def _look(self, incident: Incident) -> Snapshot:
        return await take_look(
            self._sources,
            namespaces=Scope(incident=incident).namespaces,
            kinds=lists_of(self._checks, ignored=self._ignored, more=HISTORY_LISTS),
            queries=(),
            at=self._clock.now(),
            questions=questions_of(self._checks),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRun:
    """The gate of one run."""

    case: Case
    questions: tuple[Question, ...] = ()
    """What about the incident only a person can say."""

    def noted(self) -> bytes:
        """Return what was seen as the run began, for `EvidenceGate.reopen`."""
        start = self.case.reference.start
        return b"" if start is None else packed(encode_snapshot(start))

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Judge one end; cancellable at any time.

        Returns:
            A report, always. `fail` and `pass` come with the look that decides; `unknown` at once
            when asking again cannot help, else after the settings' `unknown_grace`; `pending`
            when the time to wait is spent, or at the first look when `request.wait` is false.
        """
        settings, clock = self.case.settings, self.case.clock
        vigil = Vigil(case=self.case, request=request)
        most = settings.wait_at_most
        if request.wait_at_most_seconds is not None:
            most = min(most, request.wait_at_most_seconds)
        deadline = clock.monotonic() + most
        silent_since: float | None = None
        while True:
            judgement = await vigil.look()
            if on_progress is not None:
                on_progress(vigil.progress())
            now = clock.monotonic()
            match judgement.verdict:
                case GateVerdict.PASS | GateVerdict.FAIL:
                    passed = judgement.verdict is GateVerdict.PASS
                    self.case.unrest.passed = vigil.trail if passed else ()
                    return vigil.report()
                case GateVerdict.UNKNOWN:
                    silent_since = now if silent_since is None else silent_since
                    spent = now - silent_since >= settings.unknown_grace
                    if spent or not vigil.may_come_back():
                        return vigil.report()
                    pause = min(RETRY_SECONDS, settings.poll_every)
                case GateVerdict.PENDING:
                    silent_since = None
                    missing = vigil.missing_seconds()
                    if missing is not None and missing > deadline - now:
                        return vigil.report(limit_seconds=most)
                    # The look that ends the window comes when it ends.
                    pause = settings.poll_every
                    if missing is not None:
                        pause = min(pause, max(missing, LEAST_PAUSE_SECONDS))
            if not request.wait or now >= deadline:
                return vigil.report()
            await clock.sleep(max(0.0, min(pause, deadline - now)))

    async def watch(
        self,
        request: GateRequest,
        *,
        accepted: GateReport,
        for_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> Watched:
        """Keep looking after a pass; cancellable at any time, and over after `for_seconds`.

        The trail goes on where the pass left it, so the report of the last look is a pass as long
        as everything stayed good.

        Args:
            request: The end that passed.
            accepted: The report that it passed with.
            for_seconds: How long to watch.
            on_progress: Told of every look.

        Returns:
            How it came out, at the first regression or when the time is over.
        """
        del accepted  # what matters of it is in the trail
        settings = self.case.settings
        vigil = Vigil(case=self.case, request=request, trail=self.case.unrest.passed)

        async def glance() -> Glance:
            await vigil.look()
            vigil.trail = thinned(vigil.trail)
            return Glance(verdict=vigil.trail[-1].verdict, report=vigil.report())

        pace = Pace(
            clock=self.case.clock,
            for_seconds=for_seconds,
            poll_seconds=settings.poll_every,
            grace_seconds=settings.unknown_grace,
        )
        return await keep_watch(glance, pace=pace, on_progress=on_progress)
