"""FM-1.2, disobey role specification: an agent does what another one is there for.

Two forms show in events: somebody who was given a task gives tasks to others who were given theirs
by the same hand; and somebody whose name says that it looks or judges changes the system although
an agent for changes takes part. Runs of one agent have no roles.
"""

from typing import Final

import msgspec

from guardrails.actions.names import words_of_name
from guardrails.actions.tables import tokens
from guardrails.core.events import Event, MessagePassed, ToolRequested
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding
from guardrails.detectors.look import changes
from guardrails.detectors.scene import Scene

DETECTOR: Final = "RoleCrossing"

_LOOKS = tokens(
    "triage planner plan reviewer review critic verifier validator judge investigator observer"
    " analyst analyzer diagnoser diagnosis diagnostic monitor auditor tester"
)
"""Words in names of agents that look, plan or judge."""
_ACTS = tokens(
    "executor execution remediator remediation mitigator mitigation fixer fix operator actor"
    " repair healer deployer implementer"
)
"""Words in names of agents that change the system."""


class RolesState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing yet: the scene holds who was given what by whom."""


def observe(state: RolesState, event: Event, scene: Scene) -> tuple[RolesState, tuple[Found, ...]]:
    """Fold one event."""
    if not scene.several:
        return state, ()
    match event.fact:
        case MessagePassed():
            return state, _hands_out(event, scene)
        case ToolRequested():
            return state, (*_hands_out(event, scene), *_acts(event, scene))
        case _:
            return state, ()


def _hands_out(event: Event, scene: Scene) -> tuple[Finding, ...]:
    """Judge a task by what stood before it: who had given tasks to both."""
    news = scene.news(event)
    if news is None or news.kind != "task":
        return ()
    to = news.to
    giver = scene.agent(event.agent)
    if giver is None or not giver.given_by or giver.given_by in {to, event.agent}:
        return ()
    before = [one for one in scene.messages[:-1] if one.kind == "task" and one.to == to]
    if not before or any(one.by == event.agent for one in before):
        return ()  # a helper of its own
    if before[-1].by != giver.given_by:
        return ()
    return (
        finding(
            event,
            FailureMode.DISOBEY_ROLE,
            DETECTOR,
            why=f"gives {to} a task, which is what {giver.given_by} does for both of them",
            about=f"tasks for {to}",
            evidence=(news.text, giver.task),
            confidence=0.7,
        ),
    )


def _acts(event: Event, scene: Scene) -> tuple[Finding, ...]:
    if not scene.open:
        return ()
    call = scene.open[-1]
    action = call.action
    if not (action.understood and changes(action)):
        return ()
    if _LOOKS.isdisjoint(words_of_name(event.agent)) or not _ACTS.isdisjoint(
        words_of_name(event.agent)
    ):
        return ()
    actor = next(
        (one.name for one in scene.agents if not _ACTS.isdisjoint(words_of_name(one.name))), None
    )
    touched = [t for one in action.operations for t in one.targets if t.kind != "file" and t.name]
    if actor is None or not touched:
        return ()
    return (
        finding(
            event,
            FailureMode.DISOBEY_ROLE,
            DETECTOR,
            why=f"changes {touched[0].name} itself, though {actor} is there for changes",
            about=f"change by {event.agent}",
            evidence=(f"{call.tool}: {action.operations[0].verb} {touched[0].name}",),
            confidence=0.7,
        ),
    )
