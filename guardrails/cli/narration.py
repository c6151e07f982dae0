"""Tells a run as a story: records in, notes out. How a note looks is the printers' concern.

The engine emits an event, then what was found, then the decision on it; a note needs all three,
so the event waits here until its decision is there.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from guardrails.cli.notes import Note, Status, Tone
from guardrails.core.decisions import Decision, EnforcedAction, Next, Verdict
from guardrails.core.events import (
    AgentHandedOff,
    EndRequested,
    ErrorRaised,
    Event,
    GateReported,
    LossAllowed,
    ModelReplied,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    RunPaused,
    RunResumed,
    RunStarted,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    WatchEnd,
    WatchReported,
)
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.toolaction import Effect
from guardrails.reports.wording import (
    describe_allowed,
    describe_arguments,
    describe_fact,
    describe_finding,
    describe_start,
    describe_taken_back,
    until,
    without_numbers,
)

FACTS_SHOWN = 4
"""Facts of a refusal that are shown; the report holds all of them."""

LINES_SHOWN = 6
"""Lines of a tool's result that are shown; enough to see what the agent saw."""

RESULTS_KEPT = 20
"""Latest results that a repeated one is told by."""

_EFFECT_TONES = {
    Effect.READ: Tone.READ,
    Effect.WRITE: Tone.WRITE,
    Effect.DESTRUCTIVE: Tone.DESTRUCTIVE,
    Effect.FINISH: Tone.CLAIM,
}


class Narrator:
    """Turns the records of one run into notes. Not thread-safe; its printer locks."""

    def __init__(self) -> None:
        self.status = Status()
        self._began: datetime | None = None
        self._event: Event | None = None
        self._found: list[Finding] = []
        self._claimed_at: datetime | None = None
        self._said = ""
        self._shown: deque[str] = deque(maxlen=RESULTS_KEPT)
        self._said_waiting: tuple[str, ...] = ()
        self.effects: Counter[Effect] = Counter()

    def tell(self, record: Record) -> list[Note]:
        """Take one record and return what there is to say now."""
        match record:
            case Event():
                self._began = self._began or record.at
                self._event = record
                self._set(step=record.step)
                return []
            case Finding():
                self._found.append(record)
                self._set(findings=self.status.findings + 1)
                return []
            case FindingWithdrawn():
                self._set(findings=max(0, self.status.findings - 1))
                return []
            case Decision():
                return self._decided(record)
            case GateProgress():
                return self._waiting(record)
            case RunEnded():
                self._set(ended=True, waiting=None, judging=False)
                return []

    def _decided(self, decision: Decision) -> list[Note]:
        event, self._event = self._event, None
        found, self._found = self._found, []
        if event is None:
            return []
        notes = list(self._notes(event, decision))
        notes += [self._note(event.at, Tone.FINDING, "finding", describe_finding(f)) for f in found]
        if decision.cascade:
            label = "stricter" if decision.cascade == "tightened" else "cascade"
            notes.append(self._note(event.at, Tone.BLOCKED, label, decision.to_person))
        return notes

    def _notes(self, event: Event, decision: Decision) -> Iterator[Note]:
        at = event.at
        match event.fact:
            case RunStarted() as started:
                yield self._note(at, Tone.START, "run", describe_start(event, started))
            case ModelReplied() as reply:
                yield from self._replied(event, reply)
                yield from self._intervened(at, decision)
            case ToolRequested() as call:
                yield from self._called(at, call, decision)
            case ToolReturned() as returned:
                yield from self._returned(at, returned)
            case EndRequested() as end:
                yield from self._end_asked(at, end, decision)
            case GateReported() | WatchReported() as reported:
                yield from self._reported(at, reported, decision)
            case ErrorRaised() as error:
                said = f"{error.error} in {error.where or 'the agent'}: {error.message}"
                yield self._note(at, Tone.ERROR, "error", said)
            case QuestionAsked() | QuestionAnswered() | QuestionsExpired() as fact:
                yield self._asked(at, fact)
            case RunPaused() | RunResumed() | AgentHandedOff() | LossAllowed() as fact:
                yield self._on_the_way(at, fact)
            case StepTakenBack() as taken:
                yield self._note(at, Tone.WARNING, "taken back", describe_taken_back(taken))
            case _:
                yield from self._intervened(at, decision)

    def _replied(self, event: Event, reply: ModelReplied) -> Iterator[Note]:
        self._said = reply.text
        if reply.text.strip():
            yield self._note(event.at, Tone.MODEL, f"step {event.step}", f"“{reply.text}”")
        for call in reply.tool_calls:
            if call.mended:
                said = f"arguments of {call.tool}: {call.mended}"
                yield self._note(event.at, Tone.WARNING, "mended", said)

    def _asked(
        self, at: datetime, fact: QuestionAsked | QuestionAnswered | QuestionsExpired
    ) -> Note:
        match fact:
            case QuestionAsked(question=asked):
                return self._note(at, Tone.WARNING, "question", f"{asked.text} ({asked.why})")
            case QuestionAnswered(answer=given):
                by = f" by {given.by}" if given.by else ""
                return self._note(at, Tone.WARNING, "answered", f"{given.text}{by}")
            case QuestionsExpired(detail=detail):
                said = "no answer: the run goes on without changes"
                return self._note(
                    at, Tone.WARNING, "question", f"{said} ({detail})" if detail else said
                )

    def _on_the_way(
        self, at: datetime, fact: RunPaused | RunResumed | AgentHandedOff | LossAllowed
    ) -> Note:
        match fact:
            case RunPaused(reason=reason, detail=detail):
                said = f"{reason}: {detail}" if detail else reason
                return self._note(at, Tone.WARNING, "paused", said)
            case RunResumed():
                return self._note(at, Tone.WARNING, "resumed", "the run goes on")
            case AgentHandedOff(to=to):
                return self._note(at, Tone.MODEL, "hand-off", f"to {to}")
            case LossAllowed(allowance=given):
                place = f"{given.namespace}/" if given.namespace else ""
                said = f"{given.check}: {given.kind} {place}{given.name}: {given.reason}"
                return self._note(at, Tone.WARNING, "allowed", f"by {given.by}: {said}")

    def _intervened(self, at: datetime, decision: Decision) -> Iterator[Note]:
        if decision.next is Next.STOP:
            yield self._note(at, Tone.BLOCKED, "stopped", decision.to_person or decision.reason)

    def _called(self, at: datetime, call: ToolRequested, decision: Decision) -> Iterator[Note]:
        action = decision.tool_action
        effect = action.effect if action is not None else Effect.WRITE
        self.effects[effect] += 1
        self._set(calls=self.status.calls + 1)
        said = f"{call.tool} {describe_arguments(call.arguments)}".strip()
        yield self._note(at, _EFFECT_TONES[effect], effect.value, said)
        if decision.next is Next.STOP or decision.action is EnforcedAction.BLOCK:
            why = decision.to_person or str(decision.reason)
            yield self._note(at, Tone.BLOCKED, "blocked", why)
        elif decision.verdict is Verdict.WARN:
            yield self._note(at, Tone.WARNING, "warning", decision.to_person)

    def _returned(self, at: datetime, returned: ToolReturned) -> Iterator[Note]:
        match returned.status:
            case ToolStatus.OK:
                lines = self._new_lines(returned.text)
                yield from (self._note(at, Tone.RESULT, "", line) for line in lines)
            case ToolStatus.ERROR:
                yield self._note(at, Tone.WARNING, "failed", returned.text)
            case ToolStatus.BLOCKED:
                return

    def _new_lines(self, text: str) -> list[str]:
        """Take the first lines of a result; one that was shown before is not shown again."""
        lines = _lines(text)
        if len(lines) > 1 and text in self._shown:
            return ["(the same as before)"]
        self._shown.append(text)
        return lines

    def _end_asked(self, at: datetime, end: EndRequested, decision: Decision) -> Iterator[Note]:
        claim = end.claim
        said = end.detail or f"ends by {end.exit}"
        if claim is not None:
            again = claim.text.strip() == self._said.strip()
            said = str(claim.kind) if again else f"{claim.kind}: “{claim.text}”"
        yield self._note(at, Tone.CLAIM, "claim" if claim else "end", said)
        match decision.next:
            case Next.VERIFY:
                self._claimed_at = at
                self._said_waiting = ()
                self._set(judging=True)
            case Next.END:
                pass
            case _:
                yield from self._refused(at, decision, str(decision.reason))

    def _reported(
        self, at: datetime, reported: GateReported | WatchReported, decision: Decision
    ) -> Iterator[Note]:
        match reported:
            case GateReported(report=report):
                return self._judged(at, report, decision)
            case WatchReported():
                return self._watched(at, reported, decision)

    def _judged(self, at: datetime, report: GateReport, decision: Decision) -> Iterator[Note]:
        self._set(judging=False, waiting=None)
        after = (at - self._claimed_at).total_seconds() if self._claimed_at else 0.0
        if report.verdict is GateVerdict.PASS and decision.action is EnforcedAction.ALLOW:
            said = f"gate pass after {after:.1f}s, tier {report.tier}"
            if decision.next is Next.WATCH:
                self._said_waiting = ()
                self._set(judging=True)
                yield self._note(at, Tone.GATE, "passed", f"{said}; it is watched from now on")
                return
            yield self._note(at, Tone.ACCEPTED, "accepted", said)
            for fact in report.allowed:
                yield self._note(at, Tone.WARNING, "allowed", describe_allowed(fact))
            return
        yield from self._refused(at, decision, f"gate {report.verdict} after {after:.1f}s")
        yield from self._facts(at, report)

    def _watched(self, at: datetime, watched: WatchReported, decision: Decision) -> Iterator[Note]:
        self._set(judging=False, waiting=None)
        said = f"{watched.end} after {watched.seconds:.1f}s under watch"
        if watched.end is not WatchEnd.REGRESSED:
            yield self._note(at, Tone.ACCEPTED, "accepted", said)
            return
        yield from self._refused(at, decision, said)
        yield from self._facts(at, watched.report)

    def _facts(self, at: datetime, report: GateReport) -> Iterator[Note]:
        facts = (*report.violated, *report.unknown)
        for fact in facts[:FACTS_SHOWN]:
            yield self._note(at, Tone.FACT, "", describe_fact(fact))
        if len(facts) > FACTS_SHOWN:
            yield self._note(at, Tone.FACT, "", f"and {len(facts) - FACTS_SHOWN} more")

    def _refused(self, at: datetime, decision: Decision, why: str) -> Iterator[Note]:
        if decision.next is Next.END:
            yield self._note(at, Tone.REFUSED, "not proved", why)
            return
        self._set(refusals=self.status.refusals + 1)
        yield self._note(at, Tone.REFUSED, "refused", f"{why}; {decision.to_person}".strip("; "))

    def _waiting(self, progress: GateProgress) -> list[Note]:
        if not progress.waiting_for:
            return []
        self._set(waiting=progress)
        reasons = tuple(without_numbers(r) for r in progress.waiting_for)
        if reasons == self._said_waiting:
            return []
        self._said_waiting = reasons
        said = "; ".join(progress.waiting_for)
        return [self._note(progress.at, Tone.GATE, "waiting", f"{said}{until(progress)}")]

    def _note(self, at: datetime, tone: Tone, label: str, text: str) -> Note:
        since = (at - self._began).total_seconds() if self._began else 0.0
        return Note(seconds=max(0.0, since), tone=tone, label=label, text=text)

    def _set(self, **changes: Any) -> None:  # noqa: ANN401  # fields of `Status`
        self.status = replace(self.status, **changes)


def _lines(text: str) -> list[str]:
    """Take the first lines of a result, and say how many more there are."""
    lines = [line for line in text.splitlines() if line.strip()]
    more = len(lines) - LINES_SHOWN
    if more <= 1:
        return lines
    return [*lines[:LINES_SHOWN], f"… {more} more lines"]
