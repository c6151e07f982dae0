"""Stamps facts into events, as a live session does, for readers of stored traces."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from guardrails.actions.claims import read_claim
from guardrails.core.events import (
    TEXT_LIMIT,
    AgentHandedOff,
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    MessageKind,
    MessagePassed,
    ModelReplied,
    PlanItem,
    PlanStated,
    RunStarted,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
    Usage,
)
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Goal, Incident
from guardrails.version import VERSION

_SECOND = timedelta(seconds=1)
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a trace holds no times, events stand a second apart from here on."""


class EventLog:
    """The events of one run, in order.

    Args:
        run_id: The run's id in its own file.
        agent: Who acts where nothing else is said; empty for a run of one agent.
    """

    def __init__(self, run_id: str, *, agent: str = "") -> None:
        self.run = RunId(run_id)
        self.agent = agent
        self.goal = Goal.DIAGNOSIS
        self.timed = False
        self._events: list[Event] = []
        self._step = 0
        self._at = NO_TIME

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything so far."""
        return tuple(self._events)

    def note(self, fact: AnyFact, *, agent: str | None = None, at: datetime | None = None) -> None:
        """Append a fact. A time that lies before the last event's is taken for that one's.

        Events before the first time that the trace holds get that one.
        """
        if at is not None:
            if not self.timed and self._events:
                self._events = [msgspec.structs.replace(e, at=at) for e in self._events]
                self._at = at
            self.timed = True
            self._at = at if not self._events else max(at, self._at)
        elif not self.timed:
            self._at += _SECOND
        self._step += isinstance(fact, ModelReplied)
        event = Event(
            run=self.run,
            seq=len(self._events) + 1,
            at=self._at,
            step=self._step,
            agent=self.agent if agent is None else agent,
            fact=fact,
        )
        self._events.append(event)

    def started(
        self,
        task: str,
        *,
        model: str = "",
        goal: Goal = Goal.DIAGNOSIS,
        namespaces: Iterable[str] = (),
        at: datetime | None = None,
    ) -> None:
        """Begin the run with its task."""
        self.goal = goal
        incident = Incident(task=clipped(task), goal=goal, namespaces=tuple(namespaces))
        self.note(
            RunStarted(incident=incident, adapter="replay", model=model, guard_version=VERSION),
            agent="",
            at=at,
        )

    def replied(  # the parts of a turn
        self,
        text: str,
        *,
        calls: Iterable[ToolCall] = (),
        reasoning: str = "",
        usage: Usage | None = None,
        agent: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Append a model turn."""
        reply = ModelReplied(
            text=clipped(text), reasoning=clipped(reasoning), tool_calls=tuple(calls), usage=usage
        )
        self.note(reply, agent=agent, at=at)

    def requested(
        self, call: ToolCall, *, agent: str | None = None, at: datetime | None = None
    ) -> None:
        """Append that a call runs."""
        fact = ToolRequested(call_id=call.call_id, tool=call.tool, arguments=call.arguments)
        self.note(fact, agent=agent, at=at)

    def returned(  # the parts of a result
        self,
        call: ToolCall,
        text: str,
        *,
        status: ToolStatus = ToolStatus.OK,
        agent: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Append what a call came back with."""
        fact = ToolReturned(
            call_id=call.call_id,
            tool=call.tool,
            status=status,
            text=clipped(text),
            digest=blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest(),
            size=len(text),
        )
        self.note(fact, agent=agent, at=at)

    def passed(  # the parts of a message
        self,
        text: str,
        *,
        to: str = "",
        kind: MessageKind = "talk",
        ref: str = "",
        budget: int | None = None,
        by_person: bool = False,
        agent: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Append words that reached an agent."""
        fact = MessagePassed(
            to=to, kind=kind, text=clipped(text), ref=ref, budget=budget, by_person=by_person
        )
        self.note(fact, agent=agent, at=at)

    def handed_off(self, to: str, *, agent: str | None = None, at: datetime | None = None) -> None:
        """Append that control went to another agent."""
        self.note(AgentHandedOff(to=to), agent=agent, at=at)

    def planned(self, items: Iterable[PlanItem], *, agent: str | None = None) -> None:
        """Append a plan as it stands."""
        self.note(PlanStated(items=tuple(items)), agent=agent)

    def ended(
        self,
        text: str,
        *,
        exit_: ExitKind = ExitKind.FINAL_ANSWER,
        agent: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Append the end, with what is claimed; an empty text claims nothing."""
        claim = read_claim(clipped(text), goal=self.goal) if text.strip() else None
        self.note(EndRequested(exit=exit_, claim=claim), agent=agent, at=at)


def call_of(call_id: str, tool: str, arguments: object) -> ToolCall:
    """Return a call; arguments that are no text become JSON."""
    text = arguments if isinstance(arguments, str) else _as_json(arguments)
    return ToolCall(call_id=CallId(call_id), tool=tool, arguments=text or "{}")


def clipped(text: str) -> str:
    """Return a text as long as a fact may hold."""
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT]


def _as_json(value: object) -> str:
    """Return JSON with a space after commas and colons, as models write it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
