"""One detector over a run, by itself: for tests, and for detectors of others over traces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

from guardrails.actions.classify import classify
from guardrails.core.events import Event, ToolRequested
from guardrails.core.findings import Finding, Found, standing
from guardrails.detectors import scene as scenes
from guardrails.detectors.base import Detector, State
from guardrails.detectors.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Generic[State]):
    """What one event came to."""

    event: Event
    scene: Scene
    """With the event."""
    before: State
    after: State
    found: tuple[Found, ...]


def steps_of(detector: Detector[State], events: Iterable[Event]) -> Iterator[Observed[State]]:
    """Yield what each event of a run came to, in order."""
    scene, state = Scene(), detector.begin()
    for event in events:
        scene = onward(scene, event)
        before = state
        state, found = detector.observe(state, event, scene)
        yield Observed(event=event, scene=scene, before=before, after=state, found=found)


def findings_of(detector: Detector[State], events: Iterable[Event]) -> tuple[Finding, ...]:
    """Return the findings that hold at the end of a run."""
    return standing(one for step in steps_of(detector, events) for one in step.found)


def onward(scene: Scene, event: Event) -> Scene:
    """Fold an event into the scene, with the meaning that its call has by default."""
    fact = event.fact
    if not isinstance(fact, ToolRequested):
        return scenes.on(scene, event, action=None)
    action = classify(fact.tool, fact.arguments, annotations=fact.annotations)
    return scenes.on(scene, event, action=action)
