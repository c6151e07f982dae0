"""One call that ran: what it looked at or changed, in a form in which wording does not matter.

Two calls are the same work when they look at the same facet of the same objects, whatever tool,
order of arguments or output format they use.
"""

import re
from enum import StrEnum
from functools import cache
from hashlib import blake2b
from typing import Final

import msgspec

from guardrails.actions.evidence import EvidenceKind, evidence_kinds
from guardrails.actions.sentences import holds_any
from guardrails.actions.tables import tokens
from guardrails.core.events import Event, ToolRequested, ToolReturned, ToolStatus
from guardrails.core.ids import CallId
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction

UNCLEAR: Final = ToolAction(effect=Effect.WRITE, understood=False)
"""What a call means that nobody classified."""

HEAD: Final = 300
"""Characters of a result kept with the call: an error, or the first lines of a table."""

_MISSING: Final = (
    *("not found", "notfound", "not_found", "n't exist", "not exist", "no such ", "cannot find"),
    *("unknown service", "unknown host", "no resources found", "could not find", "couldn't find"),
)
_FAILED: Final = (
    *(
        "error",
        "exception",
        "failed",
        "traceback",
        "command failed",
        "usage:",
        "unable to",
        "fatal",
    ),
    *(
        "toolexception",
        "permission denied",
        "forbidden",
        "timed out",
        "timeout",
        "connection refused",
    ),
)
"""How the words of a tool that failed begin. Further on they may stand in a log that it shows."""
_FAILED_AS: Final = ('"error":', "error from server", "unable to connect to the server")
_EMPTY: Final = (
    '"items":[]',
    '"traces":[]',
    '"pods":[]',
    '"results":[]',
    '"result":[]',
    '"data":[]',
)
_NONE_FOUND = re.compile(
    r"\bno (?:\w+ ){0,3}(?:found|results?|data|matches|entries|logs?|traces?)\b|\bfound 0 "
)
_OPENING: Final = " \t\r\n\"'`{[(<*#-:"
"""What may stand before the first word of a result."""


class Came(StrEnum):
    """What came back."""

    SOMETHING = "something"
    NOTHING = "nothing"
    """An empty list: there is none, or the question was wrong."""
    MISSING = "missing"
    """The thing that was asked for does not exist, says the tool."""
    FAILED = "failed"
    """The tool could not do it."""
    BLOCKED = "blocked"
    """The guard, or a person, did not let it run."""


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call under way."""

    call_id: CallId
    agent: str
    tool: str
    step: int
    action: ToolAction
    facets: tuple[EvidenceKind, ...] = ()
    exact: str = ""
    """Same for calls that are the same, character by character."""
    masked: str = ""
    """Same for calls that ask the same, in whatever words."""


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that returned."""

    seq: int
    step: int
    agent: str
    tool: str
    action: ToolAction
    facets: tuple[EvidenceKind, ...] = ()
    """Kinds of evidence that it yields; none for a mere change."""
    exact: str = ""
    masked: str = ""
    came: Came = Came.SOMETHING
    digest: str = ""
    """Same for results that are equal."""
    head: str = ""
    """How the result begins."""
    size: int = 0
    writes: int = 0
    """Changes that ran before it."""

    @property
    def effect(self) -> Effect:
        """What it did to the world."""
        return self.action.effect

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it touched."""
        return targets_of(self.action)


def changes(action: ToolAction) -> bool:
    """Tell whether a call changes something. A set of effects would call Python's own hash."""
    return action.effect is Effect.WRITE or action.effect is Effect.DESTRUCTIVE


def targets_of(action: ToolAction) -> tuple[Target, ...]:
    """Return what a call touches, operation by operation."""
    return tuple([target for operation in action.operations for target in operation.targets])


def requested(event: Event, call: ToolRequested, action: ToolAction | None) -> Call:
    """Return a call that is about to run."""
    action = action or UNCLEAR
    facets = evidence_kinds(action, tool=call.tool, arguments=call.arguments)
    return Call(
        call_id=call.call_id,
        agent=event.agent,
        tool=call.tool,
        step=event.step,
        action=action,
        facets=facets,
        exact=_digest(f"{call.tool}\0{call.arguments}"),
        masked=masked(call.tool, call.arguments, action, facets),
    )


def looked(event: Event, call: Call, returned: ToolReturned, *, writes: int) -> Look:
    """Return a call that came back."""
    head = returned.text[:HEAD]
    size = returned.size or len(returned.text)
    return Look(
        seq=event.seq,
        step=event.step,
        agent=call.agent,
        tool=call.tool,
        action=call.action,
        facets=call.facets,
        exact=call.exact,
        masked=call.masked,
        came=_came(returned, size),
        digest=returned.digest or _digest(returned.text),
        head=head,
        size=size,
        writes=writes,
    )


def masked(tool: str, arguments: str, action: ToolAction, facets: tuple[EvidenceKind, ...]) -> str:
    """Return what a call asks, in a form that wording does not change.

    A read of named objects is its facets and their names, without the tool, the namespace written
    before a name, and how the output shall look. Anything else is its tool and the letters of its
    arguments.

    >>> read = ToolAction(effect=Effect.READ)
    >>> masked("ask", '{"q": "Why?"}', read, ()) == masked("ask", '{"q":"why"}', read, ())
    True
    """
    if action.effect is Effect.READ and facets:
        names: list[str] = []
        for operation in action.operations:
            plain = _is_plain(operation)
            of = map(_of, operation.targets)
            names += of if plain else (f"{operation.program}({name})" for name in of)
            if not plain and not operation.targets:
                break  # a filter, which shows another part of the same
        else:
            if names and all(names):
                return f"{'+'.join(facets)}:{','.join(sorted(set(names)))}"
    return f"{tool}:{''.join(_LETTERS.findall(arguments.lower()))}"


_LETTERS = re.compile(r"[a-z0-9]+")
_CLIENTS = tokens("kubectl oc helm argocd flux istioctl")
_PLAIN_WORDS = tokens(
    "kubectl oc k8s kubernetes kube cluster get describe list show read fetch view inspect find"
    " resource resources object objects yaml json manifest spec status details info by name"
    " pod pods deployment deployments service services node nodes configmap event events"
    " statefulset daemonset replicaset ingress namespace log logs trace traces"
)
"""Words of tools that show an object as it is. A tool whose name says more asks something else:
`get_pods_of_service` is not a look at the service."""
_FROM = tokens("from of for used in to")


def _is_plain(operation: Operation) -> bool:
    """Tell whether an operation shows its targets as they are."""
    if operation.program in _CLIENTS:
        return operation.verb not in _WAITS
    return _is_plain_name(operation.program)


@cache
def _is_plain_name(program: str) -> bool:
    words = _WORD.findall(_CAMEL.sub(r"\1_\2", program).lower())
    return _FROM.isdisjoint(words) and _PLAIN_WORDS.issuperset(words)


_WORD = re.compile(r"[a-z]+|\d+")
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")
_WAITS = frozenset({"rollout status", "wait", "top"})
_WAIT_WORDS = tokens("wait sleep poll watch rollout progress await top")


def is_poll(look: "Look") -> bool:
    """Tell whether a call waits for something: asked again, it is no repetition.

    `kubectl rollout status`, `kubectl wait`, `-w`, a tool that is named for it, and whatever shows
    values that change by themselves: metrics and alerts.
    """
    for facet in look.facets:  # a set would call each member's hash, which is Python's
        if facet is EvidenceKind.METRICS or facet is EvidenceKind.ALERTS:
            return True
    for operation in look.action.operations:
        if operation.verb in _WAITS or operation.program in _WAIT_WORDS:
            return True
    return not look.action.operations or _is_named_for_waiting(look.tool)


@cache
def _is_named_for_waiting(tool: str) -> bool:
    return not _WAIT_WORDS.isdisjoint(tool.lower().split("_"))


def _of(target: Target) -> str:
    """Name one object without what is only a way to write it; empty for a list of everything."""
    if target.kind == "query":
        return f"query/{''.join(_LETTERS.findall(target.name.lower()))}"
    name = target.name.lower().rstrip("*-").rpartition("/")[2]
    if target.selector:
        return f"{target.kind}[{target.selector}]{name}"
    if name:
        return f"{target.kind}/{name}"
    return f"{target.kind}@{target.namespace or '*'}" if target.kind else ""


def _came(returned: ToolReturned, size: int) -> Came:
    """Tell what came back, by how it begins. Most results are plain, so words are asked first.

    A long result whose call did not fail shows something, whatever it begins with: logs are full
    of errors.
    """
    if returned.status is ToolStatus.BLOCKED:
        return Came.BLOCKED
    lowered = returned.text[:HEAD].lower()
    failed = returned.status is ToolStatus.ERROR or (size <= 2 * HEAD and _says_failed(lowered))
    whole = size <= HEAD
    if (failed or whole) and holds_any(_MISSING, lowered):
        return Came.MISSING
    if failed:
        return Came.FAILED
    return Came.NOTHING if whole and _says_nothing(lowered) else Came.SOMETHING


def _says_failed(lowered: str) -> bool:
    begins = lowered.lstrip(_OPENING)
    return begins.startswith(_FAILED) or holds_any(_FAILED_AS, lowered)


def _says_nothing(lowered: str) -> bool:
    plain = "".join(lowered.split())
    if not plain.strip("{}[]\"'`-") or holds_any(_EMPTY, plain):
        return True
    return ("no " in lowered or " 0 " in lowered) and _NONE_FOUND.search(lowered) is not None


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
