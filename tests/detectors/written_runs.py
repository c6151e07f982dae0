"""Writes down runs of several agents, fact by fact, and tells what the shipped detectors found."""

from collections.abc import Sequence
from datetime import UTC, datetime

from asking import observed

from guardrails.actions.classify import classify
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    MessagePassed,
    ModelReplied,
    RunStarted,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.findings import Finding, Found, standing
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Goal, Incident, Workload
from guardrails.core.mast import FailureMode
from guardrails.detectors.registry import DetectorStates

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Run:
    """A run that grows with every call of a method; all of them return it."""

    def __init__(
        self,
        task: str = "Users see errors. Find out why.",
        *,
        goal: Goal = Goal.MITIGATION,
        workloads: Sequence[str] = (),
        adapter: str = "replay",
    ) -> None:
        self.states = DetectorStates()
        self.found: list[Found] = []
        self._seq = self._step = 0
        self.fact(
            RunStarted(
                incident=Incident(
                    task=task,
                    goal=goal,
                    namespaces=("shop",),
                    workloads=tuple(Workload(name=name) for name in workloads),
                ),
                adapter=adapter,
            )
        )

    def fact(self, fact: AnyFact, agent: str = "") -> "Run":
        """State any fact."""
        self._seq += 1
        self._step += isinstance(fact, ModelReplied)
        event = Event(run=RunId("r"), seq=self._seq, at=AT, step=self._step, agent=agent, fact=fact)
        action = classify(fact.tool, fact.arguments) if isinstance(fact, ToolRequested) else None
        self.states, new = observed(self.states, event, action=action)
        self.found.extend(new)
        return self

    def call(
        self, tool: str, arguments: str, result: str, *, agent: str = "", failed: bool = False
    ) -> "Run":
        """Take a turn with one call, and get its result."""
        call_id = CallId(f"c{self._seq}")
        self.fact(ModelReplied(text=""), agent)
        self.fact(ToolRequested(call_id=call_id, tool=tool, arguments=arguments), agent)
        status = ToolStatus.ERROR if failed else ToolStatus.OK
        return self.fact(
            ToolReturned(call_id=call_id, tool=tool, status=status, text=result), agent
        )

    def kubectl(self, line: str, result: str, *, agent: str = "", failed: bool = False) -> "Run":
        """Run one kubectl line."""
        return self.call(
            "kubectl", f'{{"command": "kubectl {line}"}}', result, agent=agent, failed=failed
        )

    def task(self, to: str, text: str, *, by: str = "lead", budget: int | None = None) -> "Run":
        """Give an agent a task."""
        return self.fact(MessagePassed(to=to, kind="task", text=text, ref="T1", budget=budget), by)

    def report(self, by: str, text: str, *, to: str = "lead") -> "Run":
        """Let an agent report."""
        self.fact(ModelReplied(text=text), by)
        return self.fact(MessagePassed(to=to, kind="report", text=text, ref="T1"), by)

    def ends(self, text: str, *, agent: str = "", kind: ClaimKind = ClaimKind.DIAGNOSED) -> "Run":
        """Ask to end with a claim."""
        self.fact(ModelReplied(text=text), agent)
        claim = Claim(kind=kind, text=text)
        return self.fact(EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim), agent)

    def of(self, mode: FailureMode) -> list[Finding]:
        """Return the findings of one mode that stand."""
        return [one for one in standing(self.found) if one.mode is mode]
