"""What is recorded of a run holds no secret, and nothing else is changed."""

import io
import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.classify import classify
from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim, ClaimKind, NamedEntity
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
    Usage,
    WatchEnd,
    WatchReported,
)
from guardrails.core.evidence import AlertRef, GateProgress, GateReport, GateVerdict
from guardrails.core.ids import CallId, CheckId, RunId
from guardrails.core.incident import AlertMatcher, Goal, Incident, Slo, Workload
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Answer, Candidate, Question, QuestionKind
from guardrails.engine import Guard, SessionKey
from guardrails.engine.replay import replay
from guardrails.engine.rules import Rules
from guardrails.engine.scrub import fields_with_text, scrubbed
from guardrails.hygiene.recent import RECENT, RECENT_CHARACTERS, Recent
from guardrails.hygiene.redact import redacted
from guardrails.policy.load import load_settings
from guardrails.policy.models import Settings
from guardrails.policy.stored import settings_of_text, settings_text
from guardrails.telemetry.jsonl import TraceFileHook
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import ScriptedGate, scripted_report
from guardrails.testing.recorder import Recorder
from tests.engine.conftest import Begin
from tests.hygiene.secrets import letters, placed, shaped

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORD = letters(12)
SAID = f"it is postgres://shop:{WORD}@db/orders"
CALL = CallId("c1")


def a_report(said: str) -> GateReport:
    """A report with the text wherever a text can be."""
    report = scripted_report(GateVerdict.FAIL)
    fact = msgspec.structs.replace(
        report.evidence[0], observed=said, expected=said, query=said, settling=said, field=said
    )
    alert = msgspec.structs.replace(fact, subject=AlertRef(labels={"note": said}))
    return msgspec.structs.replace(
        report, evidence=(fact, alert), waiting_for=(said,), summary=said
    )


def facts(said: str) -> list[AnyFact]:
    """One fact of every kind, with the text wherever a text can be."""
    arguments = json.dumps({"command": said})
    call = ToolCall(call_id=CALL, tool="bash", arguments=arguments)
    claim = Claim(
        kind=ClaimKind.MITIGATED,
        text=said,
        entities=(NamedEntity(name="web", kind="Deployment"), NamedEntity(name=said)),
        unread=(said,),
    )
    candidate = Candidate(id="shop/web", label=said, namespace="shop", workload=Workload(name="w"))
    question = Question(
        id="q", kind=QuestionKind.WHICH_WORKLOAD, text=said, why=said, candidates=(candidate,)
    )
    allowance = Allowance(
        check=CheckId("replicas-kept"), kind="Pod", name="a", reason=said, by="Jo", at=AT
    )
    incident = Incident(
        task=said,
        namespaces=("shop",),
        workloads=(Workload(name="web"),),
        alerts=(AlertMatcher(labels={"alertname": "Down", "url": said}, starts_at=AT),),
        slo=(Slo(name="errors", query=said),),
    )
    return [
        RunStarted(
            incident=incident,
            adapter="cli",
            policy=encoded({"custom": [{"contains": said}], "gate": {"pass": "x"}}),
            machine=encoded({"states": {"a": {"say": said, "gate": {"pass": "done"}}}}),
        ),
        ModelReplied(
            text=said,
            reasoning=said,
            tool_calls=(call,),
            invalid_tool_calls=(ToolCall(call_id=CALL, tool="bash", arguments=said),),
            usage=Usage(input_tokens=9),
            message_id="m1",
        ),
        NodeRan(node="planner", turn=True),
        ContextFiltered(before=9, after=3, left={"repeated": 2}),
        StepTakenBack(call_ids=(CALL,), reason=said, steps=1),
        ToolRequested(call_id=CALL, tool="bash", arguments=arguments, fault=said),
        ToolReturned(call_id=CALL, tool="bash", text=said, digest="d1", size=9),
        AgentHandedOff(to="helper"),
        MessagePassed(to="helper", kind="task", text=said),
        PlanStated(items=(PlanItem(text=said),)),
        RunPaused(reason=PauseReason.INTERRUPT, detail=said),
        RunResumed(detail=said),
        EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim, detail=said),
        GateReported(report=a_report(said)),
        WatchReported(end=WatchEnd.HELD, report=a_report(said)),
        LossAllowed(allowance=allowance),
        QuestionAsked(question=question),
        QuestionAnswered(answer=Answer(question="q", text=said, choice="shop/web", by="Jo")),
        QuestionsExpired(detail=said),
        ErrorRaised(error="OSError", message=said, where="graph"),
    ]


def encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.mark.parametrize("fact", facts(SAID), ids=lambda fact: type(fact).__name__)
def test_no_text_of_a_fact_keeps_a_secret(fact: AnyFact) -> None:
    """Whatever the kind, and however deep the text stands in it."""
    clean = scrubbed(fact)
    assert WORD not in encoded(clean)
    assert encoded(clean) == encoded(fact).replace(WORD, "[redacted:url-password]")


def test_there_is_a_fact_of_every_kind() -> None:
    """A new kind is noticed."""
    assert {type(fact) for fact in facts("x")} == set(get_args(AnyFact))


@pytest.mark.parametrize("fact", facts("all is well"), ids=lambda fact: type(fact).__name__)
def test_a_fact_without_a_secret_is_the_same_object(fact: AnyFact) -> None:
    """Nothing is made anew for the many events that hold none."""
    assert scrubbed(fact) is fact


SECRETS = st.sampled_from([SAID, *shaped().values(), *(case.text for case in placed())])


@given(st.integers(0, len(facts("-")) - 1), st.text(), SECRETS)
def test_a_scrubbed_fact_is_stored_as_it_is_and_scrubbed_once(
    at: int, said: str, secret: str
) -> None:
    """It encodes and decodes to an equal fact, and a second time changes nothing."""
    fact = facts(f"{said}-{secret}")[at]
    clean = scrubbed(fact)
    event = Event(run=RunId("r"), seq=1, at=AT, fact=clean)
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    assert scrubbed(clean) is clean
    match clean:
        case ToolRequested(arguments=arguments):
            assert set(json.loads(arguments)) == {"command"}
        case RunStarted(policy=policy, machine=machine):
            assert json.loads(policy)["gate"]["pass"] == "x"
            assert json.loads(machine)["states"]["a"]["gate"]["pass"] == "done"
        case _:
            pass


@pytest.mark.parametrize(
    "labels", [{"password": WORD}, {"note": f"token={WORD}"}, {"db_password": WORD, "job": "db"}]
)
def test_a_label_may_be_told_by_its_name(labels: dict[str, str]) -> None:
    """Names stay, values go."""
    clean = scrubbed(AlertMatcher(labels=labels))
    assert list(clean.labels) == list(labels)
    assert WORD not in encoded(clean)


@pytest.mark.parametrize("field", ["data.password", "spec.auth.token", "DB_PASSWORD"])
def test_evidence_may_be_told_by_its_field(field: str) -> None:
    """A custom check may look at a password, and its report must not show it."""
    report = a_report("x")
    facts_ = tuple(
        msgspec.structs.replace(fact, field=field, observed=WORD, expected="nothing")
        for fact in report.evidence
    )
    clean = scrubbed(GateReported(report=msgspec.structs.replace(report, evidence=facts_)))
    assert WORD not in encoded(clean)
    assert {fact.field for fact in clean.report.evidence} == {field}
    assert clean.report.verdict is report.verdict


def test_who_answers_for_something_stays() -> None:
    """The record is kept to tell who it was."""
    who = shaped()["email"]
    allowance = Allowance(
        check=CheckId("a"), kind="Pod", name="a", reason=f"asked {who}", by=who, at=AT
    )
    clean = scrubbed(LossAllowed(allowance=allowance)).allowance
    assert clean.by == who
    assert clean.reason == "asked [redacted:email]"


def test_half_a_surrogate_pair_stops_nothing() -> None:
    """It cannot be written as UTF-8; what stands beside it is scrubbed all the same."""
    clean = scrubbed(ErrorRaised(error="E", message=f"\ud800 {SAID}"))
    assert WORD not in clean.message
    assert clean.message.startswith("\ud800 ")


@pytest.mark.parametrize("profile", ["frontier", "mid-tier", "open"])
def test_settings_and_machines_are_stored_as_they_are(profile: str) -> None:
    """A replay decides by them, and `pass`, `tokens` and `key` are words of ours."""
    settings = load_settings(profile=profile, environ={})
    for goal in Goal:
        started = RunStarted(
            incident=Incident(task=""),
            adapter="cli",
            policy=settings_text(settings),
            machine=Rules.of(settings).machine_text(goal),
        )
        assert scrubbed(started) is started


def test_settings_with_a_secret_can_still_be_read() -> None:
    """A condition that holds a token stays a condition."""
    check = {"name": "a", "promql": f'up{{token="{WORD}"}} == 1'}
    settings = Settings.model_validate({"gate": {"custom": [check]}})
    started = RunStarted(incident=Incident(task=""), adapter="cli", policy=settings_text(settings))
    text = scrubbed(started).policy
    assert WORD not in text
    assert settings_of_text(text).budgets == settings.budgets


@pytest.mark.parametrize(
    "command",
    [
        f"mysql -h db -u root -p{WORD} -e 'DROP TABLE orders'",
        f"curl -u joe:{WORD} -X DELETE http://api/items/1",
        f"kubectl create secret generic db --from-literal=password={WORD} -n shop",
        f"PGPASSWORD={WORD} psql -c 'SELECT 1'",
        f"kubectl set env deploy/web DB_PASSWORD={WORD} -n shop",
    ],
)
def test_a_call_means_the_same_without_its_secret(command: str) -> None:
    """Effect and targets are read from the recorded arguments."""
    call = ToolRequested(call_id=CALL, tool="bash", arguments=json.dumps({"command": command}))
    clean = scrubbed(call)
    assert WORD not in clean.arguments
    before, after = classify("bash", call.arguments), classify("bash", clean.arguments)
    assert after.effect is before.effect
    assert after.understood is before.understood
    assert [o.verb for o in after.operations] == [o.verb for o in before.operations]


def test_no_hook_is_shown_a_secret(begin: Begin, recorder: Recorder) -> None:
    """Not in an event, a finding, a decision or a report of progress."""
    _, session = begin(GateVerdict.FAIL)
    for fact in facts(SAID)[1:]:
        session.observe(fact)
    session.progress(GateProgress(at=AT, verdict=GateVerdict.PENDING, waiting_for=(SAID,)))
    assert len(recorder.records) > len(facts(SAID))
    assert WORD not in "".join(map(encoded, recorder.records))
    assert WORD not in session.snapshot().decode()


def test_live_and_replayed_runs_see_the_same(begin: Begin, recorder: Recorder) -> None:
    """The event is scrubbed before it is folded, not after."""
    _, session = begin(GateVerdict.FAIL)
    for fact in facts(SAID)[1:-1]:
        session.observe(fact)
    again = replay(recorder.events)
    assert list(again.decisions) == recorder.decisions
    assert again.state == session.read_up()


def test_an_error_ends_a_run_without_its_secret(begin: Begin) -> None:
    """The last words of a run are the exception's."""
    guard, session = begin(GateVerdict.FAIL)
    decision = guard.fail(session, OSError(SAID), where="graph")
    result = session.result()
    assert decision.outcome is Outcome.ABORTED
    assert WORD not in encoded((decision, result))
    assert "postgres://shop:[redacted:url-password]@db" in result.detail


def test_a_secret_at_the_edge_of_what_is_kept_goes_whole(begin: Begin) -> None:
    """Half a token has no shape, so it is hidden before the text is cut."""
    guard, session = begin(GateVerdict.FAIL)
    token = shaped()["github-token"]
    guard.fail(session, OSError(f"{'x ' * 240}{token}"), where="graph")
    assert token[:12] not in encoded(session.result())


def incident_with_secret() -> Incident:
    return Incident(
        task="db is down",
        namespaces=("shop",),
        alerts=(AlertMatcher(labels={"alertname": "Down", "dsn": SAID}),),
        slo=(Slo(name="a", query=f'up{{dsn="{SAID}"}} == 1'),),
    )


def test_the_gate_asks_with_the_words_it_was_given(begin: Begin) -> None:
    """An alert with a redacted label would never be found."""
    incident = incident_with_secret()
    guard, session = begin(GateVerdict.PASS, incident=incident)
    end = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED))
    guard.settle_sync(session, end)
    gate = guard.gate
    assert isinstance(gate, ScriptedGate)
    assert gate.opened == [incident]
    assert [request.incident for request in gate.requests] == [incident]
    assert WORD not in session.snapshot().decode()


def test_after_a_restart_the_words_come_from_the_guard(begin: Begin) -> None:
    """The stored session has none; a guard of another incident has other ones."""
    incident = incident_with_secret()
    _, session = begin(GateVerdict.PASS, incident=incident)
    stored = session.snapshot()
    same = Guard(incident=incident).restore(SessionKey("a"), stored)
    other = Guard(incident=Incident(task="web is down")).restore(SessionKey("b"), stored)
    assert same.incident == incident
    assert other.incident == scrubbed(incident)


def test_the_trace_of_a_run_holds_no_secret(clock: ManualClock) -> None:
    """From the task to the last report, in the bytes of the file."""
    lines = io.BytesIO()
    guard = Guard(gate=ScriptedGate(GateVerdict.FAIL), hooks=[TraceFileHook(lines)], clock=clock)
    session = guard.begin(SessionKey("t"), adapter="test", incident=incident_with_secret())
    for fact in facts(SAID)[1:]:
        session.observe(fact)
    assert WORD.encode() not in lines.getvalue()
    assert lines.getvalue().count(b"[redacted:url-password]") > len(facts(SAID))


def counting() -> tuple[Recent, list[str]]:
    made: list[str] = []

    def change(text: str) -> str:
        made.append(text)
        return redacted(text)

    return Recent(change), made


def test_what_was_recorded_is_not_read_again_to_be_sent() -> None:
    """A result is redacted when it comes; the model gets it a moment later."""
    recent, made = counting()
    text = f"{'ok ' * 300}{SAID}"
    first, again = recent(text), recent(str(text.encode(), "utf-8"))
    assert made == [text]
    assert first == again == redacted(text)


@pytest.mark.parametrize(("length", "count"), [(600, RECENT + 40), (RECENT_CHARACTERS // 4, 9)])
def test_what_is_remembered_is_bounded(length: int, count: int) -> None:
    """The oldest goes first, by number and by size."""
    recent, made = counting()
    texts = [f"{at:05d}".ljust(length, "x") for at in range(count)]
    for text in texts:
        recent(text)
    recent(texts[-1])
    assert len(made) == count
    recent(texts[0])
    assert len(made) == count + 1


@pytest.mark.parametrize("kind", get_args(AnyFact), ids=lambda kind: kind.__name__)
def test_numbers_and_ids_are_not_looked_at(kind: type[msgspec.Struct]) -> None:
    """`input_tokens` is no sign of a token."""
    looked_at = set(fields_with_text(kind))
    assert looked_at.isdisjoint({"usage", "call_id", "digest", "size", "status", "turn", "left"})
    assert looked_at <= set(kind.__struct_fields__)
