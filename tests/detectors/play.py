"""Plays runs to the shipped detectors: what happened, in a few words, and what was found."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asking import observed

from guardrails.actions.classify import classify
from guardrails.core.events import (
    AnyFact,
    Event,
    MessagePassed,
    ModelReplied,
    RunStarted,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.findings import Finding, Found, standing
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Goal, Incident
from guardrails.detectors.registry import DetectorStates

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Play:
    """A run, played fact by fact."""

    def __init__(self, *, task: str = "checkout is down", goal: Goal = Goal.DIAGNOSIS) -> None:
        self.states = DetectorStates()
        self.found: list[Found] = []
        self.events: list[Event] = []
        self.step = 0
        self.calls = 0
        self.note(RunStarted(incident=Incident(task=task, goal=goal), adapter="test"))

    def note(self, fact: AnyFact, *, agent: str = "") -> None:
        """Fold one fact."""
        self.step += isinstance(fact, ModelReplied)
        seq = len(self.events) + 1
        event = Event(
            run=RunId("r"),
            seq=seq,
            at=AT + timedelta(seconds=seq),
            step=self.step,
            agent=agent,
            fact=fact,
        )
        action = classify(fact.tool, fact.arguments) if isinstance(fact, ToolRequested) else None
        self.events.append(event)
        self.states, found = observed(self.states, event, action=action)
        self.found += found

    def says(self, text: str, *, agent: str = "", calls: Sequence[ToolCall] = ()) -> None:
        """Let a model take a turn."""
        self.note(ModelReplied(text=text, tool_calls=tuple(calls)), agent=agent)

    def runs(
        self,
        command: str,
        result: str = "ok",
        *,
        agent: str = "",
        text: str = "",
        status: ToolStatus = ToolStatus.OK,
    ) -> None:
        """Let an agent run a shell line in a turn of its own."""
        self.calls_tool("bash", {"command": command}, result, agent=agent, text=text, status=status)

    def calls_tool(
        self,
        tool: str,
        arguments: dict[str, object],
        result: str = "ok",
        *,
        agent: str = "",
        text: str = "",
        status: ToolStatus = ToolStatus.OK,
    ) -> None:
        """Let an agent call a tool in a turn of its own."""
        self.calls += 1
        call = ToolCall(
            call_id=CallId(f"c{self.calls}"), tool=tool, arguments=json.dumps(arguments)
        )
        self.says(text, agent=agent, calls=[call])
        request = ToolRequested(call_id=call.call_id, tool=tool, arguments=call.arguments)
        self.note(request, agent=agent)
        self.note(
            ToolReturned(call_id=call.call_id, tool=tool, text=result, status=status), agent=agent
        )

    def tasks(self, to: str, text: str, *, by: str = "lead", ref: str = "") -> None:
        """Let one agent give another a task."""
        self.note(MessagePassed(to=to, kind="task", text=text, ref=ref), agent=by)

    def reports(self, text: str, *, by: str, to: str = "lead", ref: str = "") -> None:
        """Let an agent report."""
        self.note(MessagePassed(to=to, kind="report", text=text, ref=ref), agent=by)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What holds at the end."""
        return standing(self.found)

    def modes(self) -> list[str]:
        """Return the modes that hold, without their prefix, sorted."""
        return sorted({one.mode.removeprefix("FM-") for one in self.findings})

    def of(self, mode: str) -> list[Finding]:
        """Return the findings of one mode that hold."""
        return [one for one in self.findings if one.mode == f"FM-{mode}"]
