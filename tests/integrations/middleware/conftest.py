"""A guard on a scripted gate, and one way to run an agent synchronously or not."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.runtime import RunControl

from guardrails.core.events import EndRequested, ExitKind, GateReported, ModelReplied
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.hooks import RunEnded
from guardrails.core.incident import Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.policy.models import Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel

Way = Literal["sync", "async"]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    """Run the test both ways."""
    return request.param


@tool
def get_pods(namespace: str = "shop") -> str:
    """List pods."""
    return f"checkout-1 CrashLoopBackOff in {namespace}"


@tool
def patch_deployment(name: str = "checkout") -> str:
    """Patch a deployment."""
    return f"deployment.apps/{name} patched"


@tool(return_direct=True)
def report_back(text: str) -> str:
    """Give the result straight to the user."""
    return text


@dataclass(kw_only=True)
class Rig:
    """One guarded agent under test, and what it left behind."""

    way: Way
    guard: Guard
    gate: ScriptedGate
    recorder: Recorder
    model: ScriptedModel = field(default_factory=ScriptedModel)
    agent: Any = None

    def build(
        self,
        *turns: Any,
        tools: Sequence[Any] = (get_pods, patch_deployment, report_back),
        before: Sequence[Any] = (),
        after: Sequence[Any] = (),
        at_end: Literal["raise", "repeat"] = "raise",
        **options: Any,
    ) -> Any:
        """Make an agent on a script, with other middleware listed before and after the guard."""
        self.model = ScriptedModel(turns=list(turns), at_end=at_end)
        guarded = GuardrailMiddleware(using=self.guard)
        middleware = [*before, guarded, *after]
        self.agent = create_agent(self.model, list(tools), middleware=middleware, **options)
        return self.agent

    def run(
        self,
        value: Any = "checkout is down",
        *,
        thread: str = "",
        control: RunControl | None = None,
        **config: Any,
    ) -> Any:
        """Invoke the agent."""
        given = {"messages": [("user", value)]} if isinstance(value, str) else value
        if thread:
            config["configurable"] = {"thread_id": thread}
        if self.way == "sync":
            return self.agent.invoke(given, config, control=control)
        return asyncio.run(self.agent.ainvoke(given, config, control=control))

    def stream(self, mode: Any, **config: Any) -> list[Any]:
        """Stream the agent to its end."""
        given = {"messages": [("user", "checkout is down")]}
        if self.way == "sync":
            return list(self.agent.stream(given, config, stream_mode=mode))

        async def collect() -> list[Any]:
            return [part async for part in self.agent.astream(given, config, stream_mode=mode)]

        return asyncio.run(collect())

    @property
    def ended(self) -> RunEnded:
        """The last closing record of the trace."""
        return self.recorder.ended[-1]

    @property
    def exits(self) -> list[ExitKind]:
        """By which doors the agent asked to leave."""
        facts = [e.fact for e in self.recorder.events]
        return [f.exit for f in facts if isinstance(f, EndRequested)]

    def facts(self, kind: type) -> list[Any]:
        """The facts of one type, in order."""
        return [e.fact for e in self.recorder.events if isinstance(e.fact, kind)]

    def feedback(self, request: int = -1) -> str:
        """The refusal that stood last in one of the model's requests."""
        said = [m for m in self.model.seen[request] if isinstance(m, HumanMessage)]
        return str(said[-1].content)

    def sound(self, result: Any, outcome: Outcome) -> None:
        """Assert what holds for every exit."""
        assert result["guardrails_outcome"]["outcome"] == outcome
        self.sound_trace(outcome)
        last = result["messages"][-1]
        if not outcome.accepted:
            assert isinstance(last, AIMessage)
            assert outcome in last.text
            assert result.get("structured_response") is None

    def sound_trace(self, outcome: Outcome) -> None:
        """Assert that each run in the trace ended once, accepted only on a passing report."""
        assert self.ended.outcome == outcome
        begun = {e.run for e in self.recorder.events}
        assert sorted(begun) == sorted(e.run for e in self.recorder.ended)
        for end in self.recorder.ended:
            reports: list[GateReport] = [
                e.fact.report
                for e in self.recorder.events
                if e.run == end.run and isinstance(e.fact, GateReported)
            ]
            if end.outcome.accepted:
                assert reports[-1].verdict is GateVerdict.PASS

    @property
    def turns(self) -> int:
        """Model turns in the trace."""
        return len(self.facts(ModelReplied))


MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(way: Way) -> MakeRig:
    """Make a rig whose gate plays these verdicts, under these settings."""

    def make(*verdicts: Any, **settings: Any) -> Rig:
        settings.setdefault("tools", {"finish": ("submit",)})
        settings.setdefault("fsm", {"machine": "none", "alignment": "none"})
        gate, recorder = ScriptedGate(*verdicts), Recorder()
        guard = Guard(
            settings=Settings.model_validate(settings),
            gate=gate,
            hooks=[recorder],
            incident=Incident(task="checkout is down", namespaces=("shop",)),
        )
        return Rig(way=way, guard=guard, gate=gate, recorder=recorder)

    return make
