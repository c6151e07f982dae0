"""FM-1.1, disobey task specification: an explicit order or limit of a task is broken.

Judged are limits that can be counted (calls), orders that can be compared with what a call does
(read-only, forbidden objects, one namespace), fields that an answer is to have, and a check that an
agent itself says it still owes, with most of its calls unspent and no tool having refused it.
"""

from typing import Final

import msgspec

from guardrails.actions.sentences import Cued, Sentences
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import (
    EndRequested,
    Event,
    MessagePassed,
    RunStarted,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.findings import Finding, Found
from guardrails.core.incident import Goal
from guardrails.core.mast import FailureMode
from guardrails.core.toolaction import Effect
from guardrails.detectors.base import finding
from guardrails.detectors.constraints import Constraints, broken_by, constraints_in, lacking
from guardrails.detectors.look import Came, Look, changes
from guardrails.detectors.said import CORE
from guardrails.detectors.scene import Agent, Message, Scene

DETECTOR: Final = "BrokenConstraint"

TASKS: Final = 32
"""Tasks whose orders are remembered, as many as the scene remembers agents."""

UNSPENT: Final = 2
"""A check is owed when the calls made, times this, are within the budget: half of it is left.
Of 276 public runs of one SRE agent (7 calls each) 2 reports then say so, both of wrong runs."""

_OWED = Cued(
    r"\b(?:could not|couldn't|unable to|did not|didn't|not able to)\s+(?:\w+\s+){0,2}?"
    r"(?:verify|confirm|inspect|check|fetch|retrieve|examine)\b"
    r"|\bto (?:confirm|verify)\b[^.\n]{0,80},\s*(?:inspect|check|fetch|look|get|retrieve|examine)\b"
    r"|\b(?:must|needs?|remains?|has|have) (?:still )?(?:to )?be (?:verified|checked|inspected)\b",
    (
        *("could not", "couldn't", "unable to", "did not", "didn't", "not able to"),
        *("to confirm", "to verify", " be "),
    ),
    ("verif", "confirm", "inspect", "check", "fetch", "retrieve", "examine"),
)
"""Words of somebody who knows that a check is still to be made."""
_IMPOSSIBLE = frozenset({Came.FAILED, Came.MISSING, Came.BLOCKED})


class TaskConstraints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the task of one agent demands."""

    agent: str
    constraints: Constraints


class SpecificationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the incident and the tasks demand."""

    incident: Constraints = Constraints()
    tasks: tuple[TaskConstraints, ...] = ()


def observe(
    state: SpecificationState, event: Event, scene: Scene
) -> tuple[SpecificationState, tuple[Found, ...]]:
    """Fold one event."""
    match event.fact:
        case RunStarted() as started:
            return SpecificationState(incident=_of_incident(started)), ()
        case MessagePassed() | ToolReturned():
            return _heard(state, event, scene)
        case ToolRequested():
            state, _ = _heard(state, event, scene)
            return state, (*_over_budget(event, scene), *_broken(state, event, scene))
        case EndRequested(claim=Claim(kind=ClaimKind.DIAGNOSED | ClaimKind.MITIGATED) as claim):
            return state, _lacking(state, event, scene, claim)
        case _:
            return state, ()


def _of_incident(started: RunStarted) -> Constraints:
    """Read what the incident demands. A stored trace does not tell its goal, only its words."""
    read = constraints_in(started.incident.task)
    live = started.adapter != "replay" and started.incident.goal is Goal.DIAGNOSIS
    if live and not read.read_only:
        return msgspec.structs.replace(read, read_only="the goal is a diagnosis: change nothing")
    return read


def _heard(
    state: SpecificationState, event: Event, scene: Scene
) -> tuple[SpecificationState, tuple[Finding, ...]]:
    """Read the orders of a task, and what a report says of one."""
    news = scene.news(event)
    if news is None or news.kind == "talk":
        return state, ()
    if news.kind == "report":
        return state, _owed(event, scene, news)
    others = [one for one in state.tasks if one.agent != news.to]
    task = TaskConstraints(agent=news.to, constraints=constraints_in(news.text))
    return msgspec.structs.replace(state, tasks=(*others[1 - TASKS :], task)), ()


def _over_budget(event: Event, scene: Scene) -> tuple[Finding, ...]:
    """Report the first call beyond what the task allows."""
    agent = scene.agent(event.agent)
    if agent is None or agent.budget is None or not scene.open:
        return ()
    running = sum(1 for one in scene.open if one.agent == agent.name)
    if agent.calls + running != agent.budget + 1 or scene.open[-1].action.effect is Effect.FINISH:
        return ()
    return (
        finding(
            event,
            FailureMode.DISOBEY_TASK,
            DETECTOR,
            why=f"makes call {agent.calls + running} of a task that allows {agent.budget}",
            about="budget",
            evidence=(agent.task, f"{scene.open[-1].tool}: {scene.open[-1].masked}"),
            confidence=0.9,
        ),
    )


def _broken(state: SpecificationState, event: Event, scene: Scene) -> tuple[Finding, ...]:
    """Compare a change with the orders of the incident and of the agent's own task."""
    if not scene.open:
        return ()
    action = scene.open[-1].action
    if not changes(action):
        return ()
    own = next((one.constraints for one in state.tasks if one.agent == event.agent), None)
    for constraints in (state.incident, own):
        if constraints is None or not constraints.binds_changes:
            continue
        for operation in action.operations:
            if operation.effect.gravity < 1 or operation.effect is Effect.FINISH:
                continue
            if (broken := broken_by(constraints, operation)) is not None:
                return (_against(event, *broken),)
    return ()


def _against(event: Event, order: str, did: str) -> Finding:
    return finding(
        event,
        FailureMode.DISOBEY_TASK,
        DETECTOR,
        why=f"the task says {order!r}, and the call is {did!r}",
        about=did,
        evidence=(order, did),
        confidence=0.9,
    )


def _lacking(
    state: SpecificationState, event: Event, scene: Scene, claim: Claim
) -> tuple[Finding, ...]:
    """Look for the fields that an answer was to have, in all that was said last."""
    if not state.incident.fields:
        return ()
    last = next((one.text for one in reversed(scene.sayings) if one.agent == event.agent), "")
    missing = lacking(state.incident, f"{claim.text}\n{last}")
    if not missing or not (claim.text or last):
        return ()
    return (
        finding(
            event,
            FailureMode.DISOBEY_TASK,
            DETECTOR,
            why=f"the answer lacks what was asked for: {', '.join(missing)}",
            about="fields",
            evidence=(claim.text or last,),
            confidence=0.8,
        ),
    )


def _owed(event: Event, scene: Scene, news: Message) -> tuple[Finding, ...]:
    """Judge a report that names a check that was to be made and was not."""
    agent, report = scene.agent(news.by), news.text
    if agent is None or agent.budget is None or not agent.task:
        return ()
    owed = _OWED.search(Sentences(report[:CORE]))
    if owed is None:
        return ()
    looks = _own_looks(scene, agent)
    if len(looks) * UNSPENT > agent.budget or any(one.came in _IMPOSSIBLE for one in looks):
        return ()
    begins = report.rfind("\n", 0, owed.start()) + 1
    return (
        finding(
            event,
            FailureMode.DISOBEY_TASK,
            DETECTOR,
            why=(
                f"reports after {len(looks)} of {agent.budget} calls that a check of its task was"
                " not made, and no tool had refused it"
            ),
            about=f"owed {agent.ref}".strip(),
            agent=news.by,
            steps=(*(one.step for one in looks), event.step),
            evidence=(report[begins : owed.end() + CORE // 8], agent.task),
            confidence=0.6,
        ),
    )


def _own_looks(scene: Scene, agent: Agent) -> list[Look]:
    return [
        one
        for one in scene.looks_by(agent.name)
        if one.step >= agent.since and one.effect is not Effect.FINISH
    ]
