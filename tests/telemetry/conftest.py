from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import (
    AgentHandedOff,
    AnyFact,
    ContextFiltered,
    EndRequested,
    ErrorRaised,
    Event,
    ExitKind,
    GateReported,
    LossAllowed,
    MessagePassed,
    ModelReplied,
    NodeRan,
    PauseReason,
    PlanItem,
    PlanStated,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    RunPaused,
    RunResumed,
    RunStarted,
    StepTakenBack,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    Usage,
    WatchEnd,
    WatchReported,
)
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateProgress,
    GateReport,
    GateVerdict,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
    Tier,
    Window,
)
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import CallId, CheckId, RunId
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.core.mast import FailureMode
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Answer, Question, QuestionKind
from guardrails.core.toolaction import Effect, ToolAction

RUN = RunId("run-1")
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = "hunter2"


def report() -> GateReport:
    return GateReport(
        gate="evidence",
        claim=ClaimKind.MITIGATED,
        verdict=GateVerdict.FAIL,
        required_tier=Tier.FULL,
        reference=ReferenceInfo(source=ReferenceSource.NONE),
        window=Window(state_seconds=60, full_seconds=720),
        started_at=AT,
        ended_at=AT + timedelta(seconds=0.2),
        evidence=(
            Evidence(
                check=CheckId("rollout-complete"),
                state=EvidenceState.VIOLATED,
                subject=ObjectRef(kind="Deployment", name="checkout", namespace="shop"),
                at=AT,
            ),
        ),
        summary="checkout has 0 of 3 replicas",
    )


def report_with_allowed_loss() -> GateReport:
    lost = msgspec.structs.replace(
        report().evidence[0],
        check=CheckId("replicas-kept"),
        counts=False,
        allowed_by="approved by the lead: night mode",
    )
    return msgspec.structs.replace(
        report(), verdict=GateVerdict.PASS, tier=Tier.FULL, evidence=(lost,)
    )


def facts() -> list[AnyFact]:
    """One fact of every kind; whatever a tool was given or returned holds the secret."""
    call = ToolCall(call_id=CallId("c1"), tool="kubectl", arguments=f'{{"x": "{SECRET}"}}')
    return [
        RunStarted(
            incident=Incident(
                task=SECRET, namespaces=("shop",), alerts=(AlertMatcher(labels={"a": "b"}),)
            ),
            adapter="cli",
            model="openai:gpt-5",
        ),
        ModelReplied(text=SECRET, reasoning=SECRET, tool_calls=(call,), usage=Usage()),
        NodeRan(node="planner"),
        ToolRequested(call_id=call.call_id, tool=call.tool, arguments=call.arguments),
        ToolReturned(call_id=call.call_id, tool="kubectl", text=SECRET, size=7),
        ToolReturned(call_id=CallId("c2"), tool="my_own_tool", status=ToolStatus.ERROR),
        ContextFiltered(before=9000, after=4000, left={"repeated": 2}),
        StepTakenBack(call_ids=(call.call_id,), reason=SECRET, steps=1),
        AgentHandedOff(to="helper"),
        MessagePassed(to="helper", kind="task", text=SECRET, ref="t1"),
        PlanStated(items=(PlanItem(text=SECRET), PlanItem(text=SECRET, status="done"))),
        QuestionAsked(question=Question(id="q1", kind=QuestionKind.APPROVAL, text=SECRET)),
        QuestionAnswered(answer=Answer(question="q1", text=SECRET)),
        QuestionsExpired(detail="nobody answered"),
        RunPaused(reason=PauseReason.INTERRUPT, detail=SECRET),
        RunResumed(detail=SECRET),
        EndRequested(
            exit=ExitKind.FINAL_ANSWER,
            claim=Claim(kind=ClaimKind.MITIGATED, text=SECRET),
            detail=SECRET,
        ),
        GateReported(report=report()),
        WatchReported(end=WatchEnd.REGRESSED, report=report(), seconds=3.0),
        ErrorRaised(error="ToolError", message=SECRET, where="tool:kubectl", fatal=False),
        ErrorRaised(error="TimeoutError", message="no answer", where="model"),
        LossAllowed(
            allowance=Allowance(
                check=CheckId("replicas-kept"),
                kind="Deployment",
                name="checkout",
                reason=SECRET,
                by="the lead",
                at=AT,
            )
        ),
        ContextFiltered(before=9_000, after=3_000, left={"compressed": 2}),
        StepTakenBack(call_ids=(call.call_id,), reason=SECRET, steps=1),
    ]


@pytest.fixture
def accepted() -> Event:
    """An end that passed with a loss that somebody allowed."""
    return Event(run=RUN, seq=20, at=AT, fact=GateReported(report=report_with_allowed_loss()))


@pytest.fixture
def records() -> list[Record]:
    """A record of every kind, in an order in which a run could make them."""
    found: list[Record] = [
        Event(run=RUN, seq=at, at=AT, step=1, fact=fact) for at, fact in enumerate(facts(), start=1)
    ]
    found += [
        Decision(run=RUN, seq=3),
        Decision(
            run=RUN,
            seq=3,
            verdict=Verdict.DENY,
            action=EnforcedAction.BLOCK,
            reason=Reason.EFFECT_DENIED,
            to_model=SECRET,
            to_person="a destructive call was held",
            tool_action=ToolAction(effect=Effect.DESTRUCTIVE),
            call_id=CallId("c1"),
        ),
        Decision(
            run=RUN,
            seq=9,
            verdict=Verdict.DENY,
            action=EnforcedAction.ALLOW,
            reason=Reason.GATE_FAILED,
            shadow=True,
            cascade="tightened",
        ),
        Decision(
            run=RUN,
            seq=9,
            verdict=Verdict.ESCALATE,
            action=EnforcedAction.ESCALATE,
            next=Next.END,
            reason=Reason.GATE_UNKNOWN,
            outcome=Outcome.ESCALATED,
        ),
        Finding(
            run=RUN,
            seq=5,
            mode=FailureMode.INCORRECT_VERIFICATION,
            detector="verification",
            evidence=(SECRET,),
            about=SECRET,
        ),
        FindingWithdrawn(
            run=RUN,
            seq=6,
            mode=FailureMode.INCORRECT_VERIFICATION,
            detector="verification",
            about=SECRET,
            why="a later look shows it",
        ),
        GateProgress(run=RUN, at=AT, verdict=GateVerdict.PENDING, waiting_for=("a",), looks=2),
        RunEnded(run=RUN, at=AT, outcome=Outcome.ESCALATED, reason="unreadable", steps=1),
    ]
    return found
