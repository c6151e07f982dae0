"""Runs to report on: real sessions of the guard, with whatever an agent and a cluster may say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    AnyFact,
    ContextFiltered,
    EndRequested,
    ExitKind,
    GateReported,
    ModelReplied,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    Usage,
)
from guardrails.core.evidence import (
    AlertRef,
    ChangeKind,
    ClusterChanges,
    Evidence,
    EvidenceState,
    FieldChange,
    GateReport,
    GateVerdict,
    ObjectChange,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
    Tier,
    Window,
)
from guardrails.core.ids import CallId, CheckId
from guardrails.core.incident import AlertMatcher, Incident
from guardrails.core.trace import StoredRun
from guardrails.engine import Guard, SessionKey
from guardrails.policy.models import Settings
from guardrails.testing.clock import ManualClock
from guardrails.testing.recorder import Recorder
from tests.settings import FREE

AT = datetime(2026, 1, 1, 10, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> `@team` [x](javascript:0) | \x1b[31m"
)
"""What agents, logs, names and annotations may hold."""


def incident(task: str = "checkout is down") -> Incident:
    alert = AlertMatcher(labels={"alertname": "Errors", "service": "checkout"})
    return Incident(task=task, namespaces=("shop",), alerts=(alert,))


def call(number: int, command: str, result: str, *, failed: bool = False) -> list[AnyFact]:
    """A turn with one call that comes back."""
    call_id, arguments = CallId(f"c{number}"), f'{{"command": "{command}"}}'
    status = ToolStatus.ERROR if failed else ToolStatus.OK
    return [
        ModelReplied(
            text=f"step {number}",
            tool_calls=(ToolCall(call_id=call_id, tool="kubectl", arguments=arguments),),
            usage=Usage(input_tokens=100, output_tokens=10),
        ),
        ToolRequested(call_id=call_id, tool="kubectl", arguments=arguments),
        ToolReturned(call_id=call_id, tool="kubectl", text=result, status=status),
    ]


def fact(
    check: str,
    state: EvidenceState,
    *,
    name: str = "checkout",
    observed: str = "0",
    counts: bool = True,
    allowed_by: str = "",
    settling: str = "",
) -> Evidence:
    return Evidence(
        check=CheckId(check),
        state=state,
        subject=ObjectRef(kind="Deployment", name=name, namespace="shop"),
        field="status.readyReplicas",
        observed=observed,
        expected="2",
        query="list deployments in shop",
        at=AT,
        counts=counts,
        allowed_by=allowed_by,
        settling=settling,
        settles_by=AT + timedelta(minutes=1) if settling else None,
    )


GOOD = fact("rollout-complete", EvidenceState.SATISFIED, observed="2")
BAD = fact("rollout-complete", EvidenceState.VIOLATED)
ALERT = Evidence(
    check=CheckId("alert-clear"),
    state=EvidenceState.UNKNOWN,
    subject=AlertRef(labels={"alertname": "Errors", "service": "checkout"}),
    observed="503",
    at=AT,
)
LOST = fact("autoscaler-kept", EvidenceState.VIOLATED, observed="deleted")
ALLOWED = fact(
    "probes-kept", EvidenceState.VIOLATED, observed="no probe", allowed_by="oncall: wanted"
)
OLD = fact("rollout-complete", EvidenceState.VIOLATED, name="batch", counts=False)


def differing(name: str, *, before: str, after: str) -> ClusterChanges:
    """What differs from the reference: a field of a Deployment, and two whole objects."""

    def named(kind: str) -> ObjectRef:
        return ObjectRef(kind=kind, name=name, namespace="shop")

    image = FieldChange(
        field="spec.template.spec.containers[web].image", before=before, after=after
    )
    return ClusterChanges(
        since=AT,
        against=ReferenceSource.SNAPSHOT,
        objects=(
            ObjectChange(
                subject=named("Deployment"),
                kind=ChangeKind.CHANGED,
                fields=(image, FieldChange(field="spec.paused", after="true")),
                more_fields=4,
            ),
            ObjectChange(subject=named("HorizontalPodAutoscaler"), kind=ChangeKind.DELETED),
            ObjectChange(subject=named("NetworkPolicy"), kind=ChangeKind.ADDED),
        ),
        more_objects=7,
    )


CHANGES = differing("checkout", before="checkout:1", after="checkout:2")
PLANTED = differing(HOSTILE, before=HOSTILE, after=HOSTILE)


def judged(
    verdict: GateVerdict, *evidence: Evidence, changes: ClusterChanges | None = CHANGES
) -> list[AnyFact]:
    """A claim, and what the gate says to it."""
    report = GateReport(
        gate="evidence",
        claim=ClaimKind.MITIGATED,
        verdict=verdict,
        tier=Tier.FULL if verdict is GateVerdict.PASS else None,
        required_tier=Tier.FULL,
        reference=ReferenceInfo(source=ReferenceSource.SNAPSHOT, taken_at=AT),
        window=Window(state_seconds=60, full_seconds=300, derived_from="Errors: 2m range"),
        started_at=AT,
        ended_at=AT,
        evidence=evidence,
        summary=f"{len(evidence)} facts",
        changes=changes,
    )
    claim = Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
    return [
        ModelReplied(text="It is fixed."),
        EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim),
        GateReported(report=report),
    ]


FILTERED = ContextFiltered(before=9_000, after=4_000, left={"repeated": 3, "window": 1})


def told(
    facts: Sequence[AnyFact], *, task: str = "checkout is down", policy: Settings = FREE
) -> StoredRun:
    """Tell facts to a guard, a second apart, and return the run as its trace would hold it."""
    recorder, clock = Recorder(), ManualClock()
    guard = Guard(settings=policy, hooks=[recorder], clock=clock)
    session = guard.begin(SessionKey("k"), adapter="test", incident=incident(task), model="m:x")
    for one in facts:
        clock.advance(1.0)
        session.observe(one)
    return StoredRun(run=session.run, records=tuple(recorder.records))
