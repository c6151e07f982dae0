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
from guardrails.integrations.replies import is_closing, outcome_state
from guardrails.policy.models import Budgets, Settings
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from tests.settings import NO_MACHINE

Adapter = Literal["middleware", "graph", "graph+middleware", "drive", "drive+middleware"]
Build = Callable[[list[Any]], Any]
"""Builds the agent, given the middleware to put into it if it takes any."""

SMALL = Settings(
    fsm=NO_MACHINE, budgets=Budgets(steps=12, tool_calls=40, refusals=2, unknown_refusals=1)
)
"""Budgets that a test can spend."""


@dataclass(kw_only=True)
class Ended:
    """How a run came out, seen from its caller and from its trace."""

    adapter: Adapter
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the caller got back; of a driven run the graph's state, with the result's outcome."""
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

    def check(self, *, raises: type[BaseException] | None = None) -> None:
        """Check what holds for every run: one typed end, accepted only on a passing report.

        Args:
            raises: What leaves an agent that has nothing but the middleware around it. The other
                adapters let no exception of the agent out.
        """
        assert len(self.records.ended) == 1, [str(e.fact) for e in self.records.events][-2:]
        (ended,) = self.records.ended
        assert {event.run for event in self.records.events} == {ended.run}
        reports = [e.fact.report for e in self.records.events if isinstance(e.fact, GateReported)]
        if self.outcome.accepted:
            assert reports[-1].verdict is GateVerdict.PASS
        if raises is not None and self.adapter == "middleware":
            assert isinstance(self.raised, raises)
            return
        assert self.raised is None, repr(self.raised)
        assert self.state["guardrails_outcome"]["outcome"] == ended.outcome
        assert self.state["guardrails_outcome"]["run"] == ended.run
        messages = self.state.get("messages")
        if messages and not ended.outcome.accepted and not self.adapter.startswith("drive"):
            assert is_closing(messages[-1]), "the last word is a claim that nobody confirmed"


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
        turns: int = 1,
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
            turns: How often the agent is called with it, on one thread.
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
        ended = Ended(adapter=self.adapter, records=records, gate=gate, guard=using)
        given = inputs if inputs is not None else {"messages": [("user", "checkout is down")]}
        settled = {"configurable": {"thread_id": "thread"}, **(config or {})}
        agent = build([GuardrailMiddleware(using=using)] if "middleware" in self.adapter else [])
        if self.adapter.startswith("graph"):
            agent = guard(agent, using=using, **options)
        try:
            for _ in range(turns):
                if self.adapter.startswith("drive"):
                    ended.state = _driven(agent, given, using, settled, list(answers), options)
                else:
                    ended.state = self._invoked(agent, given, settled, list(answers))
        except Exception as error:  # noqa: BLE001  # what comes out of an adapter is looked at
            ended.raised = error
        return ended

    def _invoked(
        self, agent: Any, given: Any, config: dict[str, Any], left: list[Any]
    ) -> dict[str, Any]:
        while True:
            if self.asynchronous:
                state = asyncio.run(agent.ainvoke(given, config))
            else:
                state = agent.invoke(given, config)
            if not left or "__interrupt__" not in state:
                return state
            given = Command(resume=left.pop(0))


def _driven(
    agent: Any,
    given: Any,
    using: Guard,
    config: dict[str, Any],
    left: list[Any],
    options: dict[str, Any],
) -> dict[str, Any]:
    def answer(asked: tuple[Any, ...]) -> Any:
        assert asked
        return left.pop(0) if left else None

    driven = asyncio.run(drive(agent, given, using=using, config=config, answer=answer, **options))
    return {**driven.state, "guardrails_outcome": outcome_state(driven.result)}


ADAPTERS: tuple[Adapter, ...] = (
    "middleware",
    "graph",
    "graph+middleware",
    "drive",
    "drive+middleware",
)
EVERY: list[tuple[Adapter, bool]] = [
    (a, asynchronous) for a in ADAPTERS for asynchronous in (False, True)
]
"""Every adapter, synchronous and asynchronous.

The outer loop itself is asynchronous only; what differs there is the code of the agent's tools.
"""


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
