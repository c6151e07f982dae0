"""The scene: what every detector looks at, folded once per event.

Who works on what, which calls ran and what they showed, what agents told each other, and the plan
as it stands. All of it is bounded; detectors keep only what they need beside it.
"""

from typing import Final

import msgspec

from guardrails.core.events import (
    AgentHandedOff,
    Event,
    MessageKind,
    MessagePassed,
    ModelReplied,
    PlanItem,
    PlanStated,
    RunStarted,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.core.toolaction import ToolAction
from guardrails.detectors import doubts as names_in_doubt
from guardrails.detectors.doubts import Doubts
from guardrails.detectors.exchange import Delegation, delegation_of, plan_in, report_of
from guardrails.detectors.look import Call, Look, changes, looked, requested

replace = msgspec.structs.replace

AGENTS: Final = 32
"""Agents remembered, those that came last; a supervisor has a handful."""
OPEN: Final = 64
"""Calls remembered until they return; frameworks run a handful at a time."""
LOOKS: Final = 256
"""Calls remembered after they returned. Successful runs in ITBench's traces make 20 to 40."""
ALIKE: Final = 64
"""Calls looked back on for one that is alike; repeated calls in supervised agents are rare and
close together."""
SHOWN: Final = 48
SHOWN_CHARACTERS: Final = 4_000
"""Results kept to be searched, and characters of each: a screenful, head and tail."""
SAYINGS: Final = 48
"""Turns with words kept, and as many characters of each: a final report of a public SRE agent has
2,000 to 4,000."""
MESSAGES: Final = 64
MESSAGE_CHARACTERS: Final = 6_000
"""Words between agents kept, and characters of each."""
PLAN: Final = 64
"""Items of a plan kept."""


class Agent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agent of the run."""

    name: str
    since: int
    """Step at which it first did anything, or was last given a task."""
    task: str = ""
    """The task that it was last given, clipped."""
    ref: str = ""
    """Name of that task."""
    given_by: str = ""
    budget: int | None = None
    """Tool calls that the task may take."""
    calls: int = 0
    """Tool calls since the task was given."""
    turns: int = 0
    """Model turns since the task was given."""


class Saying(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent said in a turn."""

    step: int
    agent: str
    text: str
    calls: int = 0
    """Calls of that turn."""


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tool returned."""

    seq: int
    step: int
    agent: str
    tool: str
    text: str


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words that reached an agent."""

    seq: int
    step: int
    by: str
    """Who said them; empty for the only agent there is."""
    to: str = ""
    kind: MessageKind = "talk"
    text: str = ""
    ref: str = ""
    by_person: bool = False


class Scene(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run so far."""

    incident: Incident | None = None
    agents: tuple[Agent, ...] = ()
    open: tuple[Call, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    """Calls under way by which one agent gives another a task."""
    last: Look | None = None
    """The call that this event returned; None for every other event."""
    alike: tuple[Look, ...] = ()
    """Of the calls before it, lately: those that asked the same, and those that came back with the
    same, in an unchanged world."""
    looks: tuple[Look, ...] = ()
    """Calls that returned, reads and changes, newest last."""
    shown: tuple[Shown, ...] = ()
    """What they returned, newest last."""
    sayings: tuple[Saying, ...] = ()
    messages: tuple[Message, ...] = ()
    plan: tuple[PlanItem, ...] = ()
    plan_by: str = ""
    """Who stated the plan."""
    writes: int = 0
    """Changes that ran: the world is another after each. A call that nobody understood is not known
    to change anything, and one that failed did not."""
    doubts: Doubts = Doubts()
    """Names that tools do not know, or know several of."""

    def agent(self, name: str) -> Agent | None:
        """Return what is known of an agent."""
        for one in self.agents:
            if one.name == name:
                return one
        return None

    def said_by(self, name: str) -> tuple[Saying, ...]:
        """Return what an agent said in its turns, newest last."""
        return tuple(one for one in self.sayings if one.agent == name)

    def looks_by(self, name: str) -> tuple[Look, ...]:
        """Return an agent's calls, newest last."""
        return tuple(one for one in self.looks if one.agent == name)

    def shown_to(self, name: str) -> tuple[Shown, ...]:
        """Return what tools returned to an agent, newest last."""
        return tuple(one for one in self.shown if one.agent == name)

    def news(self, event: Event) -> Message | None:
        """Return the words between agents that an event brought, by a message or by a call."""
        if self.messages and self.messages[-1].seq == event.seq:
            return self.messages[-1]
        return None

    @property
    def several(self) -> bool:
        """Whether more than one agent takes part."""
        return len(self.agents) > 1


def on(scene: Scene, event: Event, *, action: ToolAction | None) -> Scene:
    """Fold one event.

    Args:
        scene: The run before it.
        event: The event.
        action: What the call means, when the event is a `ToolRequested`.
    """
    if scene.last is not None:
        scene = replace(scene, last=None, alike=())
    scene = _on(scene, event, action)
    if not isinstance(event.fact, names_in_doubt.STIRS):
        return scene
    doubts = names_in_doubt.on(scene.doubts, event, scene)
    return scene if doubts is scene.doubts else replace(scene, doubts=doubts)


def _on(scene: Scene, event: Event, action: ToolAction | None) -> Scene:
    match event.fact:
        case RunStarted(incident=incident):
            return replace(scene, incident=incident)
        case ModelReplied() as reply:
            return _replied(scene, event, reply)
        case ToolRequested() as call:
            return _requested(scene, event, call, action)
        case ToolReturned() as returned:
            return _returned(scene, event, returned)
        case MessagePassed() as passed:
            return _passed(scene, event, passed)
        case AgentHandedOff(to=to):
            return _handed_off(scene, event, to)
        case PlanStated(items=items):
            return replace(scene, plan=items[:PLAN], plan_by=event.agent)
        case _:
            return scene


def _replied(scene: Scene, event: Event, reply: ModelReplied) -> Scene:
    agent = scene.agent(event.agent) or Agent(name=event.agent, since=event.step)
    scene = _with_agent(scene, replace(agent, turns=agent.turns + 1))
    text = f"{reply.reasoning}\n{reply.text}" if reply.reasoning else reply.text
    if not text:
        return scene
    saying = Saying(
        step=event.step,
        agent=event.agent,
        text=_clip(text),
        calls=len(reply.tool_calls),
    )
    return replace(scene, sayings=(*scene.sayings[1 - SAYINGS :], saying))


def _requested(scene: Scene, event: Event, call: ToolRequested, action: ToolAction | None) -> Scene:
    open_ = (*scene.open[1 - OPEN :], requested(event, call, action))
    plan = plan_in(call)
    if plan is not None:
        scene = replace(scene, plan=plan[:PLAN], plan_by=event.agent)
    delegation = delegation_of(call)
    if delegation is None:
        return replace(scene, open=open_)
    scene = replace(scene, open=open_, delegations=(*scene.delegations[1 - OPEN :], delegation))
    return _tasked(
        scene, event, to=delegation.to, text=delegation.task, ref=delegation.call_id, budget=None
    )


def _returned(scene: Scene, event: Event, returned: ToolReturned) -> Scene:
    call = _call(scene.open, returned.call_id)
    if call is None:
        return scene
    look = looked(event, call, returned, writes=scene.writes)
    shown = Shown(
        seq=event.seq, step=event.step, agent=call.agent, tool=call.tool, text=_clip(returned.text)
    )
    changed = call.action.understood and changes(call.action)
    scene = replace(
        scene,
        open=tuple([one for one in scene.open if one is not call]),
        last=look,
        alike=_alike(scene.looks, look),
        looks=(*scene.looks[1 - LOOKS :], look),
        shown=(*scene.shown[1 - SHOWN :], shown),
        writes=scene.writes + (changed and returned.status is ToolStatus.OK),
        agents=_counted(scene.agents, call.agent),
    )
    for delegation in scene.delegations:
        if delegation.call_id == returned.call_id:
            return _reported(scene, event, returned, delegation)
    return scene


def _reported(scene: Scene, event: Event, returned: ToolReturned, delegation: Delegation) -> Scene:
    report = report_of(returned, delegation)
    scene = replace(
        scene, delegations=tuple(one for one in scene.delegations if one is not delegation)
    )
    if report is None:
        return scene
    message = Message(
        seq=event.seq,
        step=event.step,
        by=delegation.to,
        to=event.agent,
        kind="report",
        text=report[:MESSAGE_CHARACTERS],
        ref=delegation.call_id,
    )
    return replace(scene, messages=(*scene.messages[1 - MESSAGES :], message))


def _passed(scene: Scene, event: Event, passed: MessagePassed) -> Scene:
    if passed.kind == "task":
        return _tasked(
            scene, event, to=passed.to, text=passed.text, ref=passed.ref, budget=passed.budget
        )
    message = Message(
        seq=event.seq,
        step=event.step,
        by=event.agent,
        to=passed.to,
        kind=passed.kind,
        text=passed.text[:MESSAGE_CHARACTERS],
        ref=passed.ref,
        by_person=passed.by_person,
    )
    return replace(scene, messages=(*scene.messages[1 - MESSAGES :], message))


def _handed_off(scene: Scene, event: Event, to: str) -> Scene:
    """Give an agent the floor, unless the call by which it got it has done so already."""
    agent = scene.agent(to)
    if agent is not None and agent.given_by == event.agent and not agent.turns:
        return scene
    return _tasked(scene, event, to=to, text="", ref="", budget=None)


def _tasked(  # every part of a task
    scene: Scene, event: Event, *, to: str, text: str, ref: str, budget: int | None
) -> Scene:
    message = Message(
        seq=event.seq,
        step=event.step,
        by=event.agent,
        to=to,
        kind="task",
        text=text[:MESSAGE_CHARACTERS],
        ref=ref,
    )
    agent = Agent(
        name=to,
        since=event.step,
        task=text[:MESSAGE_CHARACTERS],
        ref=ref,
        given_by=event.agent,
        budget=budget,
    )
    scene = replace(scene, messages=(*scene.messages[1 - MESSAGES :], message))
    return _with_agent(scene, agent)


def _with_agent(scene: Scene, agent: Agent) -> Scene:
    others = [one for one in scene.agents if one.name != agent.name]
    return replace(scene, agents=(*others[1 - AGENTS :], agent))


def _counted(agents: tuple[Agent, ...], name: str) -> tuple[Agent, ...]:
    """Count a call of an agent."""
    for at, one in enumerate(agents):
        if one.name == name:
            return (*agents[:at], replace(one, calls=one.calls + 1), *agents[at + 1 :])
    return agents


def _alike(looks: tuple[Look, ...], look: Look) -> tuple[Look, ...]:
    asked, shown, writes = look.masked, look.digest, look.writes
    found = [
        one
        for one in looks[-ALIKE:]
        if (one.masked == asked or one.digest == shown) and one.writes == writes
    ]
    return tuple(found)


def _call(calls: tuple[Call, ...], call_id: CallId) -> Call | None:
    for one in reversed(calls):
        if one.call_id == call_id:
            return one
    return None


def _clip(text: str) -> str:
    """Keep head and tail: logs end with what matters, tables and specs begin with it."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    half = SHOWN_CHARACTERS // 2
    return f"{text[:half]}\n…\n{text[-half:]}"
