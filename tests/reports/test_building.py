"""A report says what is in the trace: outcome first, what is wrong before what holds."""

import dataclasses

import pytest

from guardrails.core.events import EndRequested, ExitKind, QuestionAnswered, QuestionAsked
from guardrails.core.evidence import EvidenceState, GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Answer, Question, QuestionKind
from guardrails.core.trace import StoredRun
from guardrails.policy.models import Budgets
from guardrails.reports.building import report_of
from guardrails.reports.drawing import MARKS, overview
from guardrails.reports.page import state_of
from guardrails.reports.values import Kind
from tests.reports.runs import (
    ALERT,
    ALLOWED,
    BAD,
    FILTERED,
    GOOD,
    LOST,
    OLD,
    call,
    judged,
    told,
)
from tests.settings import FREE

LOOK = call(1, "kubectl get pods -n shop", "NAME READY\ncheckout-1 0/1")
MEND = call(2, "kubectl scale deployment checkout --replicas 2 -n shop", "scaled")
REFUSED = judged(GateVerdict.FAIL, GOOD, OLD, BAD, LOST, ALLOWED)
ACCEPTED = judged(GateVerdict.PASS, GOOD, ALLOWED)


def test_an_accepted_run_tells_its_attempts_and_its_changes() -> None:
    """Both attempts stand there, with what the gate saw each time."""
    report = report_of(told([*LOOK, *REFUSED, FILTERED, *MEND, *ACCEPTED]))
    assert report.outcome is Outcome.RESOLVED
    assert report.accepted
    assert [one.verdict for one in report.attempts] == [GateVerdict.FAIL, GateVerdict.PASS]
    assert [one.accepted for one in report.attempts] == [False, True]
    assert report.attempts[0].claim == "mitigated"
    assert "2m range" in report.attempts[0].window
    assert "snapshot from before the incident" in report.attempts[0].reference
    (change,) = report.changes
    assert (change.effect, change.status, change.step) == ("write", "ok", 3)
    assert report.costs.steps == 4
    assert report.costs.input_tokens == 200
    assert report.costs.seconds == 13.0
    assert report.filtered.left == {"repeated": 3, "window": 1}


def test_what_is_wrong_stands_first_and_nobodys_fault_last() -> None:
    """A reader sees at once why it was refused."""
    report = report_of(told(REFUSED))
    states = [state_of(fact) for fact in report.attempts[0].evidence]
    assert states == ["violated", "violated", "allowed", "satisfied", "aside"]


def test_losses_are_told_apart_also_those_that_were_allowed() -> None:
    """What was taken away is there, whoever wanted it."""
    report = report_of(told(REFUSED))
    assert [(one.check, state_of(one)) for one in report.losses] == [
        ("autoscaler-kept", "violated"),
        ("probes-kept", "allowed"),
    ]


def test_what_differs_in_the_cluster_is_told_by_the_last_gate() -> None:
    """Also what no check holds against anybody."""
    found = report_of(told([*REFUSED, *ACCEPTED])).difference
    assert found is not None
    assert found.against == "a snapshot from before the incident"
    assert [(one.subject.split()[0], one.what.value) for one in found.objects] == [
        ("Deployment", "changed"),
        ("HorizontalPodAutoscaler", "deleted"),
        ("NetworkPolicy", "added"),
    ]
    assert found.objects[0].fields[0].before == "checkout:1"
    assert (found.objects[0].more_fields, found.more_objects) == (4, 7)
    assert report_of(told(LOOK)).difference is None


def test_an_escalated_run_says_that_evidence_could_not_be_read() -> None:
    """Unknown is no pass."""
    policy = FREE.model_copy(update={"budgets": Budgets(refusals=1)})
    facts = [fact for _ in range(3) for fact in judged(GateVerdict.UNKNOWN, ALERT)]
    report = report_of(told(facts, policy=policy))
    assert report.outcome is Outcome.ESCALATED
    assert not report.accepted
    assert report.last is not None
    assert report.last.evidence[0].state is EvidenceState.UNKNOWN


def asked_and_answered() -> StoredRun:
    """A run with two questions, one of them answered."""
    question = Question(
        id="q1", kind=QuestionKind.WHICH_NAMESPACE, text="Which namespace?", why="none is named"
    )
    other = Question(id="q2", kind=QuestionKind.APPROVAL, text="May I?")
    answer = Answer(question="q1", text="shop", by="oncall")
    return told(
        [
            QuestionAsked(question=question),
            QuestionAsked(question=other),
            QuestionAnswered(answer=answer),
        ]
    )


def test_a_question_stands_with_its_answer() -> None:
    """And one that nobody answered says so."""
    report = report_of(asked_and_answered())
    assert [(one.text, one.answer, one.by) for one in report.questions] == [
        ("Which namespace?", "shop", "oncall"),
        ("May I?", "", ""),
    ]
    assert sum(line.kind is Kind.PERSON for line in report.timeline) == 3


def test_a_run_that_was_cut_off_is_told_as_far_as_it_goes() -> None:
    """A killed process leaves a trace without an end, and perhaps without the last decision."""
    whole = told([*LOOK, *REFUSED])
    for length in range(1, len(whole.records)):
        part = dataclasses.replace(whole, records=whole.records[:length])
        report = report_of(part)
        assert report.cut_off
        assert report.outcome is None
        assert report.timeline
        assert overview(report).ticks


def test_every_fact_of_a_run_has_its_line() -> None:
    """Nothing of the timeline is lost."""
    report = report_of(told([*LOOK, *call(3, "kubectl get x", "no such thing", failed=True)]))
    assert [line.kind for line in report.timeline] == [
        Kind.START,
        *(Kind.SAID, Kind.READ, Kind.RESULT),
        *(Kind.SAID, Kind.READ, Kind.FAILED),
    ]
    assert report.timeline[3].text == "NAME READY (+1 lines)"
    assert report.timeline[3].more == "NAME READY\ncheckout-1 0/1"


@pytest.mark.parametrize("exit_", [ExitKind.CANCELLED, ExitKind.ERROR])
def test_an_end_that_no_gate_was_asked_about_is_an_attempt_without_a_verdict(
    exit_: ExitKind,
) -> None:
    """It is told why the run ended."""
    report = report_of(told([*LOOK, EndRequested(exit=exit_, detail="the pipeline was stopped")]))
    assert report.outcome is Outcome.ABORTED
    assert [(one.verdict, one.said) for one in report.attempts] == [
        (None, "the pipeline was stopped")
    ]
    assert report.last is None


def test_the_vector_stands_beside_the_published_one() -> None:
    """By the profile that the run was decided by; a mode the study could not see has no figure."""
    report = report_of(told(LOOK))
    assert report.signature == "Kimi-K2"
    by_mode = {one.mode: one for one in report.modes}
    assert len(by_mode) == 14
    assert by_mode["3.1"].published_failed == pytest.approx(35 / 76)
    assert by_mode["3.1"].telling
    assert by_mode["3.2"].published_failed is None


def test_the_picture_of_a_long_run_has_a_bound() -> None:
    """What stands on one pixel is drawn once."""
    facts = [fact for n in range(1_000) for fact in call(n, f"kubectl get pods {n}", "ok")]
    report = report_of(told(facts))
    picture = overview(report)
    assert len(report.timeline) > 3_000
    assert 100 < len(picture.marks) <= 2 * MARKS
    assert all(0 <= mark.x <= picture.width for mark in picture.marks)
