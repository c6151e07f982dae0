"""The timeline: a line for each thing that happened, in the run's order, with what is behind it."""

from collections.abc import Iterator
from datetime import datetime

from guardrails.core.decisions import Decision, EnforcedAction, Next, Verdict
from guardrails.core.events import (
    AgentHandedOff,
    ContextFiltered,
    EndRequested,
    ErrorRaised,
    Event,
    GateReported,
    LossAllowed,
    MessagePassed,
    ModelReplied,
    NodeRan,
    PlanStated,
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
    WatchReported,
)
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.mast import MODES
from guardrails.core.questions import described
from guardrails.core.toolaction import Effect
from guardrails.reports.evidence import since
from guardrails.reports.values import Kind, Line
from guardrails.reports.wording import (
    count,
    describe_arguments,
    describe_finding,
    describe_start,
    describe_taken_back,
    outcome_sentence,
)

_EFFECTS = {
    Effect.READ: Kind.READ,
    Effect.WRITE: Kind.WRITE,
    Effect.DESTRUCTIVE: Kind.DESTRUCTIVE,
    Effect.FINISH: Kind.FINISH,
}


def lines_of(records: tuple[Record, ...]) -> tuple[Line, ...]:
    """Return the timeline of a run."""
    return tuple(_Story().told(records))


class _Story:
    """Reads records in order. An event waits for its decision, with what was found meanwhile."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._event: Event | None = None
        self._found: list[Finding | FindingWithdrawn] = []
        self._step = 0
        self._phase = ""

    def told(self, records: tuple[Record, ...]) -> Iterator[Line]:
        for record in records:
            match record:
                case Event():
                    yield from self._decided(None)  # one whose decision was lost
                    self._began = self._began or record.at
                    self._event, self._step = record, record.step
                case Finding() | FindingWithdrawn():
                    self._found.append(record)
                case Decision():
                    self._phase = record.phase or self._phase
                    yield from self._decided(record)
                case RunEnded(at=at, outcome=outcome, reason=reason):
                    said = f"{outcome}: {outcome_sentence(outcome)} ({reason})"
                    yield self._line(at, Kind.END, "end", said)
                case _:
                    pass  # progress of a gate stands with its attempt
        yield from self._decided(None)

    def _decided(self, decision: Decision | None) -> Iterator[Line]:
        event, self._event = self._event, None
        found, self._found = self._found, []
        if event is None:
            return
        decision = decision or Decision(run=event.run, seq=event.seq)
        yield from self._lines(event, decision)
        for one in found:
            yield self._finding(event.at, one)
        if decision.cascade:
            yield self._line(event.at, Kind.GUARD, "cascade", decision.to_person)

    def _lines(self, event: Event, decision: Decision) -> Iterator[Line]:
        at, agent = event.at, event.agent
        match event.fact:
            case RunStarted() as started:
                yield self._line(at, Kind.START, "run", describe_start(event, started))
            case ModelReplied() as reply:
                yield from self._replied(event, reply)
                yield from self._stopped(at, decision)
            case ToolRequested() as call:
                yield from self._called(event, call, decision)
            case ToolReturned() as returned:
                yield from self._returned(at, returned, agent)
            case EndRequested() as end:
                yield from self._end_asked(event, end, decision)
            case GateReported(report=report):
                kind = Kind.ACCEPTED if report.verdict == "pass" else Kind.REFUSED
                said = f"gate {report.verdict}: {report.summary or decision.reason}"
                yield self._line(at, kind, "gate", said, more=decision.to_model)
            case WatchReported(end=how, seconds=seconds):
                said = f"{how} after {seconds:.0f} s under watch"
                yield self._line(at, Kind.GATE, "watch", said, more=decision.to_model)
            case ErrorRaised() as error:
                said = f"{error.error} in {error.where or 'the agent'}: {error.message}"
                yield self._line(at, Kind.ERROR, "error", said, agent=agent)
            case _:
                yield from self._beside(event, decision)

    def _beside(self, event: Event, decision: Decision) -> Iterator[Line]:
        at = event.at
        match event.fact:
            case QuestionAsked() | QuestionAnswered() | QuestionsExpired() | LossAllowed() as fact:
                yield self._person(at, fact)
            case AgentHandedOff() | MessagePassed() | PlanStated() | NodeRan() as fact:
                yield self._said(event, fact)
            case StepTakenBack() as taken:
                yield self._line(at, Kind.GUARD, "taken back", describe_taken_back(taken))
            case ContextFiltered(before=before, after=after):
                said = f"{before:,} characters of history, {after:,} sent"
                yield self._line(at, Kind.GUARD, "filtered", said)
            case RunPaused(reason=reason, detail=detail):
                yield self._line(at, Kind.GUARD, "paused", f"{reason} {detail}".strip())
            case RunResumed(detail=detail):
                yield self._line(at, Kind.GUARD, "resumed", detail or "the run goes on")
            case _:
                yield from self._stopped(at, decision)

    def _person(
        self,
        at: datetime,
        fact: QuestionAsked | QuestionAnswered | QuestionsExpired | LossAllowed,
    ) -> Line:
        match fact:
            case QuestionAsked(question=asked):
                return self._line(at, Kind.PERSON, "question", asked.text, more=described(asked))
            case QuestionAnswered(answer=given):
                by = f" (by {given.by})" if given.by else ""
                return self._line(at, Kind.PERSON, "answer", f"{given.text}{by}")
            case QuestionsExpired(detail=detail):
                said = "nobody answered: the run goes on without changes"
                return self._line(at, Kind.PERSON, "question", said, more=detail)
            case LossAllowed(allowance=given):
                place = f"{given.namespace}/" if given.namespace else ""
                said = f"{given.check} of {given.kind} {place}{given.name}: {given.reason}"
                return self._line(at, Kind.PERSON, "allowed", f"by {given.by}: {said}")

    def _said(
        self, event: Event, fact: AgentHandedOff | MessagePassed | PlanStated | NodeRan
    ) -> Line:
        at, agent = event.at, event.agent
        match fact:
            case AgentHandedOff(to=to):
                return self._line(at, Kind.SAID, "hand-off", f"to {to}", agent=agent)
            case MessagePassed(to=to, kind=kind, text=text):
                label = f"{kind} to {to}" if to else kind
                return self._line(at, Kind.SAID, label, text, agent=agent)
            case PlanStated(items=items):
                more = "\n".join(f"[{one.status}] {one.text}" for one in items)
                said = count(len(items), "item")
                return self._line(at, Kind.SAID, "plan", said, more=more, agent=agent)
            case NodeRan(node=node):
                return self._line(at, Kind.SAID, "node", node, agent=agent)

    def _replied(self, event: Event, reply: ModelReplied) -> Iterator[Line]:
        if reply.text.strip() or reply.reasoning.strip():
            text = reply.text.strip() or "(thought only)"
            yield self._line(
                event.at, Kind.SAID, "model", text, more=reply.reasoning, agent=event.agent
            )
        for call in reply.tool_calls:
            if call.mended:
                said = f"arguments of {call.tool}: {call.mended}"
                yield self._line(event.at, Kind.GUARD, "mended", said)
        for call in reply.invalid_tool_calls:
            said = f"the arguments of {call.tool} cannot be read"
            yield self._line(event.at, Kind.FAILED, "call", said, more=call.arguments)

    def _called(self, event: Event, call: ToolRequested, decision: Decision) -> Iterator[Line]:
        action = decision.tool_action
        kind = _EFFECTS[action.effect] if action is not None else Kind.WRITE
        said = f"{call.tool} {describe_arguments(call.arguments)}".strip()
        yield self._line(event.at, kind, kind, said, agent=event.agent)
        if decision.next is Next.STOP or decision.action is EnforcedAction.BLOCK:
            why = decision.to_person or str(decision.reason)
            yield self._line(event.at, Kind.BLOCKED, "blocked", why, more=decision.to_model)
        elif decision.verdict in {Verdict.WARN, Verdict.DENY} and decision.to_person:
            yield self._line(event.at, Kind.GUARD, "warned", decision.to_person)

    def _returned(self, at: datetime, returned: ToolReturned, agent: str) -> Iterator[Line]:
        if returned.status is ToolStatus.BLOCKED:
            return
        failed = returned.status is ToolStatus.ERROR
        shown = [line for line in returned.text.splitlines() if line.strip()]
        first = shown[0] if shown else "(empty)"
        said = first if len(shown) <= 1 else f"{first}  (+{len(shown) - 1} lines)"
        more = returned.text if len(shown) > 1 else ""
        kind, label = (Kind.FAILED, "failed") if failed else (Kind.RESULT, "result")
        yield self._line(at, kind, label, said, more=more, agent=agent)

    def _end_asked(self, event: Event, end: EndRequested, decision: Decision) -> Iterator[Line]:
        claim = end.claim
        said = end.detail or f"ends by {end.exit}"
        if claim is not None:
            said = f"{claim.kind}: {claim.text}"
        yield self._line(event.at, Kind.CLAIM, "claim" if claim else "end", said, agent=event.agent)
        if decision.next not in {Next.VERIFY, Next.END} and decision.blocked:
            why = decision.to_person or str(decision.reason)
            yield self._line(event.at, Kind.REFUSED, "refused", why, more=decision.to_model)

    def _stopped(self, at: datetime, decision: Decision) -> Iterator[Line]:
        if decision.next is Next.STOP:
            yield self._line(at, Kind.GUARD, "stopped", decision.to_person or decision.reason)

    def _finding(self, at: datetime, one: Finding | FindingWithdrawn) -> Line:
        if isinstance(one, Finding):
            more = "\n".join(one.evidence)
            return self._line(at, Kind.FINDING, "finding", describe_finding(one), more=more)
        said = f"{one.mode} {MODES[one.mode].name} does not hold: {one.why}"
        return self._line(at, Kind.FINDING, "withdrawn", said)

    def _line(
        self, at: datetime, kind: Kind, label: str, text: str, *, more: str = "", agent: str = ""
    ) -> Line:
        return Line(
            seconds=since(self._began, at),
            step=self._step,
            kind=kind,
            label=label,
            text=" ".join(text.split()),
            more=more if more.strip() != text.strip() else "",
            phase=self._phase,
            agent=agent,
        )
