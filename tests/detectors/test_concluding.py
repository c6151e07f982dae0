"""What agents conclude, judged by their own words and by what their tools showed."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from asking import observed
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.claims import read_claim
from guardrails.actions.classify import classify
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    GateReported,
    MessagePassed,
    ModelReplied,
    PlanItem,
    PlanStated,
    RunStarted,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.findings import Finding, FindingWithdrawn, Found, standing
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Goal, Incident
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors import concluding
from guardrails.detectors.concluding import ConcludingState
from guardrails.detectors.registry import DetectorStates
from guardrails.detectors.scene import Scene
from guardrails.testing.gates import scripted_report

AT = datetime(2026, 1, 1, tzinfo=UTC)
EARLY, UNCHECKED = FailureMode.PREMATURE_TERMINATION, FailureMode.INCOMPLETE_VERIFICATION
MISREAD, MISMATCH = FailureMode.INCORRECT_VERIFICATION, FailureMode.REASONING_ACTION_MISMATCH

Play = tuple[str, AnyFact]


def said_of(plays: Iterable[Play]) -> list[Found]:
    """Fold the facts, and return all that was said of them."""
    states, step = DetectorStates(), 0
    found: list[Found] = []
    for seq, (agent, fact) in enumerate(plays, start=1):
        step += isinstance(fact, ModelReplied)
        event = Event(run=RunId("r"), seq=seq, at=AT, step=step, agent=agent, fact=fact)
        action = classify(fact.tool, fact.arguments) if isinstance(fact, ToolRequested) else None
        states, new = observed(states, event, action=action)
        found.extend(new)
    return found


def found(plays: Iterable[Play]) -> list[Finding]:
    """Return the findings that stand at the end."""
    return list(standing(said_of(plays)))


def of(mode: FailureMode, findings: Iterable[Finding]) -> list[str]:
    """Return what the findings of a mode are about."""
    return [one.about for one in findings if one.mode is mode]


def look(number: int, command: str, result: str, *, agent: str = "") -> list[Play]:
    """Play one turn with one call, and what it shows."""
    call_id = CallId(f"c{number}")
    arguments = json.dumps({"command": command})
    return [
        (agent, ModelReplied()),
        (agent, ToolRequested(call_id=call_id, tool="bash", arguments=arguments)),
        (agent, ToolReturned(call_id=call_id, tool="bash", text=result, size=len(result))),
    ]


def end(text: str, *, agent: str = "") -> list[Play]:
    """Play the last turn and the end."""
    claim = read_claim(text, goal=Goal.DIAGNOSIS)
    return [
        (agent, ModelReplied(text=text)),
        (agent, EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim)),
    ]


def plan(*texts: str) -> list[Play]:
    """Play a plan of which nothing is done."""
    return [("", PlanStated(items=tuple(PlanItem(text=text) for text in texts)))]


LOGS = look(1, "kubectl logs deploy/checkout -n shop", "dial cart-db:5432: connection refused")
CART = look(2, "kubectl describe pod cart-db-0 -n shop", "Name: cart-db-0\nState: OOMKilled")
SOUND = 'Root cause: pod cart-db-0 is OOMKilled.\nlocalization: ["cart-db-0"]'


def test_an_answer_that_its_evidence_bears_out_is_left_alone() -> None:
    """Looked at what it blames, nothing open: no mode."""
    assert found([*LOGS, *CART, *end(SOUND)]) == []


def test_a_blamed_object_that_nobody_looked_at_is_unchecked() -> None:
    """A peer that a log line names was not looked at itself."""
    text = 'Root cause: cart-db is down.\nlocalization: ["cart-db"]'
    (finding,) = found([*LOGS, *end(text)])
    assert (finding.mode, finding.about) == (UNCHECKED, "cart-db")
    assert any("cart-db is down" in quote for quote in finding.evidence)


@pytest.mark.parametrize(
    "extra",
    [
        CART,
        look(2, "kubectl logs -n shop -l app=cart-db", "FATAL: out of memory"),
        look(2, "kubectl get pods -n shop", "NAME READY\ncart-db-0 0/1 OOMKilled"),
        look(2, "kubectl get deploy cart-db -n shop", 'Error: deployments "cart-db" not found'),
    ],
    ids=["a pod of it", "by its label", "a list shows it", "asked for, and not there"],
)
def test_a_look_at_what_is_blamed_in_any_form_counts(extra: list[Play]) -> None:
    """Doubt is resolved for the agent."""
    text = 'Root cause: cart-db is down.\nlocalization: ["cart-db"]'
    assert of(UNCHECKED, found([*LOGS, *extra, *end(text)])) == []


def test_a_service_object_does_not_show_the_process_behind_it() -> None:
    """Who blames a process and read its Service only has not looked at it."""
    service = look(2, "kubectl get svc cart-db -n shop -o yaml", "port: 5432")
    text = 'Root cause: cart-db is down.\nlocalization: ["cart-db"]'
    (finding,) = [f for f in found([*LOGS, *service, *end(text)]) if f.mode is UNCHECKED]
    assert "service" in finding.why
    assert finding.weight is Weight.STRUCTURAL


def test_a_cause_between_alternatives_is_unchecked() -> None:
    """What was not decided was not checked; a guess at when it began is no such thing."""
    guess = "Root cause: pod cart-db-0 is most likely out of memory or short of file handles."
    assert of(UNCHECKED, found([*CART, *end(guess)])) == ["undecided cause"]
    when = "Root cause: pod cart-db-0 has no memory, likely introduced by a release or by hand."
    assert of(UNCHECKED, found([*CART, *end(when)])) == []


def test_a_change_that_nobody_looked_at_afterwards_is_unchecked() -> None:
    """Claims that all is well right after its last change."""
    change = look(
        2, "kubectl scale deploy/cart --replicas=2 -n shop", "deployment.apps/cart scaled"
    )
    claim = EndRequested(
        exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="All is well.")
    )
    assert of(UNCHECKED, found([*LOGS, *change, ("", claim)])) == ["last change"]
    after = look(3, "kubectl get pods -n shop", "cart-1 1/1 Running")
    assert of(UNCHECKED, found([*LOGS, *change, *after, ("", claim)])) == []


def test_a_setting_that_a_manifest_lacks_is_no_proof() -> None:
    """Nothing shows that the program needs it; as many right runs reason so."""
    spec = look(2, "kubectl get deploy checkout -n shop -o yaml", "env:\n- name: PORT")
    text = "Root cause: checkout is missing credentials. The pod spec has no env vars for them."
    (finding,) = [f for f in found([*LOGS, *spec, *end(text)]) if f.mode is MISREAD]
    assert finding.about == "missing setting"
    assert finding.weight is Weight.STRUCTURAL


def test_a_setting_that_the_program_itself_misses_is_proof() -> None:
    """The log says what is needed."""
    log = look(1, "kubectl logs deploy/checkout -n shop", "FATAL env var CART_DB_URL is missing")
    text = "Root cause: checkout is missing credentials. The pod spec has no env vars for them."
    assert of(MISREAD, found([*log, *end(text)])) == []


NOT_FOUND = look(1, "kubectl get svc basket -n shop", 'Error: services "basket" not found')


def test_a_name_that_nothing_ever_showed_is_not_gone() -> None:
    """Two answers of not found are no proof that it was deleted: the name may be wrong."""
    again = look(2, "kubectl describe svc basket -n shop", 'Error: services "basket" not found')
    (finding,) = [
        f
        for f in found([*NOT_FOUND, *again, *end("Root cause: Service basket was deleted.")])
        if f.mode is MISREAD
    ]
    assert finding.about == "missing basket"
    assert finding.weight is Weight.DECISIVE
    assert len(finding.steps) == 2


def test_a_name_that_another_result_shows_may_be_gone() -> None:
    """A caller that is configured with it shows that it was there."""
    caller = look(2, "kubectl get deploy web -n shop -o yaml", "value: http://basket:80")
    answer = end("Root cause: Service basket was deleted.")
    assert of(MISREAD, found([*NOT_FOUND, *caller, *answer])) == []


def test_an_answer_about_another_namespace_shows_nothing() -> None:
    """The tool looked in staging, and the run is about shop."""
    elsewhere = look(
        2, "kubectl logs cart -n shop", "pod cart does not exist in the staging namespace"
    )
    findings = found([*CART, *elsewhere, *end(SOUND)])
    assert of(MISREAD, findings) == ["namespace staging"]


def test_an_answer_about_another_namespace_that_was_mended_is_forgiven() -> None:
    """The same was asked again, and answered."""
    elsewhere = look(
        2, "kubectl logs cart -n shop", "pod cart does not exist in the staging namespace"
    )
    again = look(3, "kubectl logs cart -n shop", "cart: out of memory")
    assert of(MISREAD, found([*CART, *elsewhere, *again, *end(SOUND)])) == []


def test_an_address_that_is_denied_and_quoted_is_a_contradiction() -> None:
    """The log reads the address that the answer says was never configured."""
    text = (
        "Root cause: checkout has no host/port configured.\n"
        "Evidence: the log says 'Read database URL: cart-db:5433'."
    )
    assert of(MISMATCH, found([*CART, *end(text)])) == ["denied address"]


def test_errors_that_a_tool_showed_cannot_be_denied() -> None:
    """A report says that there are no error traces, and its own tool listed one."""
    traces = look(
        1, "curl http://jaeger/api/traces", '[{"id": 7, "has_error": true}]', agent="triage"
    )
    report = MessagePassed(to="lead", kind="report", text="All is well, no error traces available.")
    assert of(MISMATCH, found([*traces, ("triage", report)])) == ["denied errors"]
    assert of(MISMATCH, found([*traces, ("other", report)])) == []


def test_open_steps_about_what_the_answer_names_are_premature() -> None:
    """A planned look at the logs of what it names was not taken; other steps do not matter."""
    steps = plan("Read the logs of cart-db-0", "Check the nodes")
    (finding,) = [f for f in found([*steps, *CART, *end(SOUND)]) if f.mode is EARLY]
    assert finding.about == "open steps"
    assert finding.weight is Weight.STRUCTURAL
    assert of(EARLY, found([*plan("Check the nodes"), *CART, *end(SOUND)])) == []


def test_steps_called_unneeded_are_premature() -> None:
    """It says itself that it left checks out."""
    text = f"{SOUND}\nFurther checks were considered unnecessary."
    assert of(EARLY, found([*CART, *end(text)])) == ["waived steps"]


def test_an_end_at_which_nobody_looked_is_premature_and_tells_nothing() -> None:
    """Right runs in which nothing is wrong end so, too."""
    (finding,) = found(
        [
            ("", RunStarted(incident=Incident(task="shop is slow"), adapter="replay")),
            *[(agent, fact) for agent, fact in LOGS if not isinstance(fact, ModelReplied)],
            *end("Investigation incomplete: insufficient data."),
        ]
    )
    assert (finding.mode, finding.about) == (EARLY, "nobody looked")
    assert finding.weight is Weight.STRUCTURAL


def task(budget: int | None) -> list[Play]:
    """Play that a worker is given a task."""
    given = MessagePassed(to="worker", kind="task", text="Look at checkout.", budget=budget)
    return [("lead", given)]


@pytest.mark.parametrize(
    ("budget", "text", "weight"),
    [
        (6, "Could not verify the database.", Weight.DECISIVE),
        (6, "Next checks: its database.", Weight.STRUCTURAL),
        (2, "Could not verify the database.", None),
        (None, "Could not verify the database.", None),
        (6, "checkout is healthy.", None),
    ],
    ids=["unconfirmed", "next checks", "budget spent", "no budget", "sound"],
)
def test_a_report_that_stops_with_calls_to_spare(
    budget: int | None, text: str, weight: Weight | None
) -> None:
    """What it leaves unconfirmed decides; what it recommends does not."""
    look_ = look(1, "kubectl logs deploy/checkout -n shop", "ok", agent="worker")
    report = ("worker", MessagePassed(to="lead", kind="report", text=text))
    findings = found([*task(budget), *look_, report])
    assert [f.weight for f in findings if f.mode is EARLY] == ([weight] if weight else [])


def test_a_gate_that_passes_speaks_against_what_was_found() -> None:
    """The world shows that the claim was true."""
    text = 'Root cause: cart-db is down.\nlocalization: ["cart-db"]'
    passed = GateReported(report=scripted_report(GateVerdict.PASS))
    plays: list[Play] = [*LOGS, *end(text), ("", passed)]
    assert any(isinstance(one, FindingWithdrawn) for one in said_of(plays))
    assert found(plays) == []


def test_who_gives_up_has_concluded_nothing() -> None:
    """An honest end is no failure of these modes."""
    claim = Claim(kind=ClaimKind.NEEDS_HUMAN, text='I need a person. localization: ["cart-db"]')
    assert found([*LOGS, ("", EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim))]) == []


def test_agents_that_only_talk_are_not_asked_for_looks() -> None:
    """A chat without tools has nothing to look at."""
    talk: list[Play] = [
        ("solver", ModelReplied(text="x = 4")),
        ("critic", ModelReplied(text="I agree.")),
    ]
    assert found([*talk, *end("x = 4", agent="solver")]) == []


@given(st.text(max_size=400))
def test_any_words_can_be_read(text: str) -> None:
    """No text raises, and the state is of bounded size and stored as JSON."""
    fact = EndRequested(
        exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.DIAGNOSED, text=text)
    )
    event = Event(run=RunId("r"), seq=1, at=AT, fact=fact)
    state, _ = concluding.observe(ConcludingState(), event, Scene())
    stored = msgspec.json.encode(state)
    assert msgspec.json.decode(stored, type=ConcludingState) == state
