"""What a model is told when its end is refused: facts about the cluster, worst first, and short.

It names objects, fields, what was seen and what is expected, and never how the gate could be
satisfied otherwise.
"""

from collections.abc import Sequence

from guardrails.core.evidence import (
    AlertRef,
    Evidence,
    GateReport,
    GateVerdict,
    ObjectRef,
    SourceRef,
    Subject,
)
from guardrails.core.incident import Incident
from guardrails.gates.ranking import Ranked, ranked

LIMIT = 1200
"""Characters. Enough for some ten facts; more would push the task out of a small context."""

LINE_LIMIT = 260
"""Characters of one line, so that one long message does not crowd out the others."""

_SUBJECT, _FIELD, _OBSERVED, _EXPECTED = 80, 40, 60, 40
"""Characters of each part of a fact when its line is too long: all four stay, and fit it."""


def feedback(report: GateReport, *, limit: int = LIMIT, incident: Incident | None = None) -> str:
    """Write a report as the refusal that a model reads.

    Args:
        report: What the gate found.
        limit: The most characters to return.
        incident: What the run is about: its own workloads come before others of the same rank.

    Returns:
        A head, then a line for each object: what is wrong, what settles, what cannot be read.
        Within each, what somebody can change comes before what follows from it.
    """
    head = _HEADS[report.verdict]
    hard = [e for e in report.violated if e.settles_by is None or e.settles_by <= report.ended_at]
    settling = [e for e in report.violated if e not in hard]
    lines = [
        *_lines("WRONG", hard, incident),
        *_lines("NOT YET", settling, incident),
        *_lines("UNREADABLE", report.unknown, incident),
        *(f"- WAITING: {_clip(what)}" for what in report.waiting_for if not settling),
    ]
    return _fit(head, list(dict.fromkeys(lines)), limit)


_HEADS = {
    GateVerdict.FAIL: "The incident is not resolved. Observed in the cluster:",
    GateVerdict.UNKNOWN: "It cannot be confirmed that the incident is resolved:",
    GateVerdict.PENDING: "The incident is not resolved yet:",
    GateVerdict.PASS: "The incident is resolved.",
}


def _lines(word: str, facts: Sequence[Evidence], incident: Incident | None) -> list[str]:
    return [f"- {word}: {_line(group)}" for group in ranked(facts, incident)]


def _line(group: Ranked) -> str:
    first, *rest = group.facts
    subject = describe(first.subject)
    more = f" (and {group.alike} more like it)" if group.alike else ""
    whole = f"{' '.join(subject.split())}{more}{_said(first)}"
    if len(whole) > LINE_LIMIT:
        return f"{_clip(subject, _SUBJECT)}{more}{_said(first, clipped=True)}"[:LINE_LIMIT]
    for number, fact in enumerate(rest):
        longer = f"{whole};{_said(fact).removeprefix(':')}"
        if len(longer) > LINE_LIMIT - _ROOM_FOR_MORE:
            return f"{whole}; and {len(rest) - number} more of it"[:LINE_LIMIT]
        whole = longer
    return whole


_ROOM_FOR_MORE = 24
"""Characters kept free for saying how many facts of an object were left out."""


def _said(fact: Evidence, *, clipped: bool = False) -> str:
    """Write field, observed and expected; a part that is too long is cut, and none is left out."""
    most = (_FIELD, _OBSERVED, _EXPECTED) if clipped else (LINE_LIMIT, LINE_LIMIT, LINE_LIMIT)
    parts = (fact.field, fact.observed, fact.expected)
    field, observed, expected = (_clip(part, n) for part, n in zip(parts, most, strict=True))
    wanted = f"; expected {expected}" if expected else ""
    return f"{f' {field}' if field else ''}: {observed}{wanted}"


def describe(subject: Subject) -> str:
    """Write a subject in a few words."""
    match subject:
        case ObjectRef():
            place = f"{subject.namespace}/" if subject.namespace else ""
            return f"{subject.kind} {place}{subject.name}".strip()
        case AlertRef():
            labels = dict(subject.labels)
            name = labels.pop("alertname", "")
            rest = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
            return f"alert {name}{{{rest}}}" if rest else f"alert {name}"
        case SourceRef():
            return f"{subject.source} {subject.detail}".strip()


def _clip(text: str, limit: int = LINE_LIMIT) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _fit(head: str, lines: list[str], limit: int) -> str:
    kept = [head]
    used = len(head)
    for number, line in enumerate(lines):
        left = len(lines) - number
        more = f"- and {left} more."
        room = limit - used - (0 if left == 1 else len(more) + 1)
        if len(line) + 1 > room:
            if used + len(more) + 1 <= limit:
                kept.append(more)
            break
        kept.append(line)
        used += len(line) + 1
    return "\n".join(kept)[:limit]
