"""Rows in which the agent answers, well or badly, and by that asks to end (B0, B1, B3, B16-B18)."""

from exit_agents import (
    DONE,
    FAIL,
    LOOK,
    MEND,
    PASS,
    UNKNOWN,
    Forgets,
    Report,
    Row,
    conclude,
    kubectl,
    structured,
    submit,
)
from langchain.agents.middleware import (
    ModelCallLimitMiddleware,
)
from langchain.agents.structured_output import (
    ProviderStrategy,
    StructuredOutputValidationError,
    ToolStrategy,
)

from guardrails.core.decisions import Reason
from guardrails.core.outcome import Outcome
from guardrails.testing.gates import scripted_report
from guardrails.testing.scripted import call, turn

ANSWERS = [
    Row(
        name="B0 an answer is refused, the fix is accepted",
        turns=[LOOK, DONE, MEND, DONE],
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B0 an honest answer",
        turns=[LOOK, MEND, DONE],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B0 the same false answer again and again",
        turns=[DONE],
        repeats=True,
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.BUDGET_REFUSALS,
    ),
    Row(
        name="B0 evidence that stays unreadable",
        turns=[DONE],
        repeats=True,
        gate=[UNKNOWN],
        outcome=Outcome.ESCALATED,
        reason=Reason.GATE_UNKNOWN,
    ),
    Row(
        name="B0 a gate that breaks",
        turns=[DONE],
        repeats=True,
        gate=[RuntimeError("gate")],
        outcome=Outcome.ESCALATED,
        reason=Reason.GATE_UNKNOWN,
    ),
    Row(
        name="B0 giving up",
        turns=[turn("I was unable to resolve the incident and give up.")],
        gate=[PASS],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.GAVE_UP,
    ),
    Row(
        name="B0 a gate with nothing to judge by",
        turns=[DONE],
        gate=[scripted_report(UNKNOWN, with_evidence=False)],
        outcome=Outcome.UNVERIFIABLE,
    ),
    Row(
        name="B0' the door is the closing hook, whatever stands before it",
        turns=[LOOK, DONE, MEND, DONE],
        around=lambda: [ModelCallLimitMiddleware(run_limit=9)],
        last=True,
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B0 a finish tool is held before it runs",
        turns=[
            turn(calls=[call("submit", answer="fixed")]),
            MEND,
            turn(calls=[call("submit", answer="fixed")]),
            DONE,
        ],
        tools=[kubectl, submit],
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B0 a finish tool among parallel calls",
        turns=[
            turn(calls=[call("kubectl", command="kubectl get pods"), call("submit", answer="x")]),
            turn(calls=[call("submit", answer="fixed"), *MEND.tool_calls]),
            turn(calls=[call("submit", answer="fixed"), call("submit", answer="again")]),
        ],
        repeats=True,
        tools=[kubectl, submit],
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
    ),
    Row(
        name="B1 a direct-return tool is refused, then honest",
        turns=[turn(calls=[call("conclude", text="It is fixed.")]), MEND, DONE],
        tools=[kubectl, conclude],
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B1 a direct-return tool that is never true",
        turns=[turn(calls=[call("conclude", text="It is fixed.")])],
        repeats=True,
        tools=[conclude],
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.BUDGET_REFUSALS,
    ),
    Row(
        name="B3 a structured answer is refused, then honest",
        turns=[structured(), MEND, structured()],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B3 a plain text ends a structured agent",
        turns=[DONE, MEND, structured()],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B3 a provider's structured answer is refused, then honest",
        turns=[
            turn('{"root_cause": "deployment/checkout", "fixed": true}'),
            MEND,
            turn('{"root_cause": "deployment/checkout", "fixed": true}'),
        ],
        response_format=ProviderStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B3 a provider's structured answer that does not parse",
        turns=[turn("It is fixed.")],
        response_format=ProviderStrategy(Report),
        gate=[PASS],
        outcome=Outcome.ABORTED,
        reason=Reason.ERROR,
        raises=StructuredOutputValidationError,
    ),
    Row(
        name="B3 a structured answer beside a real call",
        turns=[
            turn(
                calls=[
                    call("Report", root_cause="deployment/checkout", fixed=True),
                    call("kubectl", command="kubectl get pods"),
                ]
            ),
            structured(),
        ],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B3 a structured answer that is never true",
        turns=[structured()],
        repeats=True,
        response_format=ToolStrategy(Report),
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
        reason=Reason.BUDGET_REFUSALS,
    ),
    Row(
        name="B3' an invalid structured call beside an ordinary one",
        turns=[
            turn(
                calls=[
                    call("Report", root_cause="x", fixed={"not": "a bool"}),
                    call("kubectl", command="kubectl get pods"),
                ]
            ),
            structured(),
            structured(),
        ],
        response_format=ToolStrategy(Report),
        gate=[FAIL, PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B16 a filter takes every model message out",
        turns=[DONE],
        repeats=True,
        around=lambda: [Forgets()],
        gate=[FAIL],
        outcome=Outcome.UNRESOLVED,
    ),
    Row(
        name="B17 a malformed call is no end",
        turns=[turn(malformed=[("kubectl", "{oops")]), MEND, DONE],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B18 an empty answer is no end",
        turns=[turn(""), MEND, DONE],
        gate=[PASS],
        outcome=Outcome.RESOLVED,
    ),
    Row(
        name="B18 nothing but empty answers",
        turns=[turn("")],
        repeats=True,
        gate=[PASS],
        outcome=Outcome.ESCALATED,
    ),
]
