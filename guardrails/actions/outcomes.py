"""How an agent says that it gave up, or that a person must take over.

Only plain statements count. A text that says both, or that claims success somewhere else, is left
to be the claim that the goal asks for: the gate then judges it on evidence.
"""

import re

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
_GAVE_UP = re.compile(
    rf"\b(?:unable|not\s+able|failed|unsuccessful)\s+(?:to|in)\s+(?:{_ACHIEVE}|{_LEARN})"
    rf"|\b(?:could|can)(?:\s*not|n['\u2019]t)\s+(?:be\s+{_ACHIEVE}|{_ACHIEVE}|{_LEARN})"
    r"|\bcause\s+(?:could|can)(?:\s*not|n['\u2019]t)\s+be\s+(?:found|determined|identified|established)"
    r"|\b(?:i|we)\s+(?:am|are|have|will|must|had\s+to)?\s*(?:giv(?:e|en|ing)\s+up|gave\s+up)\b"
    r"|\b(?:remains?|still|is|are|was|were)\s+(?:unresolved|unfixed|not\s+(?:yet\s+)?(?:resolved|fixed"
    r"|mitigated|healthy|recovered))\b"
    r"|\bno\s+(?:root\s+cause|fix|solution)\s+(?:was|has\s+been|could\s+be)\s+(?:found|identified)",
    re.IGNORECASE,
)
_PERSON = (
    r"(?:an?\s+|the\s+|our\s+)?(?:on-?call|human|person|operator|engineer|sre|sres|admin\w*|team"
    r"|support|maintainer)"
)
_NEEDS_HUMAN = re.compile(
    r"\b(?:needs?|requires?|awaiting|waiting\s+for)\s+(?:an?\s+)?"
    r"(?:human|manual|operator|person|on-?call)(?:[\s-]\w+)?"
    r"|\b(?:human|manual|operator)\s+(?:intervention|approval|action|review)\s+(?:is|will\s+be)\s+"
    r"(?:required|needed|necessary)"
    rf"|\bescalat(?:e|es|ed|ing)\s+(?:(?:this|it|the\s+\w+|to\s+it)\s+)?to\s+{_PERSON}"
    r"|\b(?:i|we)\s+(?:recommend\s+escalating|am\s+escalating|are\s+escalating|must\s+escalate)"
    rf"|\bhand(?:ing|ed)?\s+(?:(?:this|it)\s+)?(?:off|over)\s+to\s+{_PERSON}"
    rf"|\bplease\s+(?:page|ask|contact|have)\s+{_PERSON}",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:\bno|\bnot|\bnever|\bwithout|n['\u2019]t)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
_SUCCESS = re.compile(
    r"\b(?:resolved|fixed|mitigated|remediated|restored|recovered|healthy|back\s+to\s+normal"
    r"|no\s+longer|all\s+\w+\s+(?:are|is)\s+(?:running|ready|up)|works\s+again"
    r"|root\s+cause\s+(?:is|was)|identified\s+the\s+root\s+cause)\b",
    re.IGNORECASE,
)

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
    asks = _plain(_NEEDS_HUMAN, text=text)
    gives_up = _plain(_GAVE_UP, text=text)
    if asks is None and gives_up is None:
        return None
    rest = _GAVE_UP.sub(" ", text)
    if any(not _negated(rest, at=found.start()) for found in _SUCCESS.finditer(rest)):
        return None
    return ClaimKind.NEEDS_HUMAN if asks is not None else ClaimKind.GAVE_UP


def said_in_word(word: str) -> ClaimKind | None:
    """Tell what the word of an outcome field says, if it is not a claim of success."""
    return _WORDS.get(re.sub(r"[\s-]+", "_", word.strip().lower()))


def _plain(pattern: re.Pattern[str], *, text: str) -> re.Match[str] | None:
    """Find the first statement that is not denied by the words before it."""
    return next(
        (found for found in pattern.finditer(text) if not _negated(text, at=found.start())), None
    )


def _negated(text: str, *, at: int) -> bool:
    return _NEGATED.search(text[max(0, at - 30) : at]) is not None
