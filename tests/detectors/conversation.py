"""Plays a conversation of agents through one detector."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    Event,
    ExitKind,
    ModelReplied,
    RunStarted,
    ToolCall,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.findings import Finding, Found, standing
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.detectors import scene as scenes
from guardrails.detectors.scene import Scene

AT = datetime(2026, 1, 1, tzinfo=UTC)

State = TypeVar("State")
Observe = Callable[[State, Event, Scene], tuple[State, tuple[Found, ...]]]


class Said(NamedTuple):
    """A fact and who states it."""

    agent: str
    fact: AnyFact


def says(agent: str, text: str) -> Said:
    """Let an agent take a turn."""
    return Said(agent, ModelReplied(text=text))


def runs(agent: str, arguments: str, printed: str) -> list[Said]:
    """Let an agent run a program."""
    call = ToolCall(call_id=CallId("c"), tool="python", arguments=arguments)
    return [
        Said(agent, ModelReplied(text="", tool_calls=(call,))),
        Said(agent, ToolRequested(call_id=call.call_id, tool=call.tool, arguments=arguments)),
        Said(agent, ToolReturned(call_id=call.call_id, tool=call.tool, text=printed)),
    ]


def task(text: str) -> Said:
    """Begin a run."""
    return Said("", RunStarted(incident=Incident(task=text), adapter="replay"))


def ends(agent: str, text: str = "Done.") -> Said:
    """End a run with an answer."""
    claim = Claim(kind=ClaimKind.DIAGNOSED, text=text)
    return Said(agent, EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim))


def events_of(said: Iterable[Said]) -> list[Event]:
    """Stamp facts into events."""
    events: list[Event] = []
    step = 0
    for seq, (agent, fact) in enumerate(said, start=1):
        step += isinstance(fact, ModelReplied)
        events.append(Event(run=RunId("r"), seq=seq, at=AT, step=step, agent=agent, fact=fact))
    return events


def found(observe: Observe[State], state: State, said: Iterable[Said]) -> tuple[Finding, ...]:
    """Fold a conversation and return the findings that hold at its end."""
    scene, told = Scene(), list[Found]()
    for event in events_of(said):
        scene = scenes.on(scene, event, action=None)
        state, new = observe(state, event, scene)
        told.extend(new)
    return standing(told)
