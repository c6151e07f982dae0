"""Names that are in doubt: a tool does not know them, answered for another place, or has several.

Such an answer tells of the question as much as of the system. A doubt ends when a tool that was not
asked for the name shows it, when the same is asked in the right place and answered, or when a
person is asked. The scene holds them, as two modes rest on them: FM-2.2 and FM-2.3.
"""

import re
from typing import TYPE_CHECKING, Final

import msgspec

from guardrails.actions.evidence import EvidenceKind
from guardrails.actions.sentences import holds_any
from guardrails.core.events import (
    Event,
    MessagePassed,
    QuestionAnswered,
    QuestionAsked,
    ToolReturned,
)
from guardrails.core.incident import Incident
from guardrails.detectors.look import Came, Look
from guardrails.detectors.said import NAME, letters, shows

if TYPE_CHECKING:
    from guardrails.detectors.scene import Scene  # which holds the doubts

replace = msgspec.structs.replace

DOUBTS: Final = 8
"""Names in doubt at a time; runs of public SRE agents have at most five."""

_KIND = (
    r"(?:service|pod|deployment|statefulset|daemonset|replicaset|job|cronjob|workload|application"
    r"|app|component|host|namespace|ingress|configmap|secret|node|resource)s?(?:\.[a-z0-9.]+)?"
)
_GONE = (
    r"(?:does\s?n[o']t exist|does not exist|do not exist|(?:was |is |were |could )?not(?: be)?"
    r" found|is unknown|is not (?:known|registered|present))"
)
_UNKNOWN = re.compile(
    rf"\b{_KIND}(?:\s+|[:/]\s*)[\"'`\\]*(?P<name>{NAME})[\"'`\\]*\s+{_GONE}"
    rf"|\b(?:no such|unknown)\s+{_KIND}:?\s+[\"'`]?(?P<other>{NAME})",
    re.IGNORECASE,
)
_PLACE = re.compile(
    rf"\bin (?:the )?[\"'`]?(?P<before>{NAME})[\"'`]? namespace\b"
    rf"|\bin (?:the )?namespace:? [\"'`]?(?P<after>{NAME})|\"namespace\": ?\"(?P<field>{NAME})\"",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\bambiguous\b|\b(?:multiple|more than one|several)\b[^.\n]{0,60}?"
    r"\b(?:match|matches|matched|found|named|candidates?)\b"
    r"|\bmatch(?:es|ed)? (?:multiple|several)\b",
    re.IGNORECASE,
)
_SEVERAL_CUES = ("mbiguous", "ultiple", "ore than one", "everal")
"""One of these is in whatever `_SEVERAL` finds: looking for letters is cheaper."""
_OBSERVING = frozenset(
    {EvidenceKind.TRACES, EvidenceKind.METRICS, EvidenceKind.LOGS, EvidenceKind.ALERTS}
)
"""Tools that have names of their own for services, which need not be the cluster's."""
_QUOTED = "`'\"\u2018\u2019\u201c\u201d"


class Doubt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One name, and what a tool said of it."""

    name: str
    agent: str
    step: int
    quote: str
    tool: str = ""
    facets: tuple[EvidenceKind, ...] = ()
    place: str = ""
    """The namespace that the tool answered for, where that was not the one meant."""
    several: bool = False
    """True when the tool has more than one thing of that name."""
    seen: bool = False
    """True when a tool showed the name without having been asked for it."""
    tries: tuple[int, ...] = ()
    """Steps of the calls that asked for it, this one first; the first few."""

    @property
    def unknown(self) -> bool:
        """Whether no tool but those that were asked for it ever said the name."""
        return not (self.seen or self.several or self.place)

    @property
    def observing(self) -> bool:
        """Whether a tool of observability said so: its names need not be the cluster's."""
        return not _OBSERVING.isdisjoint(self.facets)


class Doubts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All names in doubt."""

    items: tuple[Doubt, ...] = ()
    asked: bool = False
    """True when a person was asked, or spoke: what is in doubt is theirs to say."""
    changes: int = 0
    """How often they changed, so that whoever settles something by them knows when to."""


_SHORTEST = 2
"""Characters of a name."""
_TRIES = 8
"""Steps kept of one name."""


STIRS: Final = (ToolReturned, MessagePassed, QuestionAsked, QuestionAnswered)
"""Events that may change doubts."""


def on(doubts: Doubts, event: Event, scene: "Scene") -> Doubts:
    """Fold one event; all but few return the same doubts.

    Args:
        doubts: Before the event.
        event: The event, one of `STIRS`; any other changes nothing.
        scene: With the event, and with the doubts of before.
    """
    after = _on(doubts, event, scene)
    return after if after is doubts else replace(after, changes=doubts.changes + 1)


def _on(doubts: Doubts, event: Event, scene: "Scene") -> Doubts:
    look = scene.last
    if look is None:
        match event.fact:
            case QuestionAsked() | QuestionAnswered() | MessagePassed(by_person=True):
                return replace(doubts, asked=True)
            case _:
                return doubts
    if doubts.items and isinstance(event.fact, ToolReturned):
        doubts = _answered(doubts, look, event.fact.text)
    if look.came is Came.MISSING:
        return _missed(doubts, look, scene)
    if holds_any(_SEVERAL_CUES, look.head) and _SEVERAL.search(look.head):
        for target in look.targets[:2]:
            if target.name:
                doubt = _doubt(look, target.name.lower(), scene)
                doubts = _with(doubts, replace(doubt, several=True))
    return doubts


def asks_for(look: Look, name: str) -> bool:
    """Tell whether a call asked for a name: then its result may hold it as an echo."""
    return name in look.masked or letters(name) in look.masked


def given(incident: Incident | None, name: str) -> bool:
    """Tell whether the incident itself names an object, as an object and not as a common word."""
    if incident is None:
        return False
    if any(workload.name.lower() == name for workload in incident.workloads):
        return True
    if any(name in value.lower() for one in incident.alerts for value in one.labels.values()):
        return True
    task = incident.task.lower()
    if name not in task:
        return False
    return "-" in name or any(f"{mark}{name}" in task for mark in _QUOTED)


def _missed(doubts: Doubts, look: Look, scene: "Scene") -> Doubts:
    name = _denied_in(look)
    if len(name) < _SHORTEST or given(scene.incident, name):
        return doubts
    doubt = replace(_doubt(look, name, scene), place=_elsewhere(look, scene))
    return _with(doubts, doubt)


def _denied_in(look: Look) -> str:
    """Return the name that a result says is not there; empty if it says so of none."""
    found = _UNKNOWN.search(look.head) if look.came is Came.MISSING else None
    if found is None:
        return ""
    written = (found["name"] or found["other"] or "").lower()
    return written.rpartition("/")[2].strip(".")


def _doubt(look: Look, name: str, scene: "Scene") -> Doubt:
    return Doubt(
        name=name,
        agent=look.agent,
        step=look.step,
        quote=look.head,
        tool=look.tool,
        facets=look.facets,
        seen=_was_seen(scene, name),
        tries=(look.step,),
    )


def _with(doubts: Doubts, doubt: Doubt) -> Doubts:
    """Add a doubt; what was said first of a name stays."""
    for at, one in enumerate(doubts.items):
        if _kind_of(one) == _kind_of(doubt):
            grown = replace(one, tries=(*one.tries, doubt.step)[:_TRIES])
            items = (*doubts.items[:at], grown, *doubts.items[at + 1 :])
            return replace(doubts, items=items)
    return replace(doubts, items=(*doubts.items[1 - DOUBTS :], doubt))


def _kind_of(doubt: Doubt) -> tuple[str, str, bool, bool]:
    """Tell doubts of one name apart: what tracing does not know, the cluster may know."""
    return doubt.name, doubt.place, doubt.several, doubt.observing


def _answered(doubts: Doubts, look: Look, text: str) -> Doubts:
    """Settle what a result settles. A log of failures shows names as well as any other result."""
    if look.came is Came.BLOCKED:
        return doubts
    denied = _denied_in(look)
    kept: list[Doubt] = []
    changed = False
    for doubt in doubts.items:
        asked = asks_for(look, doubt.name)
        if asked and _settles(look, doubt):
            changed = True
        elif not asked and not doubt.seen and denied != doubt.name and shows(text, doubt.name):
            kept.append(replace(doubt, seen=True))
            changed = True
        else:
            kept.append(doubt)
    return replace(doubts, items=tuple(kept)) if changed else doubts


def _settles(look: Look, doubt: Doubt) -> bool:
    """Tell whether a result answers what was in doubt: the same kind of look, and in one place."""
    if look.came is not Came.SOMETHING:
        return False
    if doubt.several:
        return any(target.namespace for target in look.targets)
    if doubt.place and not doubt.facets:
        return True
    return not set(doubt.facets).isdisjoint(look.facets)


def _elsewhere(look: Look, scene: "Scene") -> str:
    """Return the namespace that a tool answered for, if that is none that was meant."""
    found = _PLACE.search(look.head)
    if found is None:
        return ""
    place = (found["before"] or found["after"] or found["field"] or "").lower()
    meant = {target.namespace for target in look.targets if target.namespace}
    if scene.incident is not None:
        meant.update(scene.incident.namespaces)
    return "" if not meant or place in meant else place


def _was_seen(scene: "Scene", name: str) -> bool:
    """Tell whether an earlier result showed a name without having been asked for it."""
    by_seq = {look.seq: look for look in scene.looks[-len(scene.shown) :]} if scene.shown else {}
    for shown in scene.shown:
        look = by_seq.get(shown.seq)
        if look is None or asks_for(look, name) or _denied_in(look) == name:
            continue
        if shows(shown.text, name):
            return True
    return False
