"""Builds the report of a stored run: its trace is all that is needed, also where it was cut off."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from guardrails.core.decisions import Decision, Next
from guardrails.core.events import (
    ContextFiltered,
    EndRequested,
    Event,
    GateReported,
    ModelReplied,
    QuestionAnswered,
    QuestionAsked,
    RunStarted,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    WatchReported,
)
from guardrails.core.evidence import GateProgress, GateReport
from guardrails.core.findings import Finding, vector_of
from guardrails.core.hooks import Record
from guardrails.core.incident import Incident
from guardrails.core.mast import MODES, FailureMode, Weight
from guardrails.core.signatures import SIGNATURES, Shown, Signature
from guardrails.core.toolaction import Effect
from guardrails.core.trace import StoredRun
from guardrails.errors import TraceError
from guardrails.policy.stored import settings_of_text
from guardrails.reports.evidence import attempt, difference, losses, since, waited
from guardrails.reports.story import lines_of
from guardrails.reports.values import (
    Asked,
    Attempt,
    Change,
    Costs,
    Filtered,
    Found,
    ModeSeen,
    RunReport,
    Stay,
)
from guardrails.reports.wording import (
    describe_arguments,
    describe_taken_back,
    outcome_sentence,
)

PREFIX = "FM-"
"""Of a mode's id, left out where people read it."""


def report_of(stored: StoredRun) -> RunReport:
    """Return the report of a run."""
    events, decisions = stored.events, {one.seq: one for one in stored.decisions}
    began = events[0].at if events else None
    started = next((e.fact for e in events if isinstance(e.fact, RunStarted)), None)
    incident = started.incident if started is not None else Incident(task="")
    ended = stored.ended
    last = next((d for d in reversed(stored.decisions) if d.outcome is not None), None)
    report = _last_report(events)
    attempts = tuple(_attempts(stored.records, decisions, began))
    claimed = next((one for one in reversed(attempts) if one.claim), None)
    signature = None if started is None else _signature(started)
    outcome = ended.outcome if ended is not None else last.outcome if last is not None else None
    return RunReport(
        run=stored.run,
        began=began,
        outcome=outcome,
        meaning=_meaning(stored, outcome),
        reason=ended.reason if ended is not None else str(last.reason) if last is not None else "",
        why=_why(attempts, last),
        task=incident.task,
        goal=incident.goal,
        scope=incident.namespaces,
        alerts=tuple(_alert(one.labels) for one in incident.alerts),
        model=started.model if started is not None else "",
        profile=started.profile if started is not None else "",
        machine=bool(started is not None and started.machine),
        shadow=bool(started is not None and started.shadow),
        guard_version=started.guard_version if started is not None else "",
        cut_off=ended is None,
        claim="" if claimed is None else claimed.claim,
        said="" if claimed is None else claimed.said,
        costs=_costs(stored, began),
        phases=tuple(_phases(events, decisions, began)),
        timeline=lines_of(stored.records),
        attempts=attempts,
        modes=_modes(stored.findings, signature),
        signature="" if signature is None else signature.model,
        findings=tuple(_found(one) for one in stored.findings),
        changes=tuple(_changes(events, decisions, began)),
        difference=difference(report),
        losses=losses(report),
        filtered=_filtered(events),
        questions=tuple(_questions(events, began)),
    )


def _signature(started: RunStarted) -> Signature | None:
    """Return the published class that the run's policy holds modes against."""
    if not started.policy:
        return SIGNATURES.get(started.profile)
    try:
        return SIGNATURES.get(settings_of_text(started.policy).cascade.signature)
    except TraceError:  # of another version: the profile's name says it, too
        return SIGNATURES.get(started.profile)


def _meaning(stored: StoredRun, outcome: object) -> str:
    if stored.ended is not None:
        return outcome_sentence(stored.ended.outcome)
    if outcome is not None:
        return "the trace ends right after the run did"
    return "the trace ends before the run did: it goes on elsewhere, or was killed"


def _why(attempts: Sequence[Attempt], last: Decision | None) -> str:
    if last is not None and last.to_person:
        return last.to_person
    answered = [one for one in attempts if one.verdict is not None]
    return answered[-1].told if answered else ""


def _alert(labels: dict[str, str]) -> str:
    name = labels.get("alertname", "alert")
    rest = ", ".join(f"{key}={value}" for key, value in labels.items() if key != "alertname")
    return f"{name} ({rest})" if rest else name


def _costs(stored: StoredRun, began: datetime | None) -> Costs:
    events, ended = stored.events, stored.ended
    until = ended.at if ended is not None else events[-1].at if events else None
    used = [e.fact.usage for e in events if isinstance(e.fact, ModelReplied) and e.fact.usage]
    calls = sum(isinstance(e.fact, ToolRequested) for e in events)
    refused = sum(isinstance(e.fact, GateReported) for e in events)
    return Costs(
        steps=events[-1].step if events else 0,
        tool_calls=calls if ended is None else ended.tool_calls,
        refusals=max(0, refused) if ended is None else ended.refusals,
        input_tokens=sum(one.input_tokens for one in used),
        output_tokens=sum(one.output_tokens for one in used),
        seconds=0.0 if until is None else since(began, until),
    )


def _phases(
    events: Sequence[Event], decisions: dict[int, Decision], began: datetime | None
) -> Iterator[Stay]:
    """Yield the visits of the machine's phases: each decision says where the run stands."""
    stay: _Stay | None = None
    at = 0.0
    for event in events:
        decision = decisions.get(event.seq)
        at = since(began, event.at)
        if stay is not None:
            stay.count(event)
        if decision is None or not decision.phase:
            continue
        if stay is None or stay.phase != decision.phase:
            if stay is not None:
                yield stay.over(at)
            stay = _Stay(phase=decision.phase, began=at)
    if stay is not None:
        yield stay.over(at)


@dataclass(slots=True)
class _Stay:
    phase: str
    began: float
    turns: int = 0
    calls: int = 0

    def count(self, event: Event) -> None:
        self.turns += isinstance(event.fact, ModelReplied)
        self.calls += isinstance(event.fact, ToolRequested)

    def over(self, at: float) -> Stay:
        return Stay(
            phase=self.phase, began=self.began, ended=at, turns=self.turns, calls=self.calls
        )


@dataclass(slots=True)
class _Open:
    """An end that was asked for, until it is decided."""

    end: EndRequested
    step: int
    began: float
    number: int
    decision: Decision | None = None
    report: GateReport | None = None
    ended: float = 0.0
    progress: list[tuple[float, GateProgress]] = field(
        default_factory=list[tuple[float, GateProgress]]
    )

    def over(self) -> Attempt:
        return attempt(
            number=self.number,
            end=self.end,
            step=self.step,
            began=self.began,
            ended=max(self.began, self.ended),
            decision=self.decision,
            report=self.report,
            waits=waited(self.progress),
        )


def _attempts(
    records: Sequence[Record], decisions: dict[int, Decision], began: datetime | None
) -> Iterator[Attempt]:
    open_: _Open | None = None
    number = 0
    for record in records:
        if isinstance(record, GateProgress) and open_ is not None:
            open_.progress.append((since(began, record.at), record))
        if not isinstance(record, Event):
            continue
        decision = decisions.get(record.seq)
        at = since(began, record.at)
        match record.fact:
            case EndRequested() as end:
                if open_ is not None:
                    yield open_.over()
                number += 1
                open_ = _Open(end=end, step=record.step, began=at, number=number)
            case GateReported(report=report) | WatchReported(report=report) if open_ is not None:
                open_.report = report
            case _:
                continue
        open_.decision, open_.ended = decision or open_.decision, at
        if decision is not None and decision.next not in {Next.VERIFY, Next.WATCH}:
            yield open_.over()
            open_ = None
    if open_ is not None:
        yield open_.over()


def _last_report(events: Sequence[Event]) -> GateReport | None:
    reports = (
        event.fact.report
        for event in reversed(events)
        if isinstance(event.fact, GateReported | WatchReported)
    )
    return next(reports, None)


def _modes(findings: Sequence[Finding], signature: Signature | None) -> tuple[ModeSeen, ...]:
    counted = vector_of(findings)
    return tuple(_mode(mode, counted.get(mode, 0), signature) for mode in FailureMode)


def _mode(mode: FailureMode, found: int, signature: Signature | None) -> ModeSeen:
    facts = MODES[mode]
    failed, successful = _published(mode, signature)
    return ModeSeen(
        mode=mode.removeprefix(PREFIX),
        name=facts.name,
        weight=facts.weight,
        found=found,
        published_failed=failed,
        published_successful=successful,
        telling=signature is not None and signature.tells(mode),
    )


def _published(mode: FailureMode, signature: Signature | None) -> tuple[float | None, float | None]:
    """Return the shares of failed and successful runs of a class that show a mode."""
    if signature is None or MODES[mode].weight is Weight.UNSEEN:
        return None, None
    shown = signature.shown.get(mode, Shown(0, 0))
    return shown.failed / signature.failed, shown.successful / signature.successful


def _found(one: Finding) -> Found:
    return Found(
        mode=one.mode.removeprefix(PREFIX),
        name=MODES[one.mode].name,
        why=one.why,
        about=one.about,
        agent=one.agent,
        steps=one.steps,
        evidence=one.evidence,
        confidence=one.confidence,
        weight=one.weight,
        judged=one.judged,
    )


def _changes(
    events: Sequence[Event], decisions: dict[int, Decision], began: datetime | None
) -> Iterator[Change]:
    statuses = {
        e.fact.call_id: str(e.fact.status) for e in events if isinstance(e.fact, ToolReturned)
    }
    for event in events:
        decision = decisions.get(event.seq)
        if not isinstance(event.fact, ToolRequested) or decision is None:
            continue
        action = decision.tool_action
        if action is None or action.effect in {Effect.READ, Effect.FINISH}:
            continue
        blocked = "blocked" if decision.blocked else ""
        yield Change(
            seconds=since(began, event.at),
            step=event.step,
            tool=event.fact.tool,
            call=describe_arguments(event.fact.arguments),
            effect=action.effect,
            status=blocked or statuses.get(event.fact.call_id, ""),
        )


def _filtered(events: Sequence[Event]) -> Filtered:
    facts = [e.fact for e in events if isinstance(e.fact, ContextFiltered)]
    left = Counter[str]()
    for fact in facts:
        left.update(fact.left)
    taken = [describe_taken_back(e.fact) for e in events if isinstance(e.fact, StepTakenBack)]
    return Filtered(
        requests=len(facts),
        before=sum(fact.before for fact in facts),
        after=sum(fact.after for fact in facts),
        left=dict(sorted(left.items())),
        taken_back=tuple(taken),
    )


def _questions(events: Sequence[Event], began: datetime | None) -> Iterator[Asked]:
    answers = {
        e.fact.answer.question: e.fact.answer
        for e in events
        if isinstance(e.fact, QuestionAnswered)
    }
    for event in events:
        if isinstance(event.fact, QuestionAsked):
            question = event.fact.question
            given = answers.get(question.id)
            yield Asked(
                seconds=since(began, event.at),
                text=question.text,
                why=question.why,
                answer="" if given is None else given.text,
                by="" if given is None else given.by,
            )
