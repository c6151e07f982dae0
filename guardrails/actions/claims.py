"""From an agent's last words, or the report that it submits, to a claim.

The claim is what the goal asks for, unless the agent plainly says that it gave up or that a person
must take over. Doubt is resolved towards the claim of success, because that is the one that the
gate judges on evidence.
"""

import re
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from guardrails.actions.entities import entities_in_structure, entities_in_text
from guardrails.actions.outcomes import said_in_text, said_in_word
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.incident import Goal

LONGEST_CLAIM = 2_000
"""Characters of the agent's words that a claim keeps: a screenful, for people."""
_LONGEST_READ = 20_000
"""Characters of the agent's words that are searched for what they claim."""
LONGEST_REPORT = 1_000_000
"""Characters of JSON that are read; more is taken for a text."""

_BY_GOAL = {Goal.MITIGATION: ClaimKind.MITIGATED, Goal.DIAGNOSIS: ClaimKind.DIAGNOSED}
_OUTCOME_KEYS = ("outcome", "status", "result", "resolution", "state", "verdict", "conclusion")
_YES_MEANS = {
    "resolved": (None, ClaimKind.GAVE_UP),
    "mitigated": (None, ClaimKind.GAVE_UP),
    "fixed": (None, ClaimKind.GAVE_UP),
    "success": (None, ClaimKind.GAVE_UP),
    "needs_human": (ClaimKind.NEEDS_HUMAN, None),
    "escalate": (ClaimKind.NEEDS_HUMAN, None),
    "gave_up": (ClaimKind.GAVE_UP, None),
}
"""Yes-or-no fields: what `true` and what `false` say."""
_WORD_KEYS = (
    *("summary", "final_answer", "answer", "ans", "final_report", "report", "message", "output"),
    *("root_cause", "root_causes", "explanation", "description", "analysis", "conclusion"),
    *("solution", "mitigation", "reason", "reasoning", "input", "text", "content"),
)
_FENCED = re.compile(r"```(?:json)?\s*\n(?P<json>[\[{].*?)\n\s*```", re.DOTALL | re.IGNORECASE)


def read_claim(text: str, *, goal: Goal) -> Claim:
    """Read the claim of an agent's final words.

    Args:
        text: The words. JSON, alone or in a fenced block, is read as a report.
        goal: What the incident asks for; it decides the claim of a text that says neither that
            the agent gave up nor that it needs a person.

    Returns:
        The claim, with at most 2,000 characters of the words.
    """
    report = _report_in(text)
    if report is not None:
        claim = read_structured_claim(report, goal=goal)
        return msgspec.structs.replace(claim, text=_clipped(text))
    found = entities_in_text(text)
    return Claim(
        kind=said_in_text(text[:_LONGEST_READ]) or _BY_GOAL[goal],
        text=_clipped(text),
        entities=found.entities,
        unread=found.unread,
    )


def read_structured_claim(value: Mapping[str, object] | Sequence[object], *, goal: Goal) -> Claim:
    """Read the claim of a report: structured output, or the arguments of a submit tool.

    Args:
        value: The report. Outcome fields, free text, and lists of objects are all looked at; a
            text is read like final words.
        goal: What the incident asks for.

    Returns:
        The claim, with at most 2,000 characters of the report's words.
    """
    if isinstance(value, str):
        return read_claim(value, goal=goal)
    words = _words_of(value)
    kind = (_said_in_fields(value) if isinstance(value, Mapping) else None) or said_in_text(words)
    found = entities_in_structure(value)
    return Claim(
        kind=kind or _BY_GOAL[goal],
        text=_clipped(words or _as_json(value)),
        entities=found.entities,
        unread=found.unread,
    )


def _clipped(text: str) -> str:
    plain = text.strip()
    return plain if len(plain) <= LONGEST_CLAIM else plain[: LONGEST_CLAIM - 1] + "…"


def _report_in(text: str) -> Mapping[str, object] | Sequence[object] | None:
    """Find a JSON report that is the whole text or stands in a fenced block."""
    candidates = [found["json"] for found in _FENCED.finditer(text[:LONGEST_REPORT])]
    # The last block is the answer; those before it may quote what a tool returned.
    for candidate in (*reversed(candidates), text.strip()):
        report = _decoded(candidate)
        if report is not None:
            return report
    return None


def _decoded(candidate: str) -> Mapping[str, object] | Sequence[object] | None:
    if candidate[:1] not in {"{", "["} or len(candidate) > LONGEST_REPORT:
        return None
    try:
        value: object = msgspec.json.decode(candidate)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    return cast("list[object]", value) if isinstance(value, list) else None


def _said_in_fields(value: Mapping[str, object]) -> ClaimKind | None:
    """Read outcome words and yes-or-no fields; one level of nesting is common (`report`)."""
    plain = {str(key).lower(): item for key, item in value.items()}
    for key in _OUTCOME_KEYS:
        word = plain.get(key)
        if isinstance(word, str) and (said := said_in_word(word)) is not None:
            return said
    for key, (on_yes, on_no) in _YES_MEANS.items():
        answer = plain.get(key)
        if isinstance(answer, bool) and (said := on_yes if answer else on_no) is not None:
            return said
    for item in plain.values():
        fields = cast("Mapping[str, object]", item if isinstance(item, Mapping) else {})
        if not _OUTCOMES.isdisjoint(str(key).lower() for key in fields):
            return _said_in_fields(fields)
    return None


_OUTCOMES = frozenset({"outcome", "resolution", "verdict"})
"""Outcome fields that count below the top: `status` there is often an object's own."""


def _words_of(value: Mapping[str, object] | Sequence[object]) -> str:
    """Join the texts of a report's own words."""
    if not isinstance(value, Mapping):
        return "\n".join(item for item in value if isinstance(item, str))
    plain = {str(key).lower(): item for key, item in value.items()}
    texts: list[str] = []
    for key in _WORD_KEYS:
        item = plain.get(key)
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, Mapping):
            texts.append(_words_of(cast("Mapping[str, object]", item)))
    return "\n".join(text for text in texts if text)[:_LONGEST_READ]


def _as_json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")
