"""What a model is told when its end is refused: facts about the cluster, worst first, and short.

It names objects, fields, what was seen and what is expected, and never how the gate could be
satisfied otherwise.
"""

from guardrails.core.evidence import (
    AlertRef,
    Evidence,
    GateReport,
    GateVerdict,
    ObjectRef,
    SourceRef,
    Subject,
)

LIMIT = 1200
"""Characters. Enough for some ten facts; more would push the task out of a small context."""

LINE_LIMIT = 260
"""Characters of one fact, so that one long message does not crowd out the others."""


def feedback(report: GateReport, *, limit: int = LIMIT) -> str:
    """Write a report as the refusal that a model reads.

    Args:
        report: What the gate found.
        limit: The most characters to return.
    """
    head = _HEADS[report.verdict]
    hard = [e for e in report.violated if e.settles_by is None or e.settles_by <= report.ended_at]
    settling = [e for e in report.violated if e not in hard]
    lines = [
        *(_line("WRONG", e) for e in hard),
        *(_line("NOT YET", e) for e in settling),
        *(_line("UNREADABLE", e) for e in report.unknown),
        *(f"- WAITING: {_clip(what)}" for what in report.waiting_for if not settling),
    ]
    return _fit(head, list(dict.fromkeys(lines)), limit)


_HEADS = {
    GateVerdict.FAIL: "The incident is not resolved. Observed in the cluster:",
    GateVerdict.UNKNOWN: "It cannot be confirmed that the incident is resolved:",
    GateVerdict.PENDING: "The incident is not resolved yet:",
    GateVerdict.PASS: "The incident is resolved.",
}


def _line(word: str, evidence: Evidence) -> str:
    field = f" {evidence.field}" if evidence.field else ""
    expected = f"; expected {evidence.expected}" if evidence.expected else ""
    said = f"{describe(evidence.subject)}{field}: {evidence.observed}{expected}"
    return f"- {word}: {_clip(said)}"


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
