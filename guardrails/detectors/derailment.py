"""FM-2.3, task derailment: the work is about the tools, and no longer about the incident.

Two forms show in a trace. A run whose conclusion explains why a tool of observability did not know
a name, when nothing else knows that name either. And a stretch of calls by one agent to one tool
that all fail for the tool's own reasons: the "meta-loop trap" of the ITBench study, in which an
agent debugs its own scripts after a minor tool error (IBM and UC Berkeley, 2025). In 276 public
runs of one SRE agent the two are in 9 of 195 wrong runs and in none of 81 right ones.
"""

import re
from typing import Final

import msgspec

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import EndRequested, Event
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.base import finding
from guardrails.detectors.clarification import said_to_be_absent
from guardrails.detectors.doubts import Doubts
from guardrails.detectors.look import HEAD, Came, Look
from guardrails.detectors.scene import Scene

DETECTOR: Final = "Derailment"

STREAK: Final = 5
"""Calls in a row that a tool could not answer. Sound runs of public SRE agents have up to four
(one in 23 has three or more); five is also where published loop detectors turn critical."""

SHORT: Final = 2 * HEAD
"""Characters up to which a failure is the tool's own word, and not a log that speaks of errors."""

TRIES: Final = 2
"""Calls after the first that asked for the name. Fewer are no stretch of work."""

AGENTS: Final = 32

_OBSERVABILITY = re.compile(
    r"\btrac(?:e|es|ing)\b|\bobservab|\btelemetry\b|\binstrumentation\b|\bmonitoring\b"
    r"|\b(?:trace|log|metric)s? look-?ups?\b",
    re.IGNORECASE,
)


class Stretch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Calls in a row by one agent that one tool could not answer."""

    agent: str
    tool: str
    steps: tuple[int, ...] = ()
    count: int = 0


class DerailmentState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The stretch of failures that each agent is in."""

    stretches: tuple[Stretch, ...] = ()


def observe(
    state: DerailmentState, event: Event, scene: Scene
) -> tuple[DerailmentState, tuple[Found, ...]]:
    """Fold one event."""
    if scene.last is not None:
        return _returned(state, event, scene.last)
    match event.fact:
        case EndRequested(claim=Claim(kind=ClaimKind.DIAGNOSED | ClaimKind.MITIGATED) as claim):
            return state, _explains_a_tool(event, scene.doubts, claim)
        case _:
            return state, ()


def _explains_a_tool(event: Event, doubts: Doubts, claim: Claim) -> tuple[Finding, ...]:
    """Judge a conclusion that is only about names that a tool did not know."""
    absent = [one for one in doubts.items if said_to_be_absent(claim.text, one.name)]
    if not absent or any(one.seen for one in absent):
        return ()  # something that the system itself names is missing: that is an incident
    first = next((one for one in absent if one.observing), None)
    if first is None or not _OBSERVABILITY.search(claim.text):
        return ()
    steps = tuple(step for one in absent if one.name == first.name for step in one.tries)
    if len(steps) <= TRIES:
        return ()
    return (
        finding(
            event,
            FailureMode.TASK_DERAILMENT,
            DETECTOR,
            why=f"the whole run explains why {first.tool} does not know {first.name!r}",
            about=first.name,
            steps=(*steps, event.step),
            evidence=(first.quote, said_to_be_absent(claim.text, first.name)),
            confidence=0.8,
            severity=Weight.DECISIVE,
        ),
    )


def _returned(
    state: DerailmentState, event: Event, look: Look
) -> tuple[DerailmentState, tuple[Found, ...]]:
    now = next((one for one in state.stretches if one.agent == look.agent), None)
    if not _is_trouble(look):
        if now is None:
            return state, ()
        others = tuple(one for one in state.stretches if one is not now)
        return msgspec.structs.replace(state, stretches=others), ()
    others = tuple(one for one in state.stretches if one is not now)
    if now is None or now.tool != look.tool:
        now = Stretch(agent=look.agent, tool=look.tool)
    steps = (*now.steps, look.step)[-2 * STREAK :]
    now = msgspec.structs.replace(now, steps=steps, count=now.count + 1)
    state = msgspec.structs.replace(state, stretches=(*others[1 - AGENTS :], now))
    if now.count != STREAK:
        return state, ()
    why = f"{STREAK} calls in a row are about {look.tool} itself, which answers none of them"
    return state, (
        finding(
            event,
            FailureMode.TASK_DERAILMENT,
            DETECTOR,
            why=why,
            about=f"tool {look.tool}",
            agent=look.agent,
            steps=now.steps,
            evidence=(look.head,),
            confidence=0.7,
        ),
    )


def _is_trouble(look: Look) -> bool:
    """Tell whether a tool said that it could not: a long result that speaks of errors is data."""
    return look.size <= SHORT and (look.came is Came.MISSING or look.came is Came.FAILED)
