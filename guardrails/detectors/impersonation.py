"""FM-1.2: an agent does another agent's work, under that agent's name.

In conversations of a planner, a coder and a tester the planner's turn holds `### Coder's output`
and the code, and the tester's verdict below. The others come too late, or never. The sign is a
heading with the name of another role, and under it a block of code or a list of verdicts. An agent
that is only spoken to is not played: a hint for it may hold code. But if another speaks next, the
hint was the work.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from guardrails.actions.passages import LAST_HEADING, ROLES, Label, label_of, lines_of
from guardrails.actions.sentences import holds_any
from guardrails.core.events import Event, ModelReplied
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding
from guardrails.detectors.scene import Scene

DETECTOR = "Impersonation"

LEAST_LINES: Final = 8
"""Lines of code that are a piece of work. An example, a signature or an output format that is given
along with a task has up to six in public conversations of such agents."""
LEAST_VERDICTS: Final = 3
"""Lines with a verdict (a tick, `PASS`) that are a review. One or two stand in many summaries."""
PENDING: Final = 8
"""Labels remembered until the next agent speaks."""

_SIGNS = ("```", "~~~", "✅", "✓", "✔", "PASS")
"""One of these is in every turn that holds code or verdicts; most turns have none."""
_VERDICT = re.compile(r"[✅✓✔☑❌✗✘]|\bPASS(?:ED)?\b|\bFAIL(?:ED)?\b")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""A word of an agent's name: `SeniorCoder` has two."""


class Played(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Work under the name of another."""

    agent: str
    step: int
    name: str
    quote: str
    addressed: bool
    """True where the other was spoken to, with the work already done."""


class ImpersonationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who spoke, and what waits for the next to speak."""

    speakers: tuple[str, ...] = ()
    """The first two agents with words: from the second on, it is a conversation."""
    pending: tuple[Played, ...] = ()


def observe(
    state: ImpersonationState, event: Event, scene: Scene
) -> tuple[ImpersonationState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ModelReplied(text=text) if text:
            return _replied(state, event, scene, text)
        case _:
            return state, ()


def _replied(
    state: ImpersonationState, event: Event, scene: Scene, text: str
) -> tuple[ImpersonationState, tuple[Finding, ...]]:
    code = holds_any(_SIGNS, text)
    if not code and not state.pending and len(state.speakers) > 1:
        return state, ()
    speakers = state.speakers
    if event.agent not in speakers and len(speakers) < len(("one", "other")):
        speakers = (*speakers, event.agent)
    again = tuple(_played(event, scene, text)) if code else ()
    waiting = [one for one in state.pending if one.agent == event.agent]
    due = [one for one in state.pending if one.agent != event.agent]
    if len(speakers) > 1:
        due += [one for one in (*waiting, *again) if not one.addressed]
        waiting, again = (
            [one for one in waiting if one.addressed],
            tuple([one for one in again if one.addressed]),
        )
    found = tuple(
        _found(event, one)
        for one in due
        if not (one.addressed and _is_called(event.agent, one.name))
    )
    pending = (*waiting, *again)[-PENDING:]
    return ImpersonationState(speakers=speakers, pending=pending), found


def _played(event: Event, scene: Scene, text: str) -> Iterator[Played]:
    """Yield the labels of others that have work under them."""
    label: Label | None = None
    quote = ""
    code = marks = 0
    for line in lines_of(text):
        if line.language is not None:
            code += bool(line.text.strip())
        elif (new := label_of(line.text)) is not None and _is_other(new, event.agent, scene):
            label, quote, code, marks = new, line.text.strip(), 0, 0
        elif label is not None and new is not None and _ends(label, new, event.agent):
            label = None
        else:
            marks += _VERDICT.search(line.text) is not None
        if label is not None and _is_work(label, code=code, marks=marks):
            yield Played(
                agent=event.agent,
                step=event.step,
                name=label.name,
                quote=quote,
                addressed=label.addressed,
            )
            label = None


def _is_work(label: Label, *, code: int, marks: int) -> bool:
    return code >= LEAST_LINES or (marks >= LEAST_VERDICTS and not label.addressed)


def _ends(label: Label, new: Label, agent: str) -> bool:
    """Tell whether a line ends what stood under a label: the agent's own name, or a heading."""
    return _is_called(agent, new.name) or new.level <= min(label.level, LAST_HEADING)


def _is_other(label: Label, agent: str, scene: Scene) -> bool:
    if _is_called(agent, label.name):
        return False
    return label.name in ROLES or any(one.name.lower() == label.name for one in scene.agents)


def _is_called(agent: str, name: str) -> bool:
    """Tell whether a name is an agent's: `coder` is that of `Coder`, `SeniorCoder`, `coder-2`."""
    return name in {word.lower() for word in _WORD.findall(agent)} or name == agent.lower()


def _found(event: Event, played: Played) -> Finding:
    done = "before it could" if played.addressed else "in its name"
    return finding(
        event,
        FailureMode.DISOBEY_ROLE,
        DETECTOR,
        why=f"does the work of {played.name} {done}",
        about=played.name,
        agent=played.agent,
        steps=(played.step,),
        evidence=(played.quote,),
        confidence=0.7 if played.addressed else 0.9,
    )
