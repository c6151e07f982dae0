"""How an agent says that it gave up, or that a person must take over.

Only plain statements count. A text that says both, or that claims success somewhere else, is left
to be the claim that the goal asks for: the gate then judges it on evidence.
"""

import re

from guardrails.actions.lettercase import folded
from guardrails.actions.statements import Statement, Statements
from guardrails.core.claims import ClaimKind

_ACHIEVE = (
    r"(?:(?:fully|completely|successfully|yet|safely|definitively|actually)\s+)?"
    r"(?:resolve|fix|mitigate|remediate|repair|restore|recover|solve|complete|diagnose|finish)"
)
_LEARN = (
    r"(?:determine|identify|find|locate|establish|pinpoint)\s+(?:(?:the|a|any|its|what|why|an)\s+)?"
    r"(?:\w+\s+)?(?:cause|reason|source|fault|culprit|fix|solution)"
)
"""`cannot find any error` is no giving up; `cannot find the cause` is."""
_TO_DO_IT = rf"\s+(?:to|in)\s+(?:{_ACHIEVE}|{_LEARN})"
_NOT_DONE = rf"(?:\s*not|n['\u2019]t)\s+(?:be\s+{_ACHIEVE}|{_ACHIEVE}|{_LEARN})"
_NOT_KNOWN = r"(?:\s*not|n['\u2019]t)\s+be\s+(?:found|determined|identified|established)"
_SELF = r"(?:i|we)\s+(?:am|are|have|will|must|had\s+to)?\s*"
_IS = r"(?:remains?|still|is|are|was|were)\s+"
_GAVE_UP = Statements(
    Statement("un", rf"(?:able|successful){_TO_DO_IT}"),
    Statement("no", rf"t\s+able{_TO_DO_IT}"),
    Statement("failed", _TO_DO_IT),
    Statement("could", _NOT_DONE),
    Statement("can", _NOT_DONE),
    Statement("could", _NOT_KNOWN, before=r"cause\s+"),
    Statement("can", _NOT_KNOWN, before=r"cause\s+"),
    Statement("giv", r"(?:e|en|ing)\s+up\b", before=_SELF),
    Statement("gave", r"\s+up\b", before=_SELF),
    Statement("un", r"(?:resolved|fixed)\b", before=_IS),
    Statement("no", r"t\s+(?:yet\s+)?(?:resolved|fixed|mitigated|healthy|recovered)\b", before=_IS),
    Statement(
        "no",
        r"\s+(?:root\s+cause|fix|solution)\s+(?:was|has\s+been|could\s+be)\s+(?:found|identified)",
    ),
)
_PERSON = (
    r"(?:an?\s+|the\s+|our\s+)?(?:on-?call|human|person|operator|engineer|sre|sres|admin\w*|team"
    r"|support|maintainer)"
)
_NEEDS = r"(?:needs?|requires?|awaiting|waiting\s+for)\s+(?:an?\s+)?"
_WORD_MORE = r"(?:[\s-]\w+)?"
_IS_NEEDED = (
    r"\s+(?:intervention|approval|action|review)\s+(?:is|will\s+be)\s+"
    r"(?:required|needed|necessary)"
)
_NEEDS_HUMAN = Statements(
    Statement("human", _WORD_MORE, before=_NEEDS),
    Statement("manual", _WORD_MORE, before=_NEEDS),
    Statement("operator", _WORD_MORE, before=_NEEDS),
    Statement("person", _WORD_MORE, before=_NEEDS),
    Statement("oncall", _WORD_MORE, before=_NEEDS),
    Statement("on-call", _WORD_MORE, before=_NEEDS),
    Statement("human", _IS_NEEDED),
    Statement("manual", _IS_NEEDED),
    Statement("operator", _IS_NEEDED),
    Statement("escalat", rf"(?:e|es|ed|ing)\s+(?:(?:this|it|the\s+\w+|to\s+it)\s+)?to\s+{_PERSON}"),
    Statement("escalat", "ing", before=r"(?:i|we)\s+(?:recommend|am|are)\s+"),
    Statement("escalat", "e", before=r"(?:i|we)\s+must\s+"),
    Statement("hand", rf"(?:ing|ed)?\s+(?:(?:this|it)\s+)?(?:off|over)\s+to\s+{_PERSON}"),
    Statement("please", rf"\s+(?:page|ask|contact|have)\s+{_PERSON}"),
)
_NEGATED = re.compile(r"(?:\bno|\bnot|\bnever|\bwithout|n['\u2019]t)\s+(?:\w+\s+){0,2}$")
_SUCCESS = re.compile(
    r"\b(?:resolved|fixed|mitigated|remediated|restored|recovered|healthy|back\s+to\s+normal"
    r"|no\s+longer|all\s+\w+\s+(?:are|is)\s+(?:running|ready|up)|works\s+again"
    r"|root\s+cause\s+(?:is|was)|identified\s+the\s+root\s+cause)\b"
)
"""Written in small letters like the others: all of them read `folded` text."""

_WORDS: dict[str, ClaimKind] = {
    **dict.fromkeys(
        (
            *("gave_up", "give_up", "giving_up", "failed", "failure", "unresolved", "not_resolved"),
            *("unable", "incomplete", "not_fixed", "aborted", "inconclusive", "not_mitigated"),
        ),
        ClaimKind.GAVE_UP,
    ),
    **dict.fromkeys(
        (
            *("needs_human", "need_human", "human", "human_needed", "escalate", "escalated"),
            *("escalation", "needs_approval", "manual", "manual_intervention", "handoff"),
            *("hand_off", "handed_off", "blocked", "requires_human", "needs_escalation"),
        ),
        ClaimKind.NEEDS_HUMAN,
    ),
}
"""Outcome words of structured reports, other than those that claim what the goal asks for."""


def said_in_text(text: str) -> ClaimKind | None:
    """Tell whether a text plainly gives up or asks for a person."""
    said = folded(text)
    asks = _plain(_NEEDS_HUMAN, text=said)
    gives_up = _plain(_GAVE_UP, text=said)
    if not asks and not gives_up:
        return None
    rest = _GAVE_UP.without(said)
    if any(not _negated(rest, at=found.start()) for found in _SUCCESS.finditer(rest)):
        return None
    return ClaimKind.NEEDS_HUMAN if asks else ClaimKind.GAVE_UP


def said_in_word(word: str) -> ClaimKind | None:
    """Tell what the word of an outcome field says, if it is not a claim of success."""
    return _WORDS.get(re.sub(r"[\s-]+", "_", word.strip().lower()))


def _plain(statements: Statements, *, text: str) -> bool:
    """Tell whether one of the statements is made and not denied by the words before it."""
    return any(not _negated(text, at=at) for at in statements.places_in(text))


def _negated(text: str, *, at: int) -> bool:
    return _NEGATED.search(text[max(0, at - 30) : at]) is not None
