"""What an agent says that it is about to do, and whether its call is that.

Only plain statements count: a first-person clause or a gerund at the head of a sentence, with a
verb of the trade. Where the words leave room (`fix it`, `now the other one`) nothing is compared,
because a call that is stopped by mistake costs a turn and trust.
"""

import re
from collections.abc import Container, Iterator
from enum import StrEnum

import msgspec

from guardrails.actions.lettercase import folded
from guardrails.actions.prose import entities_in_prose
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction


class Deed(StrEnum):
    """What a verb does, as coarsely as people speak."""

    LOOK = "look"
    SCALE = "scale"
    RESTART = "restart"
    ROLL_BACK = "roll back"
    DELETE = "delete"
    CHANGE = "change"
    """Any other change: patch, set, apply, create."""


_DEEDS = {
    Deed.LOOK: tokens(
        "check look inspect see view list get describe examine investigate verify confirm review"
        " read query fetch compare watch monitor find gather collect search analyze analyse"
    ),
    Deed.SCALE: tokens("scale"),
    Deed.RESTART: tokens("restart bounce recycle"),
    Deed.ROLL_BACK: tokens("rollback revert undo roll"),
    Deed.DELETE: tokens("delete remove kill evict drain uninstall"),
    Deed.CHANGE: tokens("patch edit update set apply create add correct point modify increase"),
}
_BY_VERB = {verb: deed for deed, verbs in _DEEDS.items() for verb in verbs}
_BY_OPERATION = {
    "scale": Deed.SCALE,
    "rollout restart": Deed.RESTART,
    "restart": Deed.RESTART,
    "rollout undo": Deed.ROLL_BACK,
    "rollback": Deed.ROLL_BACK,
    "undo": Deed.ROLL_BACK,
    "revert": Deed.ROLL_BACK,
    "delete": Deed.DELETE,
    "drain": Deed.DELETE,
    "evict": Deed.DELETE,
    "uninstall": Deed.DELETE,
    "remove": Deed.DELETE,
    "kill": Deed.DELETE,
}
_SAME = frozenset(
    {
        # A change of replicas is a patch, and a rollback applies a revision.
        *((Deed.CHANGE, deed) for deed in (Deed.SCALE, Deed.ROLL_BACK)),
        (Deed.SCALE, Deed.CHANGE),
        (Deed.ROLL_BACK, Deed.CHANGE),
        (Deed.DELETE, Deed.CHANGE),
    }
)
"""Pairs of what is said and what is done that mean the same in other words."""

_SAID = re.compile(
    r"\b(?:i(?:['\u2019]ll|\s+will|\s+am\s+going\s+to|\s+need\s+to|\s+should|\s+must|\s+want\s+to"
    r"|['\u2019]m\s+going\s+to)|let\s+me|let['\u2019]?s|let\s+us|going\s+to|i)\s+"
    r"(?:(?:now|first|then|also|just|quickly|next|try\s+to|have\s+to)\s+)*"
    r"(?P<verb>[a-z]+)\b(?P<rest>(?:[^il.!?;\n]+|(?!\b(?:i|let)\b)[il])*)"
)
"""Like `_GERUND`, for a clause in lower case."""
_GERUND = re.compile(r"\s*(?:now,?\s+|next,?\s+)?(?P<verb>[a-z]+)ing\b(?P<rest>.*)")
_CLAUSE = re.compile(r"[.!?;\n]")
_CUES = ("i ", "i'", "i\u2019", "let", "going")
"""One of these is in whatever `_SAID` finds."""
_SEVERAL = re.compile(r"\b(?:and|both|each|all)\b")
"""As with a comma, several things are looked at one after the other, and a call is one of them."""
_QUOTED = re.compile(
    r"(?:deployments?|services?|pods?|statefulsets?|daemonsets?|jobs?|nodes?)"
    r"\s+[`'\"](?P<name>[a-z0-9][a-z0-9.-]*)[`'\"]"
)
_QUOTES = frozenset("`'\"")
_COMPOUND = re.compile(r"[-0-9]")
"""In a name that nobody takes for a word."""
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_NO_PLAN = re.compile(
    r"\b(?:not|never|without|instead\s+of|rather\s+than|before|will|would|should)\b"
)
"""In a clause that denies something, or says what it would show (`fetching the logs will tell`)."""
_PURPOSE = re.compile(r"\b(?:to|so|because|which|whether|since|that|for|in\s+order)\b|[(]")
"""What stands behind these is not what is acted on: `list the pods to find the one of checkout`."""
_PLACE = re.compile(
    r"\b(?:in|of)\s+(?:the\s+)?[`'\"]?(?!(?:th|each|all|any|same|its|our)\w*\b)"
    r"(?P<name>[a-z0-9][a-z0-9-]*)[`'\"]?\s+namespace\b"
    r"|\bnamespace\s+[`'\"]?(?!(?:to|in|with|and|or|for|is|so|by|as|on|of|from|of|now|first)\b)"
    r"(?P<after>[a-z0-9][a-z0-9-]*)"
)
_LONGEST = 4_000
"""Characters of a turn that are read, from its end: what is about to be done is said last."""


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that an agent says it is about to do."""

    deed: Deed
    words: str
    """The clause, for quoting."""
    names: tuple[str, ...] = ()
    """Objects that it names."""
    namespace: str = ""


def intents_in(text: str, *, known: Container[str] = ()) -> tuple[Intent, ...]:
    """Return what a turn says is about to be done, in order.

    Args:
        text: The turn's words.
        known: Names of objects that occurred in the run. People write `the checkout deployment`,
            where nothing but knowing the name tells it from any other word.

    >>> said = intents_in("I'll restart the checkout deployment.", known={"checkout"})
    >>> [(intent.deed, intent.names) for intent in said]
    [(<Deed.RESTART: 'restart'>, ('checkout',))]
    """
    found = (_intent(clause, match, known) for clause, match in _statements(text[-_LONGEST:]))
    return tuple(intent for intent in found if intent is not None)


def _statements(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield what is said to be done: each clause, and where in it, found in lower case.

    Most clauses of a long turn speak of what is, so they are passed over by their letters.
    """
    for clause in _CLAUSE.split(text):
        lowered = folded(clause)
        if "ing" in lowered and (gerund := _GERUND.match(lowered)) is not None:
            yield clause, gerund
        small = lowered if clause.isascii() else clause.lower()
        for cue in _CUES:
            if cue in small:
                for said in _SAID.finditer(lowered):
                    yield clause, said
                break


def mismatch(
    intents: tuple[Intent, ...], action: ToolAction, *, known: Container[str] = ()
) -> str | None:
    """Tell how a call differs from everything that was said; None when it fits, or may.

    Args:
        intents: What the turn said. Of none, everything fits.
        action: What the call means. One that was not understood fits.
        known: Names of objects that occurred in the run. Of two of them, neither stands for the
            other: `geo` is not `mongodb-geo` once both were looked at.

    Returns:
        What was said and what the call does, in a sentence.
    """
    if not intents or not action.understood or action.effect is Effect.FINISH:
        return None
    differs: str | None = None
    for intent in intents:
        differs = _difference(intent, action, known)
        if differs is None:
            return None
    return differs


def _intent(clause: str, match: re.Match[str], known: Container[str]) -> Intent | None:
    deed = _deed_of(clause[slice(*match.span("verb"))].lower())
    if deed is None:
        return None
    rest, lowered = clause[slice(*match.span("rest"))], match["rest"]
    if _NO_PLAN.search(lowered) is not None:
        return None
    purpose = _PURPOSE.search(lowered)
    end = len(rest) if purpose is None else purpose.start()
    object_, in_small = rest[:end], lowered[:end]
    several = deed is Deed.LOOK and ("," in object_ or _SEVERAL.search(in_small) is not None)
    return Intent(
        deed=deed,
        words=" ".join(clause[slice(*match.span())].split()).lstrip(".!?; "),
        names=() if several else tuple(dict.fromkeys(_names(object_, in_small, known))),
        namespace=_place_in(rest, lowered),
    )


def _place_in(words: str, lowered: str) -> str:
    """Return the namespace that a clause names; nothing if it names none."""
    place = _PLACE.search(lowered) if "namespace" in lowered else None
    return "" if place is None else words[slice(*place.span(place.lastgroup or 0))].lower()


def _deed_of(verb: str) -> Deed | None:
    """Read a verb, or what is left of one before `ing`: `scal`, `delet`, `set` + t."""
    for form in (verb, f"{verb}e", verb[:-1] if verb[-1:] == verb[-2:-1] else verb):
        if (deed := _BY_VERB.get(form)) is not None:
            return deed
    return None


def _names(words: str, lowered: str, known: Container[str]) -> Iterator[str]:
    if _COMPOUND.search(words):
        for entity in entities_in_prose(words):
            # A namespace is a place, a container a part, and "Service definition" no name.
            if entity.kind not in {"namespace", "container"} and _COMPOUND.search(entity.name):
                yield entity.name
    if not _QUOTES.isdisjoint(words):
        for quoted in _QUOTED.finditer(lowered):
            yield words[slice(*quoted.span("name"))].lower()
    if known:
        yield from (word for word in _WORD.findall(words.lower()) if word in known)


def _difference(intent: Intent, action: ToolAction, known: Container[str]) -> str | None:
    done = [op for op in action.operations if op.effect is action.effect] or [*action.operations]
    for operation in done:
        if _fits(intent, operation, action.effect, known):
            return None
    shown = _written(done[-1]) if done else action.effect.value
    return f"what was said is \u201c{intent.words}\u201d, and the call is `{shown}`"


def _fits(intent: Intent, operation: Operation, effect: Effect, known: Container[str]) -> bool:
    deed, targets = _done(operation, effect), operation.targets
    if deed is Deed.LOOK:
        # Looking before a change is prudent; looking elsewhere than said is not, if both are named.
        return intent.deed is not Deed.LOOK or _meets(intent, targets, known)
    if intent.deed is Deed.RESTART and deed is Deed.DELETE:
        # A pod that is deleted comes back; what owns it does not.
        same = all(target.kind in _COME_BACK for target in targets)
    else:
        same = intent.deed is deed or (intent.deed, deed) in _SAME
    return same and _meets(intent, targets, known)


_COME_BACK = frozenset({"pod", "job", ""})


def _done(operation: Operation, effect: Effect) -> Deed:
    if effect is Effect.READ:
        return Deed.LOOK
    found = _BY_OPERATION.get(operation.verb)
    if found is not None:
        return found
    return Deed.DELETE if effect is Effect.DESTRUCTIVE else Deed.CHANGE


def _meets(intent: Intent, targets: tuple[Target, ...], known: Container[str]) -> bool:
    """Tell whether the objects and the namespace agree, as far as both sides name them."""
    if intent.namespace:
        spaces = {target.namespace for target in targets if target.namespace}
        if spaces and intent.namespace not in spaces:
            return False
    if not intent.names:
        return True
    named = {
        target.name
        for target in targets
        if target.kind not in NO_OBJECTS and _NAME.fullmatch(target.name)
    }
    return not named or any(_alike(said, name, known) for said in intent.names for name in named)


NO_OBJECTS = frozenset({"query", "url", "file"})
"""Kinds of targets whose name is a text and not that of an object."""


_NAME = re.compile(r"[a-z0-9][a-z0-9.:-]*", re.IGNORECASE)
"""Not `-l app=web`, which some agents give as a name."""


def _alike(said: str, name: str, known: Container[str]) -> bool:
    """Tell whether two names may mean one thing: a pod or a Service of the workload, say."""
    if said not in name and name not in said:
        return False
    longer, shorter = (said, name) if len(said) > len(name) else (name, said)
    apart = said != name and said in known and name in known
    return not apart or longer.startswith(f"{shorter}-")


def _written(operation: Operation) -> str:
    names = " ".join(
        f"{target.kind}/{target.name}" if target.kind else target.name
        for target in operation.targets
        if target.name
    )
    return f"{operation.program} {operation.verb} {names}".strip()
