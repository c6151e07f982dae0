"""Failure modes, from events alone."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from asking import observed

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    GateReported,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding
from guardrails.core.ids import CallId, RunId
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect, ToolAction
from guardrails.detectors.registry import DetectorStates
from guardrails.testing.gates import scripted_report

AT = datetime(2026, 1, 1, tzinfo=UTC)
READ, WRITE = ToolAction(effect=Effect.READ), ToolAction(effect=Effect.WRITE)
CLAIM = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED))
FAILED = GateReported(report=scripted_report(GateVerdict.FAIL))

Play = tuple[AnyFact, ToolAction | None]


def found(plays: Iterable[Play]) -> list[Finding]:
    """Fold the facts and return what was found."""
    states, findings = DetectorStates(), []
    for seq, (fact, action) in enumerate(plays, start=1):
        event = Event(run=RunId("r"), seq=seq, at=AT, step=seq, fact=fact)
        states, new = observed(states, event, action=action)
        findings.extend(new)
    return findings


def call(
    number: int,
    *,
    arguments: str = "{}",
    result: str = "same",
    action: ToolAction = READ,
    status: ToolStatus = ToolStatus.OK,
) -> list[Play]:
    """Play one call and its result."""
    call_id = CallId(f"c{number}")
    return [
        (ToolRequested(call_id=call_id, tool="kubectl", arguments=arguments), action),
        (ToolReturned(call_id=call_id, tool="kubectl", digest=result, status=status), None),
    ]


def modes(findings: Iterable[Finding]) -> list[FailureMode]:
    return [f.mode for f in findings]


@pytest.mark.parametrize("exit_kind", [ExitKind.EMPTY, ExitKind.MALFORMED])
def test_an_end_without_an_answer_is_premature(exit_kind: ExitKind) -> None:
    """FM-3.1 for replies that say nothing."""
    findings = found([*call(1), (EndRequested(exit=exit_kind), None)])
    assert modes(findings) == [FailureMode.PREMATURE_TERMINATION]


def test_a_claim_without_any_look_is_premature() -> None:
    """Who never looked cannot know."""
    assert modes(found([(CLAIM, None)])) == [FailureMode.PREMATURE_TERMINATION]
    assert not found([*call(1), (CLAIM, None)])


@pytest.mark.parametrize("exit_kind", [ExitKind.BUDGET, ExitKind.RECURSION])
def test_a_run_that_had_to_be_stopped_did_not_know_when_to_end(exit_kind: ExitKind) -> None:
    """FM-1.5 for runs that a limit ended."""
    findings = found([(EndRequested(exit=exit_kind), None)])
    assert modes(findings) == [FailureMode.UNAWARE_OF_TERMINATION]


def test_a_false_claim_after_a_look_is_an_incorrect_verification() -> None:
    """It looked after its change and concluded what is not so."""
    plays = [*call(1, action=WRITE), *call(2), (CLAIM, None), (FAILED, None)]
    (finding,) = found(plays)
    assert finding.mode is FailureMode.INCORRECT_VERIFICATION
    assert any("rollout-complete" in quote for quote in finding.evidence)


def test_a_false_claim_right_after_a_write_is_no_verification() -> None:
    """It did not look after its last change."""
    plays = [*call(1), *call(2, action=WRITE), (CLAIM, None), (FAILED, None)]
    assert modes(found(plays)) == [FailureMode.INCOMPLETE_VERIFICATION]


def test_a_read_that_failed_is_no_look() -> None:
    """An error shows nothing of the world."""
    plays = [
        *call(1, action=WRITE),
        *call(2, status=ToolStatus.ERROR),
        (CLAIM, None),
        (FAILED, None),
    ]
    assert modes(found(plays)) == [FailureMode.INCOMPLETE_VERIFICATION]


def test_a_report_that_does_not_fail_accuses_nobody() -> None:
    """Pending and unknown are not the agent's mistakes."""
    for verdict in (GateVerdict.PENDING, GateVerdict.UNKNOWN, GateVerdict.PASS):
        reported = GateReported(report=scripted_report(verdict))
        assert not found([*call(1), (CLAIM, None), (reported, None)])
