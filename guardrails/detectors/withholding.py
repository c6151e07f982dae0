"""FM-2.4, information withholding: an agent saw what mattered, and handed on a report without it.

What matters is told by its kind: a result that speaks of a refused connection, a failed login, an
image that cannot be pulled. When the report says nothing of that kind, nor anybody else by the end
of the run, the receiver decided without it. Handed on later, it is withdrawn. Only agents that
report to another can withhold; runs of one agent are silent.
"""

from collections.abc import Container
from typing import Final

import msgspec

from guardrails.actions.sentences import holds_any, read
from guardrails.core.claims import Claim
from guardrails.core.events import EndRequested, Event, MessagePassed, ToolRequested, ToolReturned
from guardrails.core.findings import Finding, Found
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.base import finding, withdrawn
from guardrails.detectors.look import Came
from guardrails.detectors.scene import MESSAGES, Message, Scene, Shown

DETECTOR: Final = "WithheldFact"

KEPT: Final = 32
"""Facts remembered that a report left out."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fact: how results show it, and how reports speak of it."""

    name: str
    shows: tuple[str, ...]
    """In a result, lower case. Each is a tool's own wording, which prose about health lacks."""
    speaks: tuple[str, ...]
    """In a report, lower case. Loose on purpose: a hint that it was told is enough."""


KINDS: Final = (
    Kind(
        name="a failed login",
        shows=("authentication failed", "not authorized on", "usernotfound", "access denied for"),
        speaks=("auth", "credential", "denied", "permission", "login", "password"),
    ),
    Kind(
        name="a refused connection",
        shows=("connection refused", "econnrefused"),
        speaks=("refus", "connect", "unreachable", "listen", "reach"),
    ),
    Kind(
        name="a name that does not resolve",
        shows=("no such host", "name resolution", "could not resolve host"),
        speaks=("resol", "dns", "host", "lookup"),
    ),
    Kind(
        name="a container out of memory",
        shows=("oomkilled", "out of memory"),
        speaks=("oom", "memory"),
    ),
    Kind(
        name="an image that cannot be pulled",
        shows=("imagepullbackoff", "errimagepull", "manifest unknown"),
        speaks=("image", "pull"),
    ),
    Kind(
        name="a program that is not there",
        shows=("executable file not found",),
        speaks=("executable", "command", "binary", "entrypoint"),
    ),
    Kind(
        name="a pod that cannot be scheduled",
        shows=("failedscheduling", "unschedulable:", "insufficient cpu", "insufficient memory"),
        speaks=("schedul", "insufficient", "taint", "pending", "node"),
    ),
    Kind(
        name="a volume that cannot be mounted",
        shows=("failedmount", "failedattachvolume", "unbound immediate"),
        speaks=("mount", "volume", "pvc", "storage"),
    ),
    Kind(
        name="a failing probe",
        shows=("probe failed",),
        speaks=("probe", "health check", "readiness", "liveness"),
    ),
    Kind(
        name="a quota that is spent",
        shows=("exceeded quota", "quota exceeded"),
        speaks=("quota",),
    ),
    Kind(
        name="a certificate that is not accepted",
        shows=("x509:", "certificate has expired", "certificate verify failed"),
        speaks=("certificate", "tls", "ssl", "x509"),
    ),
    Kind(
        name="a program that panics",
        shows=("panic:", "fatal error:", "segmentation fault", "core dumped"),
        speaks=("panic", "crash", "fatal", "segfault", "exit", "abort"),
    ),
)
"""The reasons that Kubernetes, Go, MongoDB, Redis, PostgreSQL and container runtimes print."""


class Left(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that a report left out."""

    kind: str
    agent: str
    to: str
    step: int
    seen: int
    """Step of the result that showed it."""
    quote: str


class WithholdingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was left out and is not yet told by anybody, and what was found of it."""

    left: tuple[Left, ...] = ()
    told: frozenset[str] = frozenset()
    """Kinds that some report or message spoke of: the others know. What the messages that the scene
    still holds spoke of is added when somebody saw such a fact, which hardly any run comes to."""
    found: tuple[Finding, ...] = ()


def observe(
    state: WithholdingState, event: Event, scene: Scene
) -> tuple[WithholdingState, tuple[Found, ...]]:
    """Fold one event."""
    news = scene.news(event)
    if news is not None and len(scene.messages) >= MESSAGES:
        # The next message takes its place in the scene.
        told = _spoken_of((scene.messages[0],), _unless(state.told))
        state = msgspec.structs.replace(state, told=state.told | told) if told else state
    match event.fact:
        case MessagePassed() | ToolReturned() | ToolRequested() if news is not None:
            state, back = _told(state, event, _spoken_of((news,), _waiting(state)))
            if news.kind == "report" and news.by and news.by != news.to:
                state = _reported(state, scene, news)
            return state, back
        case EndRequested(claim=Claim() as claim) if state.left and scene.several:
            return _ended(state, event, scene, claim)
        case _:
            return state, ()


def _unless(names: Container[str]) -> tuple[Kind, ...]:
    return tuple([kind for kind in KINDS if kind.name not in names])


def _waiting(state: WithholdingState) -> tuple[Kind, ...]:
    """Return the kinds that were left out, or found to be: somebody may tell them yet."""
    if not state.left and not state.found:
        return ()
    names = {one.kind for one in state.left} | {one.about for one in state.found}
    return tuple([kind for kind in KINDS if kind.name in names])


def _spoken_of(messages: tuple[Message, ...], kinds: tuple[Kind, ...]) -> frozenset[str]:
    """Return the names of those kinds that some message speaks of."""
    if not kinds:
        return frozenset()
    texts = [read(one.text).lowered for one in messages]
    return frozenset(
        kind.name for kind in kinds if any(holds_any(kind.speaks, text) for text in texts)
    )


def _reported(state: WithholdingState, scene: Scene, news: Message) -> WithholdingState:
    """Note what an agent saw since its task was given, and nobody has told."""
    agent = scene.agent(news.by)
    since = agent.since if agent is not None else 0
    looks = {one.seq: one for one in scene.looks_by(news.by)}
    results = [
        (one, read(one.text).lowered)
        for one in scene.shown_to(news.by)
        if one.step >= since and one.seq in looks and looks[one.seq].came is Came.SOMETHING
    ]
    all_ = "\n".join([text for _, text in results])  # hardly any of them shows a fact
    seen = [kind for kind in _unless(state.told) if holds_any(kind.shows, all_)]
    if not seen:
        return state
    waiting = {kind.name for kind in _waiting(state)}  # of these nobody has spoken
    fresh = tuple([kind for kind in seen if kind.name not in waiting])
    told = state.told | _spoken_of(scene.messages, fresh)
    left = [
        _left(news, kind, shown, text)
        for kind in seen
        if kind.name not in told
        for shown, text in results
        if holds_any(kind.shows, text)
    ]
    first = {one.kind: one for one in reversed(left)}
    kept = (*state.left, *first.values())[-KEPT:]
    return msgspec.structs.replace(state, told=told, left=kept)


def _left(news: Message, kind: Kind, shown: Shown, text: str) -> Left:
    at = min(found for words in kind.shows if (found := text.find(words)) >= 0)
    begins = max(text.rfind("\n", 0, at) + 1, at - 150)
    return Left(
        kind=kind.name,
        agent=news.by,
        to=news.to,
        step=news.step,
        seen=shown.step,
        quote=shown.text[begins : at + 150],
    )


def _told(
    state: WithholdingState, event: Event, told: frozenset[str]
) -> tuple[WithholdingState, tuple[Found, ...]]:
    """Take off the kinds that somebody tells, and take back what was found of them."""
    if not told:
        return state, ()
    why = "it was handed on later"
    back = tuple(withdrawn(event, one, why=why) for one in state.found if one.about in told)
    return msgspec.structs.replace(
        state,
        told=state.told | told,
        left=tuple(one for one in state.left if one.kind not in told),
        found=tuple(one for one in state.found if one.about not in told),
    ), back


def _ended(
    state: WithholdingState, event: Event, scene: Scene, claim: Claim
) -> tuple[WithholdingState, tuple[Found, ...]]:
    last = next((one.text for one in reversed(scene.sayings) if one.agent == event.agent), "")
    words = read(f"{claim.text}\n{last}").lowered
    told = frozenset(one.name for one in _unless(state.told) if holds_any(one.speaks, words))
    state, back = _told(state, event, told)
    found = tuple(
        finding(
            event,
            FailureMode.INFORMATION_WITHHOLDING,
            DETECTOR,
            why=f"saw {one.kind} and reported to {one.to or 'the others'} without a word of it",
            about=one.kind,
            agent=one.agent,
            steps=(one.seen, one.step),
            evidence=(one.quote,),
            confidence=0.5,
            severity=Weight.STRUCTURAL,  # no run with a known outcome showed it: no lift measured
        )
        for one in state.left
        if one.agent != event.agent
    )
    return msgspec.structs.replace(state, found=(*state.found, *found)[-KEPT:]), (*back, *found)
