"""Plays one run through any adapter, and checks what must hold for every exit of every agent."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from langgraph.types import Command

from guardrails.core.decisions import Reason
from guardrails.core.events import GateReported
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Goal, Incident
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.integrations.langgraph import guard
from guardrails.policy.models import Budgets, Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder

Adapter = Literal["middleware", "graph", "drive", "drive+middleware"]
Build = Callable[[list[Any]], Any]
"""Builds the agent, given the middleware to put into it if it takes any."""

SMALL = Settings(budgets=Budgets(steps=12, tool_calls=40, refusals=2, unknown_refusals=1))
"""Budgets that a test can spend."""


@dataclass(kw_only=True)
class Ended:
    """How a run came out, seen from its caller and from its trace."""

    state: dict[str, Any] = field(default_factory=dict[str, Any])
    raised: BaseException | None = None
    records: Recorder = field(default_factory=Recorder)
    gate: ScriptedGate
    guard: Guard

    @property
    def outcome(self) -> Outcome:
        """The outcome in the trace."""
        (ended,) = self.records.ended
        return ended.outcome

    @property
    def reason(self) -> Reason:
        """The reason in the trace."""
        (ended,) = self.records.ended
        return Reason(ended.reason)

    @property
    def facts(self) -> list[str]:
        """Names of the facts, in order."""
        return [type(event.fact).__name__ for event in self.records.events]

    @property
    def words(self) -> str:
        """Everything that stands in the messages at the end."""
        return "\n".join(str(m.content) for m in self.state.get("messages", []))

    def check(self) -> None:
        """Check what holds for every run: one typed end, accepted only on a passing report."""
        reports = [e.fact.report for e in self.records.events if isinstance(e.fact, GateReported)]
        assert len(self.records.ended) == 1, [str(e.fact) for e in self.records.events][-2:]
        if self.outcome.accepted:
            assert reports
            assert reports[-1].verdict is GateVerdict.PASS
        if self.raised is None:
            assert self.state["guardrails_outcome"]["outcome"] == self.outcome


@dataclass(kw_only=True)
class Play:
    """Runs agents under one adapter, synchronously or not."""

    adapter: Adapter
    asynchronous: bool

    def __call__(
        self,
        build: Build,
        *played: GateVerdict | GateReport | Exception,
        inputs: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        answers: Sequence[Any] = (),
        settings: Settings = SMALL,
        goal: Goal = Goal.MITIGATION,
        **options: Any,
    ) -> Ended:
        """Run an agent to its end.

        Args:
            build: Builds it.
            played: What the gate says, in order.
            inputs: Its input; a task in `messages` when left out.
            config: LangGraph's configuration.
            answers: What interrupts are answered with; without one a question stays open.
            settings: The policy.
            goal: What the incident asks for.
            options: For `guard(graph)` and `drive`.
        """
        records, gate = Recorder(), ScriptedGate(*(played or (GateVerdict.FAIL,)))
        using = Guard(
            settings=settings,
            gate=gate,
            hooks=[records],
            incident=Incident(task="checkout is down", goal=goal, namespaces=("shop",)),
        )
        ended = Ended(records=records, gate=gate, guard=using)
        given = inputs if inputs is not None else {"messages": [("user", "checkout is down")]}
        try:
            ended.state = self._run(build, given, using, dict(config or {}), answers, options)
        except Exception as error:  # noqa: BLE001  # what comes out of an adapter is looked at
            ended.raised = error
        return ended

    def _run(
        self,
        build: Build,
        given: Mapping[str, Any],
        using: Guard,
        config: dict[str, Any],
        answers: Sequence[Any],
        options: dict[str, Any],
    ) -> dict[str, Any]:
        inside = [GuardrailMiddleware(using=using)] if "middleware" in self.adapter else []
        agent = build(inside)
        left = list(answers)
        if self.adapter.startswith("drive"):

            def answer(asked: tuple[Any, ...]) -> Any:
                assert asked
                return left.pop(0) if left else None

            driven = asyncio.run(
                drive(agent, given, using=using, config=config, answer=answer, **options)
            )
            outcome = {"outcome": driven.result.outcome}
            return {**driven.state, "guardrails_outcome": outcome}
        if self.adapter == "graph":
            agent = guard(agent, using=using, **options)
        return self._invoke(agent, given, config, left)

    def _invoke(
        self, agent: Any, given: Any, config: dict[str, Any], left: list[Any]
    ) -> dict[str, Any]:
        config.setdefault("configurable", {"thread_id": "thread"})
        while True:
            if self.asynchronous:
                state = asyncio.run(agent.ainvoke(given, config))
            else:
                state = agent.invoke(given, config)
            if not left or "__interrupt__" not in state:
                return state
            given = Command(resume=left.pop(0))


EVERY: list[tuple[Adapter, bool]] = [
    ("middleware", False),
    ("middleware", True),
    ("graph", False),
    ("graph", True),
    ("drive", True),
    ("drive+middleware", True),
]
"""Every adapter, synchronous and asynchronous; the outer loop is asynchronous only."""


@pytest.fixture(params=EVERY, ids=lambda p: f"{p[0]}-{'async' if p[1] else 'sync'}")
def play(request: pytest.FixtureRequest) -> Play:
    """Every adapter, for agents of `create_agent`."""
    adapter, asynchronous = request.param
    return Play(adapter=adapter, asynchronous=asynchronous)


@pytest.fixture(
    params=[case for case in EVERY if "middleware" not in case[0]],
    ids=lambda p: f"{p[0]}-{'async' if p[1] else 'sync'}",
)
def play_graph(request: pytest.FixtureRequest) -> Play:
    """The adapters for graphs that take no middleware."""
    adapter, asynchronous = request.param
    return Play(adapter=adapter, asynchronous=asynchronous)
