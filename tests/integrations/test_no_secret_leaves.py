"""No secret leaves a guarded run by any door: every planted one goes through whole runs."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.tools import ToolException, tool
from prometheus_client import CollectorRegistry, generate_latest

from guardrails.core.evidence import (
    AlertRef,
    Evidence,
    EvidenceState,
    GateProgress,
    GateReport,
    GateVerdict,
)
from guardrails.core.ids import CheckId
from guardrails.core.incident import AlertMatcher, Incident, Slo
from guardrails.core.outcome import Outcome
from guardrails.core.questions import Candidate, Question, QuestionKind
from guardrails.core.trace import read_trace
from guardrails.engine import Guard, SessionKey
from guardrails.engine.replay import replay
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard as guarded
from guardrails.integrations.replies import is_closing, outcome_state
from guardrails.policy.models import Budgets, Settings, ToolNames
from guardrails.telemetry.jsonl import TraceFileHook
from guardrails.telemetry.logs import StructlogHook, json_logger
from guardrails.telemetry.metrics import PrometheusHook
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.hygiene.secrets import Planted, planted
from tests.settings import NO_MACHINE

CASES = planted()
GROUP = 43
"""Cases of one run: twelve runs play them all."""
GROUPS = [CASES[at : at + GROUP] for at in range(0, len(CASES), GROUP)]
ENOUGH = Settings(
    fsm=NO_MACHINE,
    tools=ToolNames(read=("note",)),
    budgets=Budgets(steps=1_000, tool_calls=1_000),
)


class Told(ScriptedGate):
    """A gate whose words hold everything that was planted, and that asks about it first."""

    def __init__(self, cases: Sequence[Planted]) -> None:
        super().__init__(GateVerdict.UNKNOWN)
        self.cases = cases

    @property
    def questions(self) -> tuple[Question, ...]:
        """One question, with a secret in each of its words."""
        if self.requests:
            return ()
        text, why, label = (case.text for case in self.cases[:3])
        choice = Candidate(id="shop", label=label, namespace="shop")
        kind = QuestionKind.WHICH_NAMESPACE
        return (Question(id="q", kind=kind, text=text, why=why, candidates=(choice,)),)

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Report one piece of evidence per case."""
        report = await super().evaluate(request)
        texts = tuple(case.text for case in self.cases)
        if on_progress is not None:
            on_progress(
                GateProgress(at=report.ended_at, verdict=GateVerdict.PENDING, waiting_for=texts)
            )
        told = tuple(_seen(case, report.evidence[0]) for case in self.cases)
        return msgspec.structs.replace(
            report,
            evidence=(*report.evidence, *told),
            waiting_for=texts,
            summary="; ".join(texts[:3]),
        )


def _seen(case: Planted, like: Evidence) -> Evidence:
    return msgspec.structs.replace(
        like,
        check=CheckId("custom:planted"),
        state=EvidenceState.UNKNOWN,
        subject=AlertRef(labels={"alertname": "Planted", "note": case.text}),
        observed=case.text,
        expected=case.text,
        query=case.text,
    )


@dataclass(kw_only=True)
class Ran:
    """Everything that came out of a run, by the door that it came out of."""

    doors: dict[str, str]
    used: list[str]
    """What the tool was really called with."""
    trace: Path
    requests: list[GateRequest]
    incident: Incident
    outcome: Outcome

    def leaks(self, cases: Sequence[Planted]) -> list[str]:
        """Name the cases that are to be read somewhere, with the door."""
        return [
            f"{case.name}: {door}"
            for case in cases
            for door, text in self.doors.items()
            if case.secret in text
        ]


def run(cases: Sequence[Planted], folder: Path, *, way: str) -> Ran:
    """Run an agent that says, passes, gets and raises each planted text."""
    used: list[str] = []

    @tool
    def note(text: str, *, fails: bool = False) -> str:
        """Give back what it is given."""
        used.append(text)
        if fails:
            raise ToolException(text)
        return text

    task = "\n".join(case.text for case in cases[:3])
    incident = Incident(
        task=task,
        namespaces=("shop", "test"),
        alerts=(AlertMatcher(labels={"alertname": "Down", "note": cases[0].text}),),
        slo=(Slo(name="errors", query=f"rate(errors[5m]) < 1 # {cases[0].text}"),),
    )
    registry, lines, trace = CollectorRegistry(), io.StringIO(), folder / "trace.jsonl"
    gate = Told(cases)

    async def ask(question: Question) -> str:
        asked.append(msgspec.json.encode(question).decode())
        return cases[-1].text

    asked: list[str] = []
    with TraceFileHook(trace) as file:
        using = Guard(
            settings=ENOUGH,
            gate=gate,
            incident=incident,
            ask=ask,
            hooks=[
                file,
                PrometheusHook(registry),
                StructlogHook(json_logger(lines, level=logging.DEBUG)),
            ],
        )
        model = ScriptedModel(turns=[*_turns(cases), turn("All is well again.")], at_end="repeat")
        out = asyncio.run(_played(way, model, note, using, task))
    session = using.find(SessionKey("t"))
    assert session is not None
    assert session.outcome is not None
    stored = session.snapshot()
    again = using.restore(SessionKey("again"), stored)
    assert again.incident == session.incident
    doors = {
        "model": "\n".join(_words_of(message) for seen in model.seen for message in seen),
        "trace": trace.read_text(),
        "log": lines.getvalue(),
        "metrics": generate_latest(registry).decode(),
        "result": msgspec.json.encode(session.result()).decode(),
        "session": stored.decode(),
        "question": "\n".join(asked),
        **out,
    }
    return Ran(
        doors={door: _plain(text) for door, text in doors.items()},
        used=used,
        trace=trace,
        requests=gate.requests,
        incident=incident,
        outcome=session.outcome,
    )


def _turns(cases: Sequence[Planted]) -> Iterator[Any]:
    for at, case in enumerate(cases):
        yield turn(
            case.text,
            reasoning=case.text,
            calls=[call("note", text=case.text, fails=at % 5 == 4)],
            malformed=[("note", case.text)] if at % 7 == 6 else (),
        )


async def _played(
    way: str, model: ScriptedModel, note: Any, using: Guard, task: str
) -> dict[str, str]:
    """Run the agent, and return what the guard itself put into streams and states."""
    asked: Any = {"messages": [HumanMessage(task)]}
    config: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 1_000}
    note.handle_tool_error = True  # the model reads the error, and the run goes on
    agent: Any = create_agent(model, [note], middleware=[GuardrailMiddleware(using=using)])
    if way == "drive":
        driven = await drive(agent, asked, using=using, config=config)
        return {"state": json.dumps(outcome_state(driven.result))}
    if way == "graph":
        agent = guarded(agent, using=using)
    parts: list[str] = []
    stream: Any = agent.astream(asked, config, stream_mode=["custom", "values"])
    async for mode, part in stream:
        if mode == "custom":
            parts.append(json.dumps(part))
        elif part.get("guardrails_outcome"):
            parts += [json.dumps(part["guardrails_outcome"]), *_closing(part["messages"])]
    assert parts
    return {"stream": "\n".join(parts)}


def _closing(messages: Sequence[BaseMessage]) -> list[str]:
    """Return what the guard says at the end; the other messages are the agent's own state."""
    return [_words_of(message) for message in messages if is_closing(message)]


def _words_of(message: BaseMessage) -> str:
    return json.dumps(message.model_dump(mode="json"), ensure_ascii=False)


def _plain(text: str) -> str:
    """Take the slashes' escapes away, so that no secret hides behind one."""
    return text.replace("\\/", "/")


@pytest.mark.parametrize("at", range(len(GROUPS)))
def test_no_planted_secret_comes_out_of_a_run(at: int, tmp_path: Path) -> None:
    """Model, trace, log, metrics, result, stored session, questions, stream: all are without."""
    cases = GROUPS[at]
    way = ("middleware", "graph", "drive")[at % 3]
    ran = run(cases, tmp_path, way=way)
    assert ran.leaks(cases) == []
    assert ran.outcome is Outcome.ESCALATED
    assert "[redacted:" in ran.doors["trace"]


def test_tools_and_gate_work_with_what_is_real(tmp_path: Path) -> None:
    """Only what is recorded is scrubbed: calls, alerts and queries stay as they are."""
    cases = GROUPS[0]
    ran = run(cases, tmp_path, way="middleware")
    assert ran.used == [case.text for case in cases]
    assert ran.requests
    for request in ran.requests:
        assert request.incident.alerts == ran.incident.alerts
        assert request.incident.slo == ran.incident.slo


def test_a_scrubbed_trace_replays_to_the_same_decisions(tmp_path: Path) -> None:
    """Live and replayed, the fold saw the same events."""
    ran = run(GROUPS[1], tmp_path, way="middleware")
    (stored,) = read_trace(ran.trace)
    again = replay(stored.events)
    assert again.decisions == stored.decisions
    assert again.findings == stored.findings
