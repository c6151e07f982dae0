"""Every persona ends in a typed outcome within the bound, whatever stands around it."""

import asyncio
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, tool

from guardrails.core.events import ModelReplied, ToolReturned, ToolStatus
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.findings import Finding, FindingWithdrawn, standing
from guardrails.core.incident import Goal, Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, replay
from guardrails.fsm.load import machine_for
from guardrails.fsm.proof import bound_of
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard as guarded
from guardrails.policy.load import load_settings
from guardrails.testing.gates import ScriptedGate, scripted_report
from guardrails.testing.personas import PERSONAS, PersonaName, Repertoire, persona
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import call

Adapter = Literal["middleware", "graph", "drive"]
ADAPTERS: tuple[Adapter, ...] = ("middleware", "graph", "drive")

READS = ("get pods -n shop", "logs deploy/web -n shop", "get events -n shop", "top pods -n shop")
MEND = "scale deployment/web -n shop --replicas=3"
HARM = "delete deployment/cart -n shop"
PHANTOM = "scale deployment/recommendation -n shop --replicas=2"
SETTINGS = load_settings(
    profile="mid-tier",
    environ={},
    flags={"fsm.settle": 0, "budgets.steps": 20, "budgets.tool_calls": 60},
)


def repertoire(goal: Goal) -> Repertoire:
    """What personas can call here."""
    return Repertoire(
        reads=[call("kubectl", command=command) for command in READS],
        mend=[call("kubectl", command=MEND)] if goal is Goal.MITIGATION else (),
        harm=[call("kubectl", command=HARM)],
        phantom=[call("kubectl", command=PHANTOM)],
        culprit="deployment `web`",
        diagnosis=goal is Goal.DIAGNOSIS,
    )


class World(ScriptedGate):
    """A cluster with one fault, and the gate that looks at it."""

    def __init__(self, goal: Goal) -> None:
        super().__init__(GateVerdict.PASS)
        self.goal, self.ran = goal, list[str]()

    def tools(self) -> list[BaseTool]:
        """Return the agent's tool."""

        @tool
        def kubectl(command: str) -> str:
            """Run kubectl."""
            self.ran.append(command)
            return f"{command}: {self.ran.count(MEND)}"

        return [kubectl]

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Pass what is mended, or a diagnosis that names the culprit."""
        del on_progress
        named = request.claim is not None and any(e.name == "web" for e in request.claim.entities)
        done = MEND in self.ran if self.goal is Goal.MITIGATION else named
        return scripted_report(GateVerdict.PASS if done else GateVerdict.FAIL)


def play(name: PersonaName, adapter: Adapter, goal: Goal) -> tuple[World, Recorder]:
    """Let a persona work through one adapter."""
    world, records = World(goal), Recorder()
    incident = Incident(task="web is down", goal=goal, namespaces=("shop",))
    using = Guard(settings=SETTINGS, gate=world, hooks=[records], incident=incident)
    model = persona(name, repertoire(goal), seed=3)
    given: Any = {"messages": [("user", "web is down")]}
    if adapter == "middleware":
        middleware = [GuardrailMiddleware(using=using)]
        create_agent(model, world.tools(), middleware=middleware).invoke(given)
        return world, records
    agent = create_agent(model, world.tools())
    if adapter == "graph":
        guarded(agent, using=using).invoke(given)
    else:
        asyncio.run(drive(agent, given, using=using))
    return world, records


@pytest.mark.parametrize("goal", Goal)
@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", PERSONAS)
def test_a_persona_ends_typed_within_the_bound(
    name: PersonaName, adapter: Adapter, goal: Goal
) -> None:
    """One outcome, never more turns or calls than the proof printed, accepted only when mended."""
    world, records = play(name, adapter, goal)
    (ended,) = records.ended
    bound = bound_of(machine_for(goal), turns=20, calls=60)
    facts = [event.fact for event in records.events]
    assert sum(isinstance(fact, ModelReplied) for fact in facts) <= bound.turns
    ran = [f for f in facts if isinstance(f, ToolReturned) and f.status is not ToolStatus.BLOCKED]
    assert len(ran) <= bound.calls
    if ended.outcome is Outcome.RESOLVED:
        assert MEND in world.ran
    if goal is Goal.DIAGNOSIS:
        assert not {MEND, HARM} & set(world.ran)
    live = tuple(r for r in records.records if isinstance(r, Finding | FindingWithdrawn))
    again = replay(records.events)
    assert again.found == live
    assert again.findings == standing(live)


@pytest.mark.parametrize("name", PERSONAS)
def test_the_same_seed_says_the_same(name: PersonaName) -> None:
    """So that a policy can be tried on it again and again."""

    def said(seed: int) -> list[AIMessage]:
        model = persona(name, repertoire(Goal.MITIGATION), seed=seed)
        messages: list[Any] = []
        for _ in range(6):
            messages.append(model.invoke(messages))
        return [(m.text, [c["args"] for c in m.tool_calls]) for m in messages]  # type: ignore[misc]

    assert said(1) == said(1)


def test_a_persona_needs_something_to_look_at() -> None:
    """The error says how much."""
    short = Repertoire(reads=[call("kubectl")], mend=(), harm=(), culprit="web")
    with pytest.raises(ValueError, match="at least 3 reads"):
        persona("quitter", short)
