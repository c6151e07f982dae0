"""What a judge is shown: a run cut by agent and by stretch of turns, as numbered lines.

Whole traces defeat judges: on the same runs a judge that read them whole agreed with people no
better than chance (κ -0.09), and with one turn or stretch at a time moderately (κ 0.41)
(ajoy-escapingflatland/mast-lint). So each call sees one agent, with the words that reached it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from guardrails.core.events import (
    AgentHandedOff,
    EndRequested,
    ErrorRaised,
    Event,
    GateReported,
    MessagePassed,
    ModelReplied,
    PlanStated,
    RunStarted,
    ToolRequested,
    ToolReturned,
)
from guardrails.engine.scrub import scrubbed

TURNS: Final = 12
"""Model turns in a segment: what a person reads at a sitting, and a third of a public SRE agent's
run."""

CHARACTERS: Final = 24_000
"""Characters of a segment, about 6,000 tokens."""

TEXT: Final = 1_500
"""Characters of one line; head and tail are kept."""

SEGMENTS: Final = 24
"""Segments of a run that are judged, so that a run has a highest price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened."""

    step: int
    seq: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One agent's stretch of turns."""

    agent: str
    task: str
    """What the run is about, and the agent's own task where it has one."""
    lines: tuple[Line, ...]

    @property
    def steps(self) -> frozenset[int]:
        """The steps that it shows."""
        return frozenset(line.step for line in self.lines)

    @property
    def text(self) -> str:
        """What the judge reads of it."""
        return "\n".join(f"[step {line.step}] {line.text}" for line in self.lines)


def segments_of(events: Iterable[Event]) -> tuple[Segment, ...]:
    """Cut a run. Secrets are taken out first: what is judged leaves the machine.

    Args:
        events: One run's events, in order.

    Returns:
        Its segments, agent by agent in the order in which each first did anything; none for an
        agent that took no turn.
    """
    cutter = _Cutter()
    for event in events:
        cutter.take(event)
    return tuple(cutter.segments())


class _Cutter:
    def __init__(self) -> None:
        self._task = ""
        self._tasks: dict[str, str] = {}
        self._lines: dict[str, list[tuple[Line, bool]]] = {}

    def take(self, event: Event) -> None:
        fact = scrubbed(event.fact)
        match fact:
            case RunStarted(incident=incident):
                self._task = clip(incident.task)
            case MessagePassed() as passed:
                self._note_message(event, passed)
            case _:
                said = _said(fact)
                if said:
                    turn = isinstance(fact, ModelReplied)
                    self._note(event.agent, event, said, turn=turn)

    def _note_message(self, event: Event, passed: MessagePassed) -> None:
        said = clip(passed.text)
        if passed.kind == "task":
            self._tasks[passed.to] = said
        self._note(event.agent, event, f"tells {passed.to or 'everyone'} ({passed.kind}): {said}")
        for other in [passed.to] if passed.to else list(self._lines):
            if other != event.agent:
                by = "a person" if passed.by_person else event.agent or "the run"
                self._note(other, event, f"is told by {by} ({passed.kind}): {said}")

    def _note(self, agent: str, event: Event, text: str, *, turn: bool = False) -> None:
        line = Line(step=event.step, seq=event.seq, text=text)
        self._lines.setdefault(agent, []).append((line, turn))

    def segments(self) -> Iterator[Segment]:
        for agent, noted in self._lines.items():
            if not any(turn for _, turn in noted):
                continue
            own = self._tasks.get(agent, "")
            task = f"{self._task}\nTask of this agent: {own}" if own else self._task
            for lines in _stretches(noted):
                yield Segment(agent=agent, task=task, lines=lines)


def _stretches(noted: list[tuple[Line, bool]]) -> Iterator[tuple[Line, ...]]:
    lines: list[Line] = []
    turns = size = 0
    for line, turn in noted:
        full = (turn and turns >= TURNS) or size + len(line.text) > CHARACTERS
        if full and lines:
            yield tuple(lines)
            lines, turns, size = [], 0, 0
        lines.append(line)
        turns += turn
        size += len(line.text)
    if lines:
        yield tuple(lines)


def _said(fact: object) -> str:
    match fact:
        case ModelReplied(text=text, reasoning=reasoning):
            parts = [f"thinks: {clip(reasoning)}"] if reasoning else []
            parts += [f"says: {clip(text)}"] if text else []
            return "\n".join(parts) or "says nothing"
        case ToolRequested():
            return f"calls {fact.tool} {clip(fact.arguments)}"
        case ToolReturned():
            return f"{fact.tool} returned ({fact.status.value}): {clip(fact.text)}"
        case AgentHandedOff(to=to):
            return f"hands over to {to}"
        case PlanStated(items=items):
            return "plans: " + clip("; ".join(f"{one.text} ({one.status})" for one in items))
        case EndRequested(claim=claim, exit=exit_):
            said = f"{claim.kind.value}: {clip(claim.text)}" if claim else "claims nothing"
            return f"asks to end ({exit_.value}), {said}"
        case GateReported(report=report):
            return f"the end was judged: {report.verdict.value}: {clip(report.summary)}"
        case ErrorRaised():
            return f"error in {fact.where}: {fact.error} {clip(fact.message)}"
        case _:
            return ""


def clip(text: str) -> str:
    """Keep head and tail: logs end with what matters, tables and specs begin with it."""
    if len(text) <= TEXT:
        return text
    half = TEXT // 2
    return f"{text[:half]} […] {text[-half:]}"
